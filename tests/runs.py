"""Make shards, run recipes over them, and read what a run wrote without the code that wrote it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import tamis
from tamis import files, shards
from tamis.recipe import Output, Recipe

LAWFUL = ("data", "ledger", "signals", "fitted", "relations", "quarantine", "report.json")
"""What must be the same bytes however a run went."""
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "nine", "red", "birds", "fly", "over", "old", "walls", "Äpfel", "東京", "слово"]


def corpus(n: int = 60, seed: int = 0) -> pa.Table:
    """Documents with ids, in which first lines, lines and whole texts recur."""
    draw = random.Random(seed)
    made: list[str] = []
    for i in range(n):
        body = [" ".join(draw.choices(WORDS, k=draw.randint(1, 9))) for _ in range(draw.randint(1, 4))]
        opening = draw.choice(["Welcome", "Home > News", f"Story {i}"])
        made.append(draw.choice(made) if made and draw.random() < 0.25 else "\n".join([opening, *body]))
    return pa.table({
        "id": [f"d{i}" for i in range(n)],
        "text": made,
        "lang": [draw.choice(["en", "fr", None]) for _ in range(n)],
        "score": [round(draw.random(), 3) for _ in range(n)],
    })


def split(folder: Path, table: pa.Table, cuts: int | Sequence[int] = 3, **how: Any) -> str:
    """Write a table as shards; as many as said, or cut at these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    borders = [table.num_rows * i // cuts for i in range(1, cuts)] if isinstance(cuts, int) else list(cuts)
    for i, (a, b) in enumerate(zip([0, *borders], [*borders, table.num_rows], strict=True)):
        pq.write_table(table.slice(a, b - a), folder / f"part-{i:03d}.parquet", **how)
    return str(folder)


def recipe(*stages: Any, shard_bytes: int = 2_000, **sections: Any) -> Recipe:
    """A recipe of some stages."""
    return Recipe("test", tuple(stages), output=Output(shard_bytes=shard_bytes), **sections)


def run(stages: Any, inputs: str | Sequence[str], out: Path | str, **how: Any) -> dict[str, Any]:
    """Run, hold the run to the laws of conservation, and return the manifest."""
    wanted = stages if isinstance(stages, Recipe) else recipe(*stages)
    listed = [inputs] if isinstance(inputs, str) else list(inputs)
    how = {"workers": 2, "mapper": "threads", **how}
    manifest = tamis.run(wanted, listed, str(out), tamis.How(**how))
    conserved(str(out), manifest, shards.find(listed))
    return manifest


def conserved(out: str, manifest: dict[str, Any], places: dict[str, str]) -> None:
    """Nothing is lost, and nothing appears: counted from the files themselves."""
    counts, verdicts = manifest["counts"], ledger(out)
    rows = sum(_rows(url) for name, url in places.items() if name not in counts["unreadable_files"])
    aside = quarantine(out)
    assert rows == counts["documents"]
    assert len(verdicts) + sum(row["rows"] for row in aside) == rows
    assert dict(sum((Counter({row["reason"]: row["rows"]}) for row in aside), Counter())) == counts["quarantined"]
    dropped = Counter(row["stage"] for row in verdicts if row["stage"])
    assert dropped == Counter({step["stage"]: step["dropped"] for step in manifest["funnel"] if step["dropped"]})
    assert counts["kept"] + sum(dropped.values()) == len(verdicts) == counts["readable"]
    assert counts["kept"] == sum(row["copies"] > 0 for row in verdicts)
    assert sum(row["copies"] for row in verdicts) == counts["written"] == sum(table.num_rows for table in _tables(f"{out}/data"))
    assert all(bool(row["reasons"]) == (row["copies"] == 0) == (row["stage"] is not None) for row in verdicts)
    assert files.read_json(f"{out}/manifest.json") == manifest


def _rows(url: str) -> int:
    with files.open_read(url) as file:
        return pq.read_metadata(file).num_rows


def _tables(folder: str) -> list[pa.Table]:
    found = []
    for url in files.listing(folder, ".parquet") if files.exists(folder) else []:
        with files.open_read(url) as file:
            found.append(pq.read_table(file))
    return found


def ledger(out: Path | str) -> list[dict[str, Any]]:
    """The ledger, row by row."""
    return [row for table in _tables(f"{out}/ledger") for row in table.to_pylist()]


def data(out: Path | str) -> list[dict[str, Any]]:
    """The curated documents, row by row."""
    return [row for table in _tables(f"{out}/data") for row in table.to_pylist()]


def quarantine(out: Path | str) -> list[dict[str, Any]]:
    """What was set aside, row by row."""
    return [row for table in _tables(f"{out}/quarantine") for row in table.to_pylist()]


def fates(out: Path | str) -> dict[str, tuple[Any, ...]]:
    """id → copies, stage, reasons, also and the id of the partner."""
    rows = ledger(out)
    places = {f"{row['shard']}:{row['row']}": row["id"] for row in rows}
    return {row["id"]: _fate(row, places) for row in rows}


def fates_in_memory(table: pa.Table, verdicts: pl.DataFrame) -> dict[str, tuple[Any, ...]]:
    """The same, of `judge`."""
    ids = table.column("id").to_pylist()
    places = {str(i): name for i, name in enumerate(ids)}
    return {ids[row["row"]]: _fate(row, places) for row in verdicts.iter_rows(named=True)}


def _fate(row: dict[str, Any], places: dict[str, str]) -> tuple[Any, ...]:
    partner = row.get("partner")
    return row["copies"], row["stage"], tuple(row["reasons"]), tuple(row["also"]), partner and places[partner], row.get("similarity")


def snapshot(out: Path | str, kinds: Sequence[str] = LAWFUL) -> dict[str, bytes]:
    """Path in the run folder → bytes, of what must not depend on how the run went; of the report all but how long it took."""
    out = Path(out)
    found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file() and str(path.relative_to(out)).split("/")[0] in kinds}
    return {name: _without_timings(content) if name == "report.json" else content for name, content in found.items()}


def _without_timings(content: bytes) -> bytes:
    """They come last."""
    return content[: content.index(b'\n  "timings": ')]


def inodes(out: Path | str, *kinds: str) -> dict[str, tuple[int, int]]:
    """Path in the run folder → inode and time, which change when a file is written again."""
    out = Path(out)
    found = [path for kind in kinds for path in sorted((out / kind).rglob("*")) if path.is_file()]
    return {str(path.relative_to(out)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def command(*words: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """`tamis …` in a process of its own."""
    line = [sys.executable, "-m", "tamis", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120, **options)
