"""Near-duplicates end to end: speed, memory, recall beside theory, precision against the kept twin; and ten million short texts.

    python benchmarks/near_duplicates.py CORPUS [--workers 2] [--rounds 3]     CORPUS as benchmarks/corpus.py builds it
    python benchmarks/near_duplicates.py --short 1 10                          millions of made-up texts of about 100 bytes

A round is a process of its own. What it takes to start (imports, kernels) is printed apart; the keep-set is there when the
ledger is written (measure, relate, decide), and writing what was kept comes after. Recall and precision are computed from
the planted truth and from Python's sets of word 5-grams, by no code of tamis. Quote ratios: machines differ.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
from _planted import jaccard

BINS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.82, 0.85, 0.9, 0.95, 1.0)
JOB = """
import json, resource, sys, time
began = time.perf_counter()
from pathlib import Path
import tamis
from tamis import mappers, recipe
from tamis.progress import Say
from tamis.warm import _use
mappers.steady_memory()
loaded = recipe.load(Path(sys.argv[1]))
_use(loaded.stages)
started = time.perf_counter() - began
manifest = tamis.run(loaded, [sys.argv[2]], sys.argv[3], tamis.How(workers=int(sys.argv[4])))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"start": started, "peak": peak, **manifest["seconds"], **manifest["counts"], "not_compared": manifest["not_compared"]}))
"""


def job(stage: dict[str, object], raw: Path, out: Path, workers: int) -> dict[str, float]:
    """Run one stage over a corpus in a new process; seconds, counts and peak memory."""
    shutil.rmtree(out, ignore_errors=True)
    recipe = out.parent / "recipe.yaml"
    recipe.write_text(json.dumps({"stages": [{"near_duplicates": stage}]}))
    done = subprocess.run([sys.executable, "-c", JOB, str(recipe), str(raw), str(out), str(workers)], stdout=subprocess.PIPE, check=True)
    told = json.loads(done.stdout)
    told["relate"] = told["relate near_duplicates"]
    told["keep-set"] = told["measure"] + told["relate"] + told["decide"]
    return told


def print_rounds(rounds: list[dict[str, float]]) -> None:
    """Seconds by phase, and megabytes of text a second for the best round."""
    names = ("start", "measure", "relate", "decide", "keep-set", "write", "all")
    print("  round " + "".join(f"{name:>10}" for name in names) + f"{'peak MB':>10}")
    for i, told in enumerate(rounds, 1):
        print(f"  {i:>5} " + "".join(f"{told[name]:>10.2f}" for name in names) + f"{told['peak'] / 1e6:>10.0f}")
    best = min(rounds, key=lambda told: told["keep-set"])
    size = best["bytes"] / 1e6
    print(f"\n  {best['readable']:,} documents, {size:,.0f} MB of text; {best['readable'] - best['kept']:,} removed")
    print(f"  keep-set {size / best['keep-set']:.0f} MB/s, with writing {size / best['all']:.0f} MB/s, start-up excluded; not compared: {best['not_compared']}")


def ledger_of(raw: Path, out: Path) -> pl.DataFrame:
    """The ledger with a number for each document, and its partner's."""
    ledger = pl.read_parquet(out / "ledger" / "*.parquet").with_row_index("number")
    address = ledger.select(address=pl.format("{}:{}", "shard", "row"), partner_number="number")
    del raw
    return ledger.join(address, left_on="partner", right_on="address", how="left", maintain_order="left")


def print_precision(raw: Path, ledger: pl.DataFrame, threshold: float) -> None:
    """Of every removed document, the exact similarity with the partner that the ledger names."""
    texts = pl.read_parquet(raw / "*.parquet", columns=["text"])["text"]
    dropped = ledger.filter(pl.col("copies") == 0).select("number", "partner_number", "similarity")
    found = [(jaccard(texts[i], texts[j]), said) for i, j, said in dropped.iter_rows()]
    kept = ledger["copies"].to_numpy()[dropped["partner_number"].to_numpy()] > 0
    emptied = ledger.filter(pl.col("cluster").is_not_null()).group_by("cluster").agg(pl.col("copies").max()).filter(pl.col("copies") == 0).height
    print(f"\n  removed documents {len(found):,}: partner kept {kept.mean():.6f}, exact similarity at {threshold} or above {np.mean([s >= threshold for s, _ in found]):.6f},")
    print(f"  as the ledger says {np.mean([s == said for s, said in found]):.6f}; clusters emptied {emptied}")


