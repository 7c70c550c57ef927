"""How long rebalancing takes, and how much memory, for ten million documents of thirty topics and fifty sources.

python benchmarks/rebalance.py [ROWS]
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import polars as pl

from tamis import make_stage
from tamis.stages.rebalance import Rebalance

TOPICS, SOURCES = 30, 50
HOW = {
    "temperature, bytes": {"by": "topics.topic", "exponent": 0.5},
    "budget, crossed with sources": {"by": ["topics.topic", "source"], "exponent": 0.7, "budget": "all"},
    "best first": {"by": "topics.topic", "target": "uniform", "budget": 1e9, "prefer": ["quality.score"]},
}


def documents(rows: int) -> pl.DataFrame:
    """What `decide` sees of so many documents."""
    draw = np.random.default_rng(0)
    topics = pl.Series([f"topic {i} of the web" for i in range(TOPICS)], dtype=pl.String)
    sources = pl.Series([f"source-{i}.example.com" for i in range(SOURCES)], dtype=pl.String)
    odds = 1 / np.arange(1, TOPICS + 1)
    return pl.DataFrame(
        {
            "copies": pl.repeat(1, rows, dtype=pl.UInt8, eager=True),
            "row": pl.int_range(rows, dtype=pl.UInt64, eager=True),
            "bytes": draw.integers(100, 20_000, rows, np.uint32),
            "words": draw.integers(20, 4_000, rows, np.uint32),
            "_draw": draw.integers(0, 2**63, rows, np.uint64),
            "text._rest": draw.integers(0, 2**63, rows, np.uint64),
            "quality.score": draw.random(rows),
            "topics.topic": topics.gather(draw.choice(TOPICS, rows, p=odds / odds.sum()).astype(np.uint32)),
            "doc.source": sources.gather(draw.integers(0, SOURCES, rows, np.uint32)),
        }
    )


def main() -> None:
    """Each way in turn: seconds to decide and to account, and the largest memory since the beginning."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    frame = documents(rows)
    print(f"{rows:,} documents held in {frame.estimated_size('gb'):.2f} GB")
    for name, how in HOW.items():
        stage = make_stage("rebalance", **how)
        assert isinstance(stage, Rebalance)
        began = time.monotonic()
        copies = stage.decide(frame.lazy()).select("copies").collect()["copies"]
        decided = time.monotonic()
        said = stage.outcome(frame, copies)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        ended = time.monotonic()
        print(
            f"{name}: {decided - began:.1f} s to decide, {ended - decided:.1f} s to account, peak {peak:.2f} GB, {100 * said['farthest']:.3f} points off"
        )


if __name__ == "__main__":
    main()
