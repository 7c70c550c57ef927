"""Folders that go in and come out: broken files, changed shards, foreign folders, full disks; always a sentence and a way on."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import command, corpus, data, inodes, ledger, recipe, run, snapshot, split
from stages_for_tests import Length, Lower, Openings, Twins

import tamis
from tamis import files, shards, tally
from tamis.export import export
from tamis.folder import opened

STAGES = [Length(min_chars=12), Lower(), Twins()]


def refused(*given: object, **how: object) -> str:
    """The sentence with which a run is refused."""
    with pytest.raises(tamis.TamisError) as caught:
        run(*given, **how)
    return str(caught.value)


def test_unreadable_files(tmp_path: Path) -> None:
    """A cut-off, an empty and a garbled file are left out, counted, listed and warned about; the others go on."""
    place = Path(split(tmp_path / "in", corpus(), 5))
    whole = (place / "part-001.parquet").read_bytes()
    (place / "part-001.parquet").write_bytes(whole[: len(whole) // 2])
    (place / "part-002.parquet").write_bytes(b"")
    (place / "part-003.parquet").write_bytes(b"not a Parquet file" * 10)
    manifest = run(STAGES, str(place), tmp_path / "out")
    assert (manifest["counts"]["files"], manifest["counts"]["documents"]) == (5, 24)
    listed = files.read_json(str(tmp_path / "out" / "quarantine" / "files.json"))
    assert list(listed) == ["part-001.parquet", "part-002.parquet", "part-003.parquet"]
    assert manifest["warnings"] == [f"{name} cannot be read and was left out: {problem}." for name, problem in listed.items()]
    assert {row["shard"] for row in ledger(tmp_path / "out")} == {"part-000.parquet", "part-004.parquet"}


def test_many_unreadable_files_and_reasons(tmp_path: Path) -> None:
    """Of many files that cannot be read, and of many reasons, some are named and the others counted: nobody reads a thousand warnings."""
    place = Path(split(tmp_path / "in", corpus(), 1))
    for i in range(30):
        (place / f"x{i:02}.parquet").write_bytes(b"")
    said = run(STAGES, str(place), tmp_path / "out")["warnings"]
    assert said[7:9] == ["x07.parquet cannot be read and was left out: Parquet file size is 0 bytes.", "22 more files of 30 cannot be read; quarantine/files.json lists them all."]
    assert len(files.read_json(str(tmp_path / "out" / "quarantine" / "files.json"))) == 30
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("Parquet file size is 0 bytes") > 30
    reasons = {f"row group {i}: broken": 1 + i for i in range(10)}
    said = tally.warnings([], tally.Tally(), reasons, {}, {}, {})
    assert [line.split(" ")[0] for line in said] == ["3", "4", "5", "6", "7", "8", "9", "10", "3"]
    assert said[-1] == "3 more documents set aside for 2 other reasons."


def test_links_are_followed_and_missed(tmp_path: Path) -> None:
    """Shards behind a link to a folder are read, once, a circle is no trap, and a link that leads nowhere is warned of like a file that is cut off."""
    place, far = tmp_path / "in", tmp_path / "far"
    split(place / "own", corpus().slice(0, 20), 2)
    split(far, corpus().slice(20), 2)
    (place / "far").symlink_to(far)
    (place / "again").symlink_to(place / "own")
    (place / "own" / "circle").symlink_to(place)
    (place / "own" / "gone.parquet").symlink_to(tmp_path / "nowhere")
    manifest = run(STAGES, str(place), tmp_path / "out")
    assert [one["name"] for one in manifest["inputs"]] == ["far/part-000.parquet", "far/part-001.parquet", "own/part-000.parquet", "own/part-001.parquet"]
    assert manifest["counts"]["readable"] == corpus().num_rows
    assert manifest["warnings"] == ["own/gone.parquet cannot be read and was left out: No such file or directory."]


def test_a_file_that_is_no_shard(tmp_path: Path) -> None:
    """A table of something else among the shards is told apart from shards whose text is called otherwise."""
    place = Path(split(tmp_path / "in", corpus(), 2))
    pq.write_table(pa.table({"id_a": ["x"], "jaccard": [0.5]}), place / "pairs.parquet")
    said = f'{place}/pairs.parquet: tamis reads the column "text", which this file lacks and 2 of 3 have.\nFix: if it holds no documents, name the others instead, as {place}/part-000.parquet.'
    assert refused(STAGES, str(place), tmp_path / "out") == said
    assert not (tmp_path / "out").exists()


def test_no_readable_file(tmp_path: Path) -> None:
    """If no file can be read, that is said in a sentence, and nothing is written."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.parquet").write_bytes(b"x" * 50)
    (tmp_path / "in" / "b.parquet").write_bytes(b"")
    assert refused(STAGES, str(tmp_path / "in"), tmp_path / "out").startswith("none of the 2 files can be read; a.parquet: Parquet magic bytes not found in footer.")
    assert not (tmp_path / "out").exists()


