"""Shards are found, cut and read by their content alone; what cannot be decoded is counted, and the rest goes on."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import corpus, data, fates, fates_in_memory, ledger, quarantine, run, split
from stages_for_tests import Length, Lower, Repeat, Twins

import tamis
from tamis import files, reading, shards, writing

STAGES = [Length(min_chars=12), Lower(), Twins(), Repeat()]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and batches so small that a few documents fill many."""
    monkeypatch.setattr(shards, "CHUNK_BYTES", 600)
    monkeypatch.setattr(reading, "PIECE_BYTES", 150)
    monkeypatch.setattr(reading, "MEASURED_BYTES", 250)


def written(folder: Path, table: pa.Table, groups: list[int]) -> Path:
    """One file with row groups of these sizes, in turn."""
    folder.mkdir()
    start = i = 0
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pages = {"write_page_checksum": True, "data_page_size": 200, "write_batch_size": 4}
    with pq.ParquetWriter(folder / "a.parquet", table.schema, **plain, **pages) as writer:
        while start < table.num_rows:
            writer.write_table(table.slice(start, groups[i % len(groups)]))
            start, i = start + groups[i % len(groups)], i + 1
    return folder


def chunks(place: Path) -> list[shards.Chunk]:
    """Chunks of all shards in a folder."""
    return list(shards.survey([str(place)], text="text").chunks)


LAYOUTS = {"one large": [60], "one a row": [1], "small": [3], "uneven": [1, 40, 2, 3], "large first": [50, 1]}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("workers", [1, 2])
def test_row_groups_do_not_matter(tmp_path: Path, name: str, workers: int) -> None:
    """Whatever the row groups and the number of workers: the same fates, the same multiset of data."""
    table = corpus()
    place = written(tmp_path / "in", table, LAYOUTS[name])
    assert len(chunks(place)) > 3
    assert any(chunk.streamed for chunk in chunks(place)) == (max(LAYOUTS[name]) > 12)
    run(STAGES, str(place), tmp_path / "out", workers=workers)
    assert fates(tmp_path / "out") == fates_in_memory(table, tamis.judge(table, STAGES))
    assert Counter(map(str, data(tmp_path / "out"))) == Counter(map(str, tamis.sift(table, STAGES).to_pylist()))
    assert [row["row"] for row in ledger(tmp_path / "out")] == list(range(60))


@settings(max_examples=30, deadline=None)
@given(groups=st.lists(st.integers(1, 40), min_size=1, max_size=5), n=st.integers(0, 70))
def test_chunks_tile_the_rows(tmp_path_factory: pytest.TempPathFactory, groups: list[int], n: int) -> None:
    """Chunks follow each other without gap or overlap, and reading all of them gives the table."""
    table = corpus(n)
    found = chunks(written(tmp_path_factory.mktemp("in") / "x", table, groups))
    borders = [(chunk.start, chunk.stop) for chunk in found]
    assert [start for start, _ in borders] == [0, *(stop for _, stop in borders)][: len(borders)]
    assert sum(stop - start for start, stop in borders) == n
    read = [reading.read(chunk) for chunk in found]
    assert [row for piece in read for row in piece.table.to_pylist()] == table.to_pylist()
    assert [row for piece in read for row in piece.numbers.tolist()] == list(range(n))


def test_streamed_is_read(tmp_path: Path) -> None:
    """A large row group decoded once, all chunks or some of them, gives what each chunk gives by itself."""
    found = chunks(written(tmp_path / "in", corpus(), [60]))
    for some in (found, found[2:], found[::3]):
        streamed = {chunk: [piece for one, piece in reading.pieces(some) if one == chunk] for chunk in found}
        assert [chunk for chunk in found if streamed[chunk]] == some
        for chunk in some:
            alone = reading.read(chunk)
            assert [row for piece in streamed[chunk] for row in piece.table.to_pylist()] == alone.table.to_pylist()
            assert [row for piece in streamed[chunk] for row in piece.numbers.tolist()] == alone.numbers.tolist()
            assert (alone.lost, [piece.lost for piece in streamed[chunk] if piece.lost]) == ((), [])


