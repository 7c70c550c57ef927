"""`tamis what-if` on run folders of any size: whole processes, seconds and peak memory.

    python benchmarks/what_if.py [--documents 100000 10000000] [--rounds 3] [--out DIR] [-- extra words of the command]

A real run over a small corpus is blown up: signals are drawn from its documents and jittered, so that they compress as badly
as measured ones, and hashes are drawn anew, 3 % of them twice. No text is needed. The folders are deleted afterwards.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
from run_speed import measured

import tamis
from tamis import files, folder
from tamis.shards import Shard

CHUNK, SHARD = 10_000, 100_000
"""Documents of a chunk (64 MB of web text) and of a shard."""
SHARE_OF_TWINS = 0.03
CHANGES = ["gopher_quality.min_words=30", "gopher_quality.max_symbol_share=0.2"]


def blown_up(small: str, out: Path, documents: int, seed: int = 0) -> None:
    """A run folder of so many documents that looks like a finished run, from the signals of a small one."""
    run = folder.opened(small)
    draw = np.random.default_rng(seed)
    whole = {name: pl.concat([pl.read_parquet(f"{run.folder(name)}/{chunk}") for _, chunk in run.chunk_names()]) for name in run.manifest["signals"]}
    verdicts = pl.concat(list(run.ledger()))
    shards = []
    for number, start in enumerate(range(0, documents, SHARD)):
        rows = min(SHARD, documents - start)
        shards.append(Shard(f"part-{number:05d}.parquet", f"/nowhere/part-{number:05d}.parquet", rows * 6_000, "", f"{number:016x}" + "0" * 48, rows))
        ledger = [_chunk(whole, verdicts, run, out, shards[-1], first, min(CHUNK, rows - first), draw) for first in range(0, rows, CHUNK)]
        files.write_frame(f"{out}/ledger/part-{number:05d}.parquet", pl.concat(ledger))
    files.write_json(f"{out}/inputs.json", {"decision": "", "shards": [asdict(shard) for shard in shards]})
    shutil.copy(f"{small}/recipe.yaml", out / "recipe.yaml")
    counts = {**run.manifest["counts"], "documents": documents, "readable": documents}
    files.write_json(f"{out}/manifest.json", {**run.manifest, "counts": counts})


def _chunk(
    whole: dict[str, pl.DataFrame], verdicts: pl.DataFrame, run: folder.Finished, out: Path, shard: Shard, first: int, rows: int, draw: np.random.Generator
) -> pl.DataFrame:
    """Signals of one chunk; the ledger's part for it."""
    drawn = draw.integers(0, verdicts.height, rows)
    hashes = draw.integers(0, 2**63, rows, dtype=np.uint64)
    # Twins have equal numbers everywhere: a hash that is one of few.
    twins = draw.random(rows) < SHARE_OF_TWINS
    hashes[twins] = draw.integers(0, 300_000, int(twins.sum()), dtype=np.uint64)
    name = f"{shard.fingerprint[:16]}-{first:010d}-{first + rows:010d}.parquet"
    numbers = pl.Series("row", np.arange(first, first + rows))
    for step, frame in whole.items():
        taken = frame[drawn]
        real = [column for column, kind in taken.schema.items() if kind == pl.Float64]
        hashed = [column for column in taken.columns if column.split(".")[-1] in ("_low", "_high", "_rest")]
        taken = taken.with_columns(
            numbers,
            *(pl.col(column) * (1 + 1e-9 * pl.Series(draw.random(rows))) for column in real),
            *(pl.Series(column, hashes * np.uint64(2 * i + 1)) for i, column in enumerate(hashed)),
        )
        files.write_frame(f"{out}/signals/{run.manifest['signals'][step]}/{name}", taken)
    return verdicts[drawn].with_columns(numbers, pl.lit(shard.name).alias("shard"))


def main(words: Sequence[str]) -> None:
    """Time the command on folders of each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, nargs="+", default=[100_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recipe", default=str(Path(__file__).parents[1] / "pipelines" / "web-english.yaml"))
    parser.add_argument("--out", help="where the folders are made; default: a temporary folder")
    parser.add_argument("--made", action="store_true", help="use and leave folders that --out holds already")
    parser.add_argument("--only-make", action="store_true", help="make the folders and leave them")
    given, extra = parser.parse_known_args(list(words))
    root = Path(given.out or tempfile.mkdtemp())
    if not given.made:
        raw = str(Path(__file__).parents[1] / "sample_data" / "raw")
        tamis.run(tamis.load_recipe(given.recipe), [raw], str(root / "small"))
    print(f"{'documents':>12} {'seconds':>8} {'peak MB':>8}")
    for documents in given.documents:
        out = root / str(documents)
        if not given.made:
            blown_up(str(root / "small"), out, documents)
        if given.only_make:
            continue
        command = [sys.executable, "-m", "tamis", "what-if", str(out), *([one for one in extra if one != "--"] or CHANGES)]
        rounds = [measured(command) for _ in range(given.rounds)]
        print(f"{documents:>12,} {min(seconds for seconds, _ in rounds):>8.2f} {max(peak for _, peak in rounds) / 1e6:>8.0f}")
    if not given.made and not given.only_make:
        shutil.rmtree(root)


if __name__ == "__main__":
    main(sys.argv[1:])