def test_a_mended_file(tmp_path: Path) -> None:
    """A file that was unreadable and is mended is a new shard; one that breaks has changed."""
    place = Path(split(tmp_path / "in", corpus(), 3))
    whole = (place / "part-001.parquet").read_bytes()
    (place / "part-001.parquet").write_bytes(whole[:-9])
    run(STAGES, str(place), tmp_path / "out")
    (place / "part-001.parquet").write_bytes(whole)
    assert "1 of the shards, part-001.parquet first, were not there" in refused(STAGES, str(place), tmp_path / "out")
    run(STAGES, str(place), tmp_path / "out", add=True)
    run(STAGES, str(place), tmp_path / "new")
    assert snapshot(tmp_path / "out", ("data", "ledger", "quarantine")) == snapshot(tmp_path / "new", ("data", "ledger", "quarantine"))
    (place / "part-001.parquet").write_bytes(whole[:-9])
    assert "part-001.parquet changed since" in refused(STAGES, str(place), tmp_path / "out")


def test_a_run_is_an_input(tmp_path: Path) -> None:
    """A finished run stands for its data; an unfinished one is no input."""
    run([Length(min_chars=12)], split(tmp_path / "in", corpus()), tmp_path / "first")
    run([Lower()], str(tmp_path / "first"), tmp_path / "second")
    assert [row["id"] for row in data(tmp_path / "second")] == [row["id"] for row in data(tmp_path / "first")]
    (tmp_path / "first" / "manifest.json").unlink()
    said = refused([Lower()], str(tmp_path / "first"), tmp_path / "third")
    assert said == f'the run in "{tmp_path}/first" was not finished, so that its data are not whole.\nFix: repeat its `tamis run` command; it does what is left.'


@pytest.mark.parametrize("inside", ["in/out", "in/deep/out"])
def test_out_inside_the_input(tmp_path: Path, inside: str) -> None:
    """A run folder among the shards would be its own input the next time: refused."""
    place = split(tmp_path / "in", corpus())
    said = refused(STAGES, place, tmp_path / inside)
    assert said == f"{tmp_path}/{inside} lies inside {place}, whose files are the input.\nFix: choose an --out outside of it."


def test_a_run_does_not_read_what_it_writes(tmp_path: Path) -> None:
    """A run over its own data would delete them: refused, also by another name, and with --fresh."""
    run([Length()], split(tmp_path / "in", corpus()), tmp_path / "out")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for place in (tmp_path / "out", tmp_path / "link", tmp_path / "out" / "data" / "part-00000.parquet"):
        assert refused([Lower()], str(place), tmp_path / "out", fresh=True).endswith(f"lies inside {tmp_path}/out, and a run does not read what it writes.\nFix: choose another --out.")
    assert len(data(tmp_path / "out")) == 60


