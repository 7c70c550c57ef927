"""`tamis what-if` on run folders of any size: whole processes, seconds and peak memory.

    python benchmarks/what_if.py [--documents 100000 10000000] [--rounds 3] [--out DIR] [-- extra words of the command]

A real run over a small corpus is blown up: signals are drawn from its documents and jittered, so that they compress as badly
as measured ones, and hashes are drawn anew, 3 % of them twice. No text is needed. The folders are deleted afterwards.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

import tamis
from run_speed import measured
from tamis import files, folder
from tamis.shards import Shard

CHUNK, SHARD = 10_000, 100_000
"""Documents of a chunk (64 MB of web text) and of a shard."""
SHARE_OF_TWINS = 0.03
CHANGES = ["gopher_quality.min_words=30", "gopher_quality.max_symbol_share=0.2"]


@dataclass
class Small:
    """What a small run found, to draw documents from."""

    folder: str
    draw: np.random.Generator
    run: folder.Finished = field(init=False)
    signals: dict[str, pl.DataFrame] = field(init=False)
    ledger: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self.run = folder.opened(self.folder)
        chunks = [chunk for _, chunk in self.run.chunk_names()]
        self.signals = {
            name: pl.concat([pl.read_parquet(f"{self.run.folder(name)}/{chunk}") for chunk in chunks])
            for name in self.run.manifest["signals"]
        }
        self.ledger = pl.concat(list(self.run.ledger()))

    def chunk(self, out: Path, shard: Shard, first: int, rows: int) -> pl.DataFrame:
        """Write the signals of some documents; their part of the ledger."""
        drawn = self.draw.integers(0, self.ledger.height, rows)
        hashes = self.draw.integers(0, 2**63, rows, dtype=np.uint64)
        twins = self.draw.random(rows) < SHARE_OF_TWINS
        hashes[twins] = self.draw.integers(0, 300_000, int(twins.sum()), dtype=np.uint64)  # one of few, so that they recur
        numbers = pl.Series("row", np.arange(first, first + rows))
        name = f"{shard.fingerprint[:16]}-{first:010d}-{first + rows:010d}.parquet"
        for step, frame in self.signals.items():
            taken = frame[drawn]
            real = [column for column, kind in taken.schema.items() if kind == pl.Float64]
            hashed = [column for column in taken.columns if column.split(".")[-1] in ("_low", "_high", "_rest")]
            taken = taken.with_columns(
                numbers,
                *(pl.col(column) * (1 + 1e-9 * pl.Series(self.draw.random(rows))) for column in real),
                *(pl.Series(column, hashes * np.uint64(2 * i + 1)) for i, column in enumerate(hashed)),
            )
            files.write_frame(f"{out}/signals/{self.run.manifest['signals'][step]}/{name}", taken)
        return self.ledger[drawn].with_columns(numbers, pl.lit(shard.name).alias("shard"))


def blown_up(small: Small, out: Path, documents: int) -> None:
    """A run folder of so many documents that looks like a finished run."""
    shards = []
    for number, start in enumerate(range(0, documents, SHARD)):
        rows = min(SHARD, documents - start)
        shards.append(
            Shard(f"part-{number:05d}.parquet", f"/nowhere/part-{number:05d}.parquet", rows * 6_000, "", f"{number:016x}" + "0" * 48, rows)
        )
        ledger = [small.chunk(out, shards[-1], first, min(CHUNK, rows - first)) for first in range(0, rows, CHUNK)]
        files.write_frame(f"{out}/ledger/part-{number:05d}.parquet", pl.concat(ledger))
    files.write_json(f"{out}/inputs.json", {"decision": "", "shards": [asdict(shard) for shard in shards]})
    shutil.copy(f"{small.folder}/recipe.yaml", out / "recipe.yaml")
    manifest = small.run.manifest
    counts = {**manifest["counts"], "documents": documents, "readable": documents}
    files.write_json(f"{out}/manifest.json", {**manifest, "counts": counts})


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
    if given.only_make:
        _make(root, given.recipe, given.documents)
        return
    if not given.made:  # in a process of its own: what this one holds would count as what the command takes
        subprocess.run([sys.executable, __file__, *words, "--out", str(root), "--only-make"], check=True)
    print(f"{'documents':>12} {'seconds':>8} {'peak MB':>8}")
    for documents in given.documents:
        command = [sys.executable, "-m", "tamis", "what-if", str(root / str(documents)), *([one for one in extra if one != "--"] or CHANGES)]
        rounds = [measured(command) for _ in range(given.rounds)]
        print(f"{documents:>12,} {min(seconds for seconds, _ in rounds):>8.2f} {max(peak for _, peak in rounds) / 1e6:>8.0f}")
    if not given.made:
        shutil.rmtree(root)


def _make(root: Path, recipe: str, sizes: Sequence[int]) -> None:
    raw = str(Path(__file__).parents[1] / "sample_data" / "raw")
    tamis.run(tamis.load_recipe(recipe), [raw], str(root / "small"))
    small = Small(str(root / "small"), np.random.default_rng(0))
    for documents in sizes:
        blown_up(small, root / str(documents), documents)


if __name__ == "__main__":
    main(sys.argv[1:])