def print_recall(ledger: pl.DataFrame, truth: pl.DataFrame, nominated: pl.DataFrame, bands: tuple[int, int]) -> None:
    """Planted pairs by similarity: how many share a band, what theory says, and of how many both documents stay."""
    number = ledger.select("id", "number", "copies")
    pairs = truth.join(number, on="id").join(number, left_on="of", right_on="id", suffix="_of")
    pairs = pairs.with_columns(a=pl.min_horizontal("number", "number_of").cast(pl.UInt64), b=pl.max_horizontal("number", "number_of").cast(pl.UInt64))
    # Of equal sets, one is compared for all.
    first = nominated.filter(pl.col("jaccard") == 1.0).select("b", first="a")
    for side in ("a", "b"):
        pairs = pairs.join(first, left_on=side, right_on="b", how="left").with_columns(pl.coalesce("first", side).alias(side)).drop("first")
    pairs = pairs.with_columns(a=pl.min_horizontal("a", "b"), b=pl.max_horizontal("a", "b"))
    pairs = pairs.join(nominated.select("a", "b", met=pl.lit(value=True)), on=["a", "b"], how="left")
    pairs = pairs.with_columns(met=pl.col("met").fill_null(pl.col("a") == pl.col("b")), both=(pl.col("copies") > 0) & (pl.col("copies_of") > 0))
    print(f"\n  {'similarity':<14}{'pairs':>8}{'compared':>11}{'theory':>9}{'both stay':>11}")
    for low, high in zip(BINS, (*BINS[1:], 1.1), strict=True):
        some = pairs.filter((pl.col("jaccard") >= low) & (pl.col("jaccard") < high))
        if some.height:
            theory = 1 - (1 - some["jaccard"].to_numpy() ** bands[1]) ** bands[0]
            print(f"  {low:.2f} to {min(high, 1):.2f}  {some.height:>8,}{some['met'].mean():>11.4f}{theory.mean():>9.4f}{some['both'].mean():>11.4f}")
    close = pairs.filter(pl.col("jaccard") >= 0.8)
    print(f"  0.80 and above{close.height:>8,}{close['met'].mean():>11.5f}{'':>9}{close['both'].mean():>11.5f}")


def corpus(given: argparse.Namespace, root: Path) -> None:
    """Speed, precision and recall on a corpus with planted truth."""
    raw, stage = given.corpus / "raw", {}
    print(f"{given.corpus.name}, {given.workers} workers")
    print_rounds([job(stage, raw, root / "out", given.workers) for _ in range(given.rounds)])
    ledger = ledger_of(raw, root / "out")
    print_precision(raw, ledger, 0.8)
    # The same bands, but every pair from .5 on that shares one is stored.
    job({**stage, "floor": 0.5, "bands": [16, 6]}, raw, root / "curve", given.workers)
    (place,) = (root / "curve" / "relations").rglob("*.parquet")
    print_recall(ledger, pl.read_parquet(given.corpus / "truth.parquet"), pl.read_parquet(place).drop_nulls("b"), (16, 6))


def write_short(folder: Path, millions: float, rng: np.random.Generator) -> None:
    """Texts of 16 words of a vocabulary of 20,000; a tenth are copies of others with their last word changed."""
    folder.mkdir()
    vocabulary = np.array([f"{a}{b}" for a in "bdfgklmnprst" for b in rng.permutation([f"{x}{y}{z}" for x in "aeiou" for y in "lmnrst" for z in range(100)])[:1700]])
    for shard in range(max(1, round(millions * 2))):
        words = rng.integers(0, len(vocabulary), (500_000, 16))
        copies = rng.permutation(500_000)[:100_000].reshape(2, -1)
        words[copies[0], :15] = words[copies[1], :15]
        texts = pa.array(vocabulary[words[:, 0]])
        texts = pl.select(pl.concat_str([pl.Series(vocabulary[words[:, k]]) for k in range(16)], separator=" ")).to_series().to_arrow()
        pq.write_table(pa.table({"text": texts.cast(pa.large_string())}), folder / f"part-{shard:03d}.parquet", compression="zstd", row_group_size=100_000)


def short(given: argparse.Namespace, root: Path) -> None:
    """Time and memory for very many very short documents."""
    rng = np.random.default_rng(0)
    print(f"{'millions':>9}{'MB':>7}{'measure':>9}{'relate':>8}{'decide':>8}{'keep-set':>10}{'all':>7}{'peak MB':>9}{'bytes/doc':>11}{'removed':>10}")
    for millions in given.short:
        write_short(root / f"short{millions}", millions, rng)
        told = job({}, root / f"short{millions}", root / "out", given.workers)
        seconds = "".join(f"{told[name]:>{width}.1f}" for name, width in (("measure", 9), ("relate", 8), ("decide", 8), ("keep-set", 10), ("all", 7)))
        removed = told["readable"] - told["kept"]
        print(f"{millions:>9}{told['bytes'] / 1e6:>7.0f}{seconds}{told['peak'] / 1e6:>9.0f}{told['peak'] / told['readable']:>11.0f}{removed:>10,}")
        shutil.rmtree(root / f"short{millions}")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", type=float, nargs="+", default=[], help="millions of short documents")
    parser.add_argument("--out", help="where runs are written; default: a temporary folder")
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=given.out))
    if given.corpus:
        corpus(given, root)
    if given.short:
        short(given, root)
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