def test_foreign_folders(tmp_path: Path) -> None:
    """A folder with somebody's files is not written into; an empty one is; a file is no folder."""
    place = split(tmp_path / "in", corpus())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    assert refused(STAGES, place, tmp_path / "mine") == f'"{tmp_path}/mine" holds files and is not a run folder.\nFix: choose a new --out.'
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    assert refused(STAGES, place, tmp_path / "mine" / "thesis.txt") == f"{tmp_path}/mine/thesis.txt could not be written: File exists.\nFix: choose another --out."
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
    assert refused(STAGES, place, tmp_path / "mine" / "thesis.txt" / "out") == f"{tmp_path}/mine/thesis.txt/out could not be written: Not a directory.\nFix: choose another --out."
    (tmp_path / "empty").mkdir()
    run(STAGES, place, tmp_path / "empty")


def test_an_old_folder(tmp_path: Path) -> None:
    """Results of another recipe are cleared: no shard, no quarantine, no report of them stays among the new ones."""
    table = corpus()
    table = table.set_column(1, "text", pa.array([None, *table.column("text").to_pylist()[1:]]))
    place = split(tmp_path / "in", table)
    run(recipe(shard_bytes=100), place, tmp_path / "out")
    run(STAGES, place, tmp_path / "out")
    run(STAGES, place, tmp_path / "new")
    kinds = ("data", "ledger", "quarantine", "report.json", "report.md", "README.md")
    assert snapshot(tmp_path / "out", kinds) == snapshot(tmp_path / "new", kinds)


@pytest.mark.skipif(os.geteuid() != 0 and not shutil.which("fusermount"), reason="root writes everywhere; a read-only mount is needed")
def test_a_read_only_folder(tmp_path: Path) -> None:
    """A folder that may not be written is named in a sentence."""
    place = split(tmp_path / "in", corpus(4))
    out = "/proc/tamis/out" if os.geteuid() == 0 else "/tamis-out"
    assert refused(STAGES, place, out).startswith(f"{out} could not be written: ")


def test_changed_shards(tmp_path: Path) -> None:
    """A changed shard stops the run with its sizes; --fresh goes on, and measures only what changed."""
    place = Path(split(tmp_path / "in", corpus(), 3))
    run(STAGES, str(place), tmp_path / "out")
    old = (place / "part-001.parquet").stat().st_size
    before = inodes(tmp_path / "out", "signals")
    pq.write_table(corpus(33, seed=5), place / "part-001.parquet", compression="none")
    new = (place / "part-001.parquet").stat().st_size
    said = refused(STAGES, str(place), tmp_path / "out")
    assert said == (
        f"{place}/part-001.parquet changed since {tmp_path}/out was begun ({old / 1000:.1f} kB then, {new / 1000:.1f} kB now).\n"
        "Fix: choose a new --out, or repeat the run with --fresh."
    )
    run(STAGES, str(place), tmp_path / "out", fresh=True)
    after = inodes(tmp_path / "out", "signals")
    assert before.items() <= after.items()
    assert len(after) - len(before) == 4
    run(STAGES, str(place), tmp_path / "new")
    assert snapshot(tmp_path / "out", ("data", "ledger")) == snapshot(tmp_path / "new", ("data", "ledger"))


def test_removed_shards(tmp_path: Path) -> None:
    """A shard that is gone stops the run; --fresh goes on without it and measures nothing."""
    place = Path(split(tmp_path / "in", corpus(), 3))
    run(STAGES, str(place), tmp_path / "out")
    (place / "part-000.parquet").unlink()
    said = refused(STAGES, str(place), tmp_path / "out")
    assert said == f"part-000.parquet, with which {tmp_path}/out was begun, is not among the shards any more.\nFix: choose a new --out, or repeat the run with --fresh."
    assert "is not among the shards any more" in refused(STAGES, str(place), tmp_path / "out", add=True)
    before = inodes(tmp_path / "out", "signals")
    run(STAGES, str(place), tmp_path / "out", fresh=True)
    assert inodes(tmp_path / "out", "signals") == before
    run(STAGES, str(place), tmp_path / "new")
    assert snapshot(tmp_path / "out", ("data", "ledger", "report.json")) == snapshot(tmp_path / "new", ("data", "ledger", "report.json"))


