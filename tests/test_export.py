"""Exports delete nothing that is not theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from runs import run, split
from stages_for_tests import Length

from tamis import files
from tamis.errors import DataError, RunError
from tamis.export import export
from tamis.folder import Finished, opened

THINGS: dict[str, Callable[[Path], object]] = {
    "a file": lambda place: place.write_text("precious"),
    "a hidden file": lambda place: [place.mkdir(), (place / ".env").write_text("precious")],
    "a hidden folder": lambda place: (place / ".git" / "refs").mkdir(parents=True),
    "a folder that begins with _": lambda place: (place / "_data").mkdir(parents=True),
    "a link to nothing": lambda place: place.symlink_to("nowhere"),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of three documents, one dropped."""
    folder = tmp_path_factory.mktemp("export")
    shards = split(folder / "in", pa.table({"id": ["a", "b", "c"], "text": ["long enough", "no", "long enough too"]}), 2)
    run([Length(min_chars=5)], shards, folder / "out")
    return opened(str(folder / "out"))


@pytest.mark.parametrize("thing", THINGS)
def test_what_is_there_stays(finished: Finished, tmp_path: Path, thing: str) -> None:
    """An export goes only where nothing is; whatever is there, visible or not, a file or a folder, is refused and stays as it was."""
    place = tmp_path / "there"
    THINGS[thing](place)
    before = sorted((path.relative_to(tmp_path), path.is_dir() or path.is_symlink() or path.read_bytes()) for path in tmp_path.rglob("*"))
    with pytest.raises(RunError) as error:
        export(finished, None, str(place))
    assert str(error.value) == f'"{place}" is not empty.\nFix: choose a new folder.'
    assert before == sorted((path.relative_to(tmp_path), path.is_dir() or path.is_symlink() or path.read_bytes()) for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("relative", [True, False])
def test_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, relative: bool) -> None:
    """Where a run was begun with a relative path, and nothing lies there from here, both ways out are said."""
    split(tmp_path / "in", pa.table({"text": ["long enough"]}), 1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    run([Length(min_chars=5)], "in" if relative else str(tmp_path / "in"), "out")
    assert export(opened("out"), None, "there")[1] == 1
    monkeypatch.chdir(tmp_path / "elsewhere")
    if not relative:
        assert export(opened("../out"), None, "there")[1] == 1
        return
    with pytest.raises(DataError) as error:
        export(opened("../out"), None, "there")
    assert str(error.value) == (
        "in/part-000.parquet, which ../out was made from, is gone.\n"
        "Fix: put it back, or go to the folder where `tamis run` was called; the text is read from there."
    )


def test_empty_folders_are_filled(finished: Finished, tmp_path: Path) -> None:
    """A folder that is new, or there and empty, gets the export; on other file systems too."""
    (tmp_path / "empty").mkdir()
    for place in (str(tmp_path / "empty"), str(tmp_path / "new"), f"memory://{tmp_path.name}/new"):
        assert not files.holds_anything(place)
        assert export(finished, None, place) == (place, 3)
        assert files.holds_anything(place)
        assert [url.rsplit("/", 1)[1] for url in files.listing(place)] == ["part-00000.parquet"]
