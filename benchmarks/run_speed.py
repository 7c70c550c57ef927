"""The whole job beside its floor: `tamis run` without edits, and a polars copy (scan → filter → sink) of the same shards.

    python benchmarks/run_speed.py CORPUS/raw [--rounds 3] [--recipe RECIPE] [--out DIR]

Both are whole processes, imports included, in turn, on the same files; the filter of the copy keeps about as many bytes as
the recipe does. Prints seconds, MB of text a second, peak memory and the ratio round by round. Quote ratios: machines differ.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

RECIPE = "stages:\n  - gopher_quality\n  - exact_duplicates\n"
COPY = """
import polars as pl, sys
source, target, least = sys.argv[1], sys.argv[2], int(sys.argv[3])
pl.scan_parquet(source + "/*.parquet").filter(pl.col("text").str.len_bytes() >= least).sink_parquet(
    pl.PartitionBy(target, max_rows_per_file=100_000) if hasattr(pl, "PartitionBy") else target + "/copy.parquet",
    compression="zstd", compression_level=3, mkdir=True)
"""


def measured(command: list[str]) -> tuple[float, int]:
    """Seconds and peak resident bytes of a command."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - began, usage.ru_maxrss * 1024


def same_share(raw: str, kept_bytes: int) -> int:
    """The length from which on documents hold as many bytes as the recipe keeps."""
    sizes = pl.scan_parquet(f"{raw}/*.parquet").select(pl.col("text").str.len_bytes().alias("n")).collect()["n"].sort(descending=True)
    return int(sizes[int((sizes.cum_sum() < kept_bytes).sum()) - 1])


def main() -> None:
    """Measure both in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recipe", help="a recipe file; default: gopher_quality and exact_duplicates")
    parser.add_argument("--out", help="where both write; default: a temporary folder")
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=given.out))
    recipe = Path(given.recipe) if given.recipe else root / "recipe.yaml"
    if not given.recipe:
        recipe.write_text(RECIPE)
    text = pl.scan_parquet(f"{given.raw}/*.parquet").select(pl.col("text").str.len_bytes().cast(pl.UInt64).sum()).collect().item()
    job = [sys.executable, "-m", "tamis", "run", str(recipe), given.raw, "-o", str(root / "run")]
    measured(job)  # compiles kernels, warms the page cache
    kept = pl.scan_parquet(f"{root}/run/data/*.parquet").select(pl.col("text").str.len_bytes().cast(pl.UInt64).sum()).collect().item()
    least = same_share(given.raw, kept)
    copy = [sys.executable, "-c", COPY, given.raw, str(root / "copy"), str(least)]
    print(f"{text / 1e6:.0f} MB of text, {kept / text:.0%} of it kept\n")
    print(f"{'round':>5} {'copy s':>8} {'MB/s':>6} {'peak MB':>8} {'tamis s':>8} {'MB/s':>6} {'peak MB':>8} {'speed, copy = 1':>16}")
    ratios = []
    for number in range(1, given.rounds + 1):
        for folder in ("copy", "run"):
            shutil.rmtree(root / folder, ignore_errors=True)
        (a, a_peak), (b, b_peak) = measured(copy), measured(job)
        ratios.append(a / b)
        print(
            f"{number:>5} {a:>8.2f} {text / a / 1e6:>6.0f} {a_peak / 1e6:>8.0f} {b:>8.2f} {text / b / 1e6:>6.0f} {b_peak / 1e6:>8.0f} {a / b:>16.2f}"
        )
    print(f"\nmedian ratio {sorted(ratios)[len(ratios) // 2]:.2f} (aim: 0.60)")
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