def test_added_shards(tmp_path: Path) -> None:
    """A new shard stops the run; --add goes on, and leaves the old signals as they are, wherever the new one stands."""
    place = Path(split(tmp_path / "in", corpus(), 3))
    run(STAGES, str(place), tmp_path / "out")
    pq.write_table(corpus(10, seed=5), place / "part-000a.parquet")
    said = refused(STAGES, str(place), tmp_path / "out")
    assert said == f"1 of the shards, part-000a.parquet first, were not there when {tmp_path}/out was begun.\nFix: repeat the run with --add, or choose a new --out."
    before = inodes(tmp_path / "out", "signals")
    run(STAGES, str(place), tmp_path / "out", add=True)
    assert before.items() <= inodes(tmp_path / "out", "signals").items()
    run(STAGES, str(place), tmp_path / "new")
    assert snapshot(tmp_path / "out", ("data", "ledger", "report.json")) == snapshot(tmp_path / "new", ("data", "ledger", "report.json"))


def test_a_file_that_only_looks_changed(tmp_path: Path) -> None:
    """A file written again with the same bytes is the same shard."""
    place = Path(split(tmp_path / "in", corpus(), 2))
    run(STAGES, str(place), tmp_path / "out")
    content = (place / "part-000.parquet").read_bytes()
    (place / "part-000.parquet").unlink()
    (place / "part-000.parquet").write_bytes(content)
    os.utime(place / "part-000.parquet", (1, 1))
    run(STAGES, str(place), tmp_path / "out")


def test_shards_that_moved(tmp_path: Path) -> None:
    """A finished run whose shards are elsewhere now is still finished, and by the same command it learns where its text is."""
    place = split(tmp_path / "in", corpus(), 2)
    run(STAGES, place, tmp_path / "out")
    before = inodes(tmp_path / "out", "data", "ledger", "signals")
    (tmp_path / "in").rename(tmp_path / "moved")
    with pytest.raises(tamis.TamisError, match=r"part-000.parquet, which .* was made from, is gone"):
        export(opened(str(tmp_path / "out")), None)
    run(STAGES, str(tmp_path / "moved"), tmp_path / "out")
    assert inodes(tmp_path / "out", "data", "ledger", "signals") == before
    assert export(opened(str(tmp_path / "out")), None)[1] == 60


def test_hidden_files_stay(tmp_path: Path) -> None:
    """A new run removes nothing from the folder it is given, such as what keeps an empty folder in git."""
    place = split(tmp_path / "in", corpus(10), 1)
    (tmp_path / "out" / "data").mkdir(parents=True)
    (tmp_path / "out" / "data" / ".gitkeep").write_text("")
    run(STAGES, place, tmp_path / "out")
    assert (tmp_path / "out" / "data" / ".gitkeep").exists()


def test_no_room_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that cannot hold the run is refused before the first chunk, with both numbers."""
    place = split(tmp_path / "in", corpus())
    monkeypatch.setattr(files, "free_bytes", lambda _: 500_000)
    said = refused(STAGES, place, tmp_path / "out")
    assert said == f"{tmp_path}/out needs up to 1.0 MB and the disk has 500 kB free.\nFix: free some space, or choose an --out on another disk."
    assert not (tmp_path / "out" / "signals").exists()


def limited(size: int) -> object:
    """For a child process: files may grow to so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [3_000])
def test_no_room_in_the_middle(tmp_path: Path, size: int) -> None:
    """When writing fails in the middle, wherever that is, one sentence says so; the same command makes the same bytes."""
    place = split(tmp_path / "in", corpus(600), 3)
    (tmp_path / "test.yaml").write_text("stages: [unicode, exact_duplicates]\noutput: {shard_bytes: 100MB}\n")
    line = ["run", tmp_path / "test.yaml", place, "-o"]
    done = command(*line, tmp_path / "out", preexec_fn=limited(size))
    assert (done.returncode, done.stdout) == (2, "")
    *_, error, fix, end = done.stderr.split("\n")
    assert error.startswith(f"Error: {tmp_path}/out/")
    assert error.endswith(" could not be written: no space left on the disk. What was finished is kept.")
    assert (fix, end) == ("Fix: free some space and repeat the same command.", "")
    before = inodes(tmp_path / "out", "signals")
    assert not [name for name in before if name.endswith("~")]
    assert command(*line, tmp_path / "out").returncode == 0
    assert before.items() <= inodes(tmp_path / "out", "signals").items()
    run(tamis.load_recipe(tmp_path / "test.yaml"), place, tmp_path / "new")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "new")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("pages", [0, 1, 2, 3, 6, 12])