def test_dictionaries_of_many_pieces(tmp_path: Path) -> None:
    """A large row group with dictionary columns, decoded piece by piece, is the table."""
    table = corpus()
    table = table.set_column(2, "lang", table.column("lang").dictionary_encode())
    stages = [Twins(), tamis.make_stage("exact_duplicates")]
    place = split(tmp_path / "in", table, 1)
    assert any(chunk.streamed for chunk in chunks(tmp_path / "in"))
    run(stages, place, tmp_path / "out")
    assert fates(tmp_path / "out") == fates_in_memory(table, tamis.judge(table, stages))


def spoil(path: Path, column: str, group: int) -> None:
    """Flip the last byte of a column chunk: a value of its last page."""
    meta = pq.read_metadata(path)
    place = next(meta.row_group(group).column(i) for i in range(meta.num_columns) if meta.schema.column(i).path == column)
    content = bytearray(path.read_bytes())
    content[place.data_page_offset + place.total_compressed_size - 1] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("column", ["text", "lang", "score"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_corrupt_row_group_among_small_ones(tmp_path: Path, column: str, workers: int) -> None:
    """A page that fails its checksum, in whatever column, costs its row group and nothing else, and is counted."""
    table = corpus()
    place = written(tmp_path / "in", table, [3])
    assert len(chunks(place)[3].groups) > 1
    spoil(place / "a.parquet", column, 8)
    stages = [Length(min_chars=12), Lower(), Repeat()]
    manifest = run(stages, str(place), tmp_path / "out", workers=workers)
    (aside,) = quarantine(tmp_path / "out")
    assert (aside["shard"], aside["row"], aside["rows"], aside["text"]) == ("a.parquet", 24, 3, None)
    assert aside["reason"].startswith("row group 8: ")
    assert manifest["counts"]["readable"] == 57
    rest = pa.concat_tables([table.slice(0, 24), table.slice(27)])
    assert fates(tmp_path / "out") == fates_in_memory(rest, tamis.judge(rest, stages))
    assert Counter(map(str, data(tmp_path / "out"))) == Counter(map(str, tamis.sift(rest, stages).to_pylist()))
    assert any(f"3 documents set aside, see quarantine/: {aside['reason']}" in said for said in manifest["warnings"])


@pytest.mark.parametrize("column", ["text", "lang"])
@pytest.mark.parametrize("mapper", ["serial", "threads"])
def test_a_corrupt_large_row_group(tmp_path: Path, column: str, mapper: str) -> None:
    """Of a large row group all rows before the batch with the broken page are kept; those after it, which follow it in the stream, are counted."""
    table = corpus()
    place = written(tmp_path / "in", table, [60])
    spoil(place / "a.parquet", column, 0)
    stages = [Length(min_chars=12), Lower(), Twins()]
    run(stages, str(place), tmp_path / "out", mapper=mapper)
    kept = len(ledger(tmp_path / "out"))
    assert 0 < kept < 60
    assert [row["row"] for row in ledger(tmp_path / "out")] == list(range(kept))
    assert sum(row["rows"] for row in quarantine(tmp_path / "out")) == 60 - kept
    rest = table.slice(0, kept)
    assert fates(tmp_path / "out") == fates_in_memory(rest, tamis.judge(rest, stages))


@pytest.mark.parametrize("groups", [[3], [60]])
def test_a_stage_added_later_sees_the_same_documents(tmp_path: Path, groups: list[int]) -> None:
    """A later stage reads fewer columns, and is still measured on the documents of the ledger and no others."""
    table = corpus()
    place = written(tmp_path / "in", table, groups)
    spoil(place / "a.parquet", "lang", 0)
    run([Repeat()], str(place), tmp_path / "out")
    stages = [Repeat(), Length(min_chars=12), Lower(), Twins()]
    run(stages, str(place), tmp_path / "out")
    run(stages, str(place), tmp_path / "new")
    assert fates(tmp_path / "out") == fates(tmp_path / "new")
    kept = {row["id"] for row in ledger(tmp_path / "out")}
    rest = table.filter(pa.array([name in kept for name in table.column("id").to_pylist()]))
    assert fates(tmp_path / "out") == fates_in_memory(rest, tamis.judge(rest, stages))


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("groups", [[3], [60]])
def test_any_damage_is_counted(tmp_path: Path, compression: str, groups: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes overwritten at random: every row is readable or in quarantine, or the whole file is, and no other error appears."""
    monkeypatch.setattr(writing, "GROUP_BYTES", 10_000)
    draw = random.Random(f"{compression}{groups}")
    table = corpus()
    for i in range(8):
        place = tmp_path / f"in-{i}"
        split(place, table.slice(0, 5), 1)
        path = place / "b.parquet"
        pq.write_table(table, path, compression=compression, row_group_size=groups[0], write_page_checksum=bool(i % 2), data_page_size=300)
        content = bytearray(path.read_bytes())
        for _ in range(draw.randint(1, 12)):
            content[draw.randrange(4, len(content))] = draw.randrange(256)
        path.write_bytes(content)
        counts = damaged(str(place), tmp_path / f"out-{i}")
        if counts is not None and not counts["unreadable_files"]:
            assert counts["readable"] + sum(counts["quarantined"].values()) == counts["documents"]


def damaged(place: str, out: Path) -> dict[str, Any] | None:
    """The counts of a run that may refuse its input in one sentence, as when a name in the footer has changed."""
    try:
        return run([Length(min_chars=12), Lower(), Twins()], place, out, mapper="serial")["counts"]
    except tamis.DataError:
        return None


def test_arrow_reads_local_files_itself(tmp_path: Path) -> None:
    """No thread of Arrow holds a Python file, which it might let go of while Python exits (that aborts the process)."""
    place = split(tmp_path / "in", corpus(2), 1)
    with files.open_read(f"{place}/part-000.parquet") as file:
        assert isinstance(file, pa.NativeFile)
        assert not isinstance(file, pa.PythonFile)


def test_equal_files_are_measured_once(tmp_path: Path) -> None:
    """Two files of the same bytes share their signals, and each has its rows in the ledger."""
    table = corpus(8)
    place = split(tmp_path / "in", pa.concat_tables([table, table]), 2)
    run([Length(min_chars=12)], place, tmp_path / "out")
    assert len(ledger(tmp_path / "out")) == 16
    assert [row["copies"] for row in ledger(tmp_path / "out")[:8]] == [row["copies"] for row in ledger(tmp_path / "out")[8:]]
    names = [path.name for path in (tmp_path / "out" / "signals").rglob("*.parquet")]
    assert len(names) == 2 * len(chunks(tmp_path / "in")) / 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "absent", '"{0}/absent" does not exist.\nFix: name Parquet files, or folders that hold some.'),
        (lambda folder: folder, '"{0}" holds no file that ends in ".parquet".'),
    ],
)
def test_nothing_to_read(tmp_path: Path, make: Any, message: str) -> None:
    """A place with no shards is named."""
    with pytest.raises(tamis.DataError) as caught:
        shards.find([str(make(tmp_path))])
    assert str(caught.value) == message.format(tmp_path)


def test_folders_with_the_same_files(tmp_path: Path) -> None:
    """Shards of equal names in two folders are told apart by their folders; hidden files are none."""
    for name in ("x", "y"):
        split(tmp_path / name, corpus(4), 2)
    (tmp_path / "x" / ".hidden.parquet").write_bytes(b"")
    (tmp_path / "x" / "_cache").mkdir()
    (tmp_path / "x" / "_cache" / "c.parquet").write_bytes(b"")
    found = shards.find([str(tmp_path / "x"), str(tmp_path / "y")])
    assert list(found) == ["x/part-000.parquet", "x/part-001.parquet", "y/part-000.parquet", "y/part-001.parquet"]
    assert list(shards.find([str(tmp_path)])) == list(found)