def test_a_full_disk(tmp_path: Path, disk: Path, pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a disk that is really full, where not even a line of the log can be written."""
    place = split(tmp_path / "in", corpus(600), 3)
    stages = [tamis.make_stage("unicode"), tamis.make_stage("exact_duplicates")]
    (disk / "out").mkdir()

    def fill(_: str) -> None:
        """After the check the disk fills up, all but so many pages."""
        (disk / "filler").write_bytes(bytes(max(0, os.statvfs(disk).f_bavail - pages) * 4096))

    with monkeypatch.context() as patched:
        patched.setattr(files, "free_bytes", fill)
        said = refused(stages, place, disk / "out")
    assert said.endswith(" could not be written: no space left on the disk. What was finished is kept.\nFix: free some space and repeat the same command.")
    (disk / "filler").unlink()
    run(stages, place, disk / "out")
    run(stages, place, tmp_path / "new")
    assert snapshot(disk / "out") == snapshot(tmp_path / "new")


def test_a_disk_that_only_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file cannot even be begun, that it cannot be deleted either is not what is said."""
    (tmp_path / "file").write_text("")

    def only_reads(_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "unlink", only_reads)
    with pytest.raises(tamis.RunError, match=r"file/x could not be written: File exists\.\nFix: choose another --out\."), files.writing(f"{tmp_path}/file/x"):
        pass


def test_on_an_object_store(tmp_path: Path) -> None:
    """Input and output may be URLs: the same ledger, data and quarantine as on the disk, also with several workers at once."""
    import fsspec

    memory = fsspec.filesystem("memory")
    table = corpus()
    table = table.set_column(1, "text", pa.array([None, *table.column("text").to_pylist()[1:]]))
    place = split(tmp_path / "in", table, 12)
    name = tmp_path.name
    memory.put(place, f"/{name}/_shards", recursive=True)
    url = f"memory://{name}"
    try:
        assert list(shards.find([f"{url}/_shards"])) == list(shards.find([place]))
        run([*STAGES, Openings()], f"{url}/_shards/", f"{url}/out", workers=4)
        run([*STAGES, Openings()], place, tmp_path / "out")
        assert (ledger(f"{url}/out"), data(f"{url}/out")) == (ledger(tmp_path / "out"), data(tmp_path / "out"))
        before = {path: memory.cat_file(path) for path in memory.find(f"/{name}/out")}
        files.remove(f"{url}/out/report.html")
        run([*STAGES, Openings()], f"{url}/_shards", f"{url}/out", workers=4)
        after = {path: memory.cat_file(path) for path in memory.find(f"/{name}/out")}
        timed = [f"/{name}/out/{file}" for file in ("manifest.json", "report.json", "report.html")]
        assert {path: one for path, one in before.items() if path not in timed} == {path: one for path, one in after.items() if path not in timed}
        run(STAGES, url + "/out", f"{url}/second")
        assert sorted(os.path.basename(path) for path in memory.find(f"/{name}/out/data")) == sorted(path.name for path in (tmp_path / "out" / "data").iterdir())
    finally:
        memory.rm(f"/{name}", recursive=True)


def test_what_is_replaced_is_said(tmp_path: Path) -> None:
    """A finished run that another recipe takes the place of is not overwritten without a word; the first run, and its repeat, say none."""
    place = split(tmp_path / "in", corpus(), 2)
    said = []
    for least in (30, 30, 20):
        (tmp_path / "recipe.yaml").write_text(f"stages: [{{gopher_quality: {{min_words: {least}}}}}]\n")
        done = command("run", tmp_path / "recipe.yaml", place, "-o", tmp_path / "out")
        said.append("What was written here, with other limits or other input, is replaced" in done.stderr)
        assert done.returncode == 0
    assert said == [False, False, True]
