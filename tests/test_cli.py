"""Commands: results on stdout, the rest on stderr; 0 for done, 2 for what the user can mend, 1 for our own faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import command, ledger, run, snapshot, split
from stages_for_tests import Length, Lower, Twins

import tamis

Tamis = Callable[..., tuple[int, str, str]]
TABLE = pa.table({
    "id": ["a", "b", "a", "d", "e", "f"],
    "text": ["Same text", "short", "Same text", None, "", "much longer text " * 3],
    "lang": ["en", "fr", None, "en", "fr", "fr"],
    "note": ["x y", "z", "x y", "w", "v", "u"],
})
MINE = '''
"""Rules of a user."""

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from tamis import Filter


def vowels(text):
    return sum(text.count(vowel) for vowel in "aeiou")


@dataclass(frozen=True)
class Vowels(Filter):
    """Keep documents with few vowels."""

    max_vowels: float | None = 9

    reasons: ClassVar = {"max_vowels": "too many vowels"}
    measured_by: ClassVar = ()

    def measure(self, docs):
        return pl.DataFrame({"vowels": pl.Series([vowels(text) for text in docs.column("text").to_pylist()], dtype=pl.UInt32)})

    def fit(self, scan):
        return str(sum(scan.map(count))).encode()


def count(docs):
    return docs.num_rows
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with shards, a recipe and a finished run."""
    monkeypatch.chdir(tmp_path)
    split(tmp_path / "in", TABLE, 2)
    Path("web.yaml").write_text("stages:\n  - stages_for_tests:Lower\n  - stages_for_tests:Length: {min_chars: 6, where: lang != 'xx'}\n  - exact_duplicates\n")
    run(tamis.load_recipe("web.yaml"), "in", "out")
    return tmp_path


def test_run(folder: Path, tamis_command: Tamis) -> None:
    """The funnel, the warnings and the next step on stdout; what is going on on stderr."""
    code, out, err = tamis_command("run", "web.yaml", "in", "-o", "new")
    assert code == 0
    assert "\n".join(line for line in out.splitlines() if "new/data" not in line) == (
        "\n"
        "  stage                dropped   share   most common reason\n"
        "  1 lower                    0   edits\n"
        "  2 length                   3   60.0%   chars not measurable\n"
        "  3 exact_duplicates         0    0.0%\n"
        "  kept                       2   40.0%\n"
        "\n"
        "Warning: 1 document set aside, see quarantine/: the text is null.\n"
        "Warning: 1 document with an id that an earlier one has; `tamis explain` shows all of an id.\n"
        "\n"
        "Next: open new/report.html, or ask `tamis explain new ID` about a document."
    ) or "length                   2" in out
    assert any(line.startswith("web: 3 stages over 2 shards, 6 documents, ") for line in err.splitlines())  # before it perhaps that kernels are compiled
    assert snapshot("new", ("data", "ledger")) == snapshot("out", ("data", "ledger"))


def test_run_as_json(folder: Path, tamis_command: Tamis) -> None:
    """--json prints the manifest and nothing else."""
    code, out, _ = tamis_command("run", "web.yaml", "in", "-o", "new", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(Path("new/manifest.json").read_text())


def test_a_complete_run(folder: Path, tamis_command: Tamis) -> None:
    """A complete run says so and shows its funnel again."""
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*") if path.is_file() and path.name != ".lock"}
    code, out, err = tamis_command("run", "web.yaml", "in", "-o", "out")
    assert (code, err.splitlines()[-1]) == (0, "Nothing is left to do: this run is complete.")
    assert "  kept " in out
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("flag", [(), ("--json",)])
def test_dry_run(folder: Path, tamis_command: Tamis, flag: tuple[str, ...]) -> None:
    """--dry-run shows the plan and writes nothing at all."""
    code, out, _ = tamis_command("run", "web.yaml", "in", "-o", "new", "--dry-run", *flag)
    assert code == 0
    assert not Path("new").exists()
    if flag:
        plan = json.loads(out)
        assert (plan["shards"], plan["documents"], [step["stage"] for step in plan["stages"]]) == (2, 6, ["lower", "length", "exact_duplicates"])
    else:
        lines = out.splitlines()
        assert lines[0] == f"web: 2 shards, 6 documents, {lines[0].split(', ')[2]}, 2 chunks"
        assert lines[1:8] == [
            "columns: id (string), text (string), lang (string), note (string)",
            "",
            "  stage                reads   decides by       measured",
            "  1 lower              text                     0 of 2 chunks",
            "  2 length             text    doc.lang         0 of 2 chunks",
            "  3 exact_duplicates   text    (whole corpus)   0 of 2 chunks",
            "",
        ]
        assert lines[-1] == "Nothing was written."


MISTAKES = {
    ("run", "wep.yaml", "in", "-o", "new"): 'Error: the recipe "wep.yaml" does not exist. Did you mean "web.yaml"?\n',
    ("run", "web.yaml", "inn", "-o", "new"): 'Error: "inn" does not exist.\nFix: name Parquet files, or folders that hold some.\n',
    ("run", "web.yaml", "in", "-o", "in"): "Error: in lies inside in, whose files are the input.\nFix: choose an --out outside of it.\n",
    ("run", "web.yaml", "in", "-o", "new", "--mapper", "thread"): 'Error: there is no mapper "thread". Did you mean "threads"?\n',
    ("explain", "in", "a"): 'Error: "in" is not a run folder.\nFix: name the folder that `tamis run … -o` wrote.\n',
    ("explain", "out", "zzz"): 'Error: out has no document "zzz".\nFix: give an id of the data, or an address like "part-000.parquet:0".\n',
    ("explain", "out", "part-000.parquet:77"): 'Error: out has no document "part-000.parquet:77".\nFix: give an id of the data, or an address like "part-000.parquet:0".\n',
    ("explain", "out", "part-000.parquet:²"): 'Error: out has no document "part-000.parquet:²".\nFix: give an id of the data, or an address like "part-000.parquet:0".\n',
    ("export", "out", "--where", "stage ="): 'Error: the condition "stage =" cannot be read: ',
    ("export", "out", "--where", "stag == 'x'"): 'Error: the condition asks about "stag", which neither the ledger nor the data has. Did you mean "stage"?\n',
    ("export", "out", "--where", "lengths.chars > 2"): 'Error: the condition asks about "lengths.chars", and there is no stage "lengths". Did you mean "length"?\n',
    ("export", "out", "--where", "length.char > 2"): 'Error: the condition asks about "length.char", which length does not measure. Did you mean "chars"?\n',
    ("export", "out", "--where", "lang > 2"): 'Error: the condition "lang > 2" cannot be computed: ',
    ("export", "out", "--where", "stage == 'lenght'"): 'Error: the condition asks about the stage "lenght", which out does not have. Did you mean "length"?\n',
    ("export", "out", "--where", "copies > 0 or stage in ['length', 'x']"): 'Error: the condition asks about the stage "x", which out does not have. There are stages: lower, length, exact_duplicates.\n',
    ("export", "out", "--where", "char > 2"): 'Error: the condition asks about "char", which neither the ledger nor the data has. Did you mean "length.chars"?\n',
    ("export", "out", "--where", "x > 2"): 'Error: the condition asks about "x", which neither the ledger nor the data has. There are columns: shard, row, id, copies, stage, reasons, also, partner and 5 more.\n',
    ("run", "in", "web.yaml", "-o", "new"): 'Error: the recipe "in" is a folder.\nFix: name the recipe first, then the shards: tamis run RECIPE SHARDS… -o OUT\n',
    ("run", "web.yaml", "in/*.parket", "-o", "new"): 'Error: nothing matches "in/*.parket".\nFix: name Parquet files, or folders that hold some.\n',
    ("what-if", "out", "length.min_chars=-1", "length.max_chars=-2"): 'Error: what-if, stage 2: length: "min_chars" is -1 and "max_chars" is -2: nothing could pass.\n',
    ("what-if", "out", "exact_duplicates.prefer=[lenght]"): 'Error: exact_duplicates would decide by the column "lenght", which out does not keep. Did you mean "length"?',
    ("export", "out", "--to", "in"): 'Error: "in" is not empty.\nFix: choose a new folder.\n',
    ("stages", "gopher"): 'Error: there is no stage "gopher". ',
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_mistakes(folder: Path, tamis_command: Tamis, words: tuple[str, ...]) -> None:
    """A user's mistake is one sentence on stderr and exit code 2; nothing on stdout, nothing written."""
    code, out, err = tamis_command(*words)
    assert (code, out) == (2, "")
    assert err[: len(MISTAKES[words])] == MISTAKES[words]
    assert "Traceback" not in err
    assert not Path("new").exists()


RECIPES = {  # a stage → what is wrong with it over the data
    "gopher_quality: {by: {langs: {fr: {min_words: 3}}}}": 'stage 2: gopher_quality decides by the column "langs", which the data lacks. Did you mean "lang"?',
    "gopher_quality: {where: source == 'web'}": 'stage 2: gopher_quality decides by the column "source", which the data lacks. There are columns: id, text, lang, note.\n'
    "Fix: add it to the shards, or say which it is in the recipe: columns: {source: …}.",
    "best: {of: quality.score}": 'stage 2: best decides by "quality.score", which no stage above it measures. There are signals: text.bytes, unicode.removed_chars, unicode.newlines_changed, unicode.normalised.',
    "near_duplicates: {prefer: [lenght]}": 'stage 2: near_duplicates decides by the column "lenght", which the data lacks. Did you mean "length"?',
    "best: {of: text.bytes, within: [lenght]}": 'stage 2: best decides by the column "lenght", which the data lacks. Did you mean "length"?',
    "rules: {min: {text: 0.2}}": 'stage 2: rules: "min" and "max" want numbers, and the column "text" holds text.',
    "rules: {min: {stars: 0.2}}": 'stage 2: rules reads the column "stars", which the data lacks. There are columns: id, text, lang, note.',
}


def test_all_columns_that_are_missing_are_named(folder: Path, tamis_command: Tamis) -> None:
    """Whoever has to mend the columns is told of all of them at once, each with the first stage that asks for it."""
    Path("far.yaml").write_text("stages:\n- rules: {min: {stars: 0.2}}\n- rules: {max: {stars: 9, year: 5}}\n- near_duplicates: {prefer: [lenght]}\n")
    code, out, err = tamis_command("run", "far.yaml", "in", "-o", "new")
    assert (code, out) == (2, "")
    columns = "There are columns: id, text, lang, note."
    assert err.partition("\n")[2] == (
        f'Error: far.yaml, stage 1: rules reads the column "stars", which the data lacks. {columns}\n'
        f'far.yaml, stage 2: rules_2 reads the column "year", which the data lacks. {columns}\n'
        'far.yaml, stage 3: near_duplicates decides by the column "lenght", which the data lacks. Did you mean "length"?\n'
    )
    assert not Path("new").exists()


@pytest.mark.parametrize("stage", RECIPES)
def test_recipes_over_other_data(folder: Path, tamis_command: Tamis, stage: str) -> None:
    """What a recipe asks of the data and they lack is said with the recipe and the number of the stage, before anything is written."""
    Path("other.yaml").write_text(f"stages:\n  - unicode\n  - {stage}\n")
    code, out, err = tamis_command("run", "other.yaml", "in", "-o", "new")
    assert (code, out) == (2, "")
    assert err[err.index("Error:") :] == f"Error: other.yaml, {RECIPES[stage]}\n"
    assert not Path("new").exists()


def test_usage(tamis_command: Tamis) -> None:
    """A command that is not understood is refused with 2; help and version are 0."""
    assert tamis_command("run")[0] == 2
    assert tamis_command("run", "a.yaml", "in", "-o", "x", "--workers", "0")[:2] == (2, "")
    assert tamis_command("sieve")[:2] == (2, "")
    assert tamis_command("--version") == (0, f"tamis {tamis.__version__}\n", "")
    assert tamis_command("--help")[0] == 0


def test_the_list_of_commands_is_whole(tamis_command: Tamis) -> None:
    """On a terminal of 80 columns every command has a sentence of one line that is not cut."""
    listed = tamis_command("--help")[1].partition("Commands:\n")[2].splitlines()
    assert len(listed) > 14
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


def test_our_own_fault(tmp_path: Path) -> None:
    """An error that is no user's mistake ends with 1 and a traceback, on stderr."""
    (tmp_path / "odd.py").write_text("from dataclasses import dataclass\nfrom tamis import Stage\n\n@dataclass(frozen=True)\nclass Odd(Stage):\n    def check(self):\n        raise ZeroDivisionError\n")
    (tmp_path / "odd.yaml").write_text("stages: ['odd.py:Odd']")
    done = command("run", tmp_path / "odd.yaml", split(tmp_path / "in", TABLE, 1), "-o", tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (1, "", "ZeroDivisionError")


def test_explain(folder: Path, tamis_command: Tamis) -> None:
    """A document is explained by id and by address; an id that repeats shows all its documents."""
    by_id, by_address = tamis_command("explain", "out", "b"), tamis_command("explain", "out", "part-000.parquet:1")
    assert by_id == by_address
    assert by_id == (0, EXPLAINED, "")
    code, out, _ = tamis_command("explain", "out", "a")
    assert (code, [line.split(": ")[0] for line in out.splitlines() if line.startswith("a (")]) == (0, ["a (part-000.parquet:0)", "a (part-000.parquet:2)"])
    assert [line for line in out.splitlines() if "partner" in line] == [next(f"  partner  part-000.parquet:{kept}" for kept in (0, 2) if row_of(f"part-000.parquet:{kept}")["copies"])]


EXPLAINED = """b (part-000.parquet:1): dropped by 2 length: too short

1 lower
  nothing to do

2 length
  chars  5  must be at least 6  fails

3 exact_duplicates
  not asked: the document was dropped above
"""


def row_of(address: str) -> dict[str, Any]:
    """The row of the ledger for an address."""
    return next(row for row in ledger("out") if f"{row['shard']}:{row['row']}" == address)


def test_explain_what_was_set_aside(folder: Path, tamis_command: Tamis) -> None:
    """A row in quarantine is explained by id and by address."""
    wanted = (0, "d (part-001.parquet:0): in quarantine: the text is null\n", "")
    assert tamis_command("explain", "out", "d") == tamis_command("explain", "out", "part-001.parquet:0") == wanted


def test_explain_as_json(folder: Path, tamis_command: Tamis) -> None:
    """--json gives all documents found, with every signal beside its limit."""
    (found,) = json.loads(tamis_command("explain", "out", "f", "--json")[1])
    assert (found["verdict"], found["copies"], found["stage"], found["address"]) == ("kept", 1, None, "part-001.parquet:2")
    assert found["stages"][1]["lines"] == [{"signal": "chars", "value": 51, "must": "must be at least 6", "ok": True}]


def test_equality_meets_a_limit(folder: Path, tamis_command: Tamis) -> None:
    """A value that equals its limit is shown as kept by it, as it is."""
    run([Length(min_chars=5, max_chars=9)], "in", "limits")
    for document, value in (("b", 5), ("part-000.parquet:0", 9)):
        (found,) = json.loads(tamis_command("explain", "limits", document, "--json")[1])
        assert found["verdict"] == "kept"
        assert found["stages"][0]["lines"] == [{"signal": "chars", "value": value, "must": "must be between 5 and 9", "ok": True}]


EXPORTS = {
    None: ["a", "b", "a", "e", "f"],
    "copies == 0": None,
    "stage == 'length'": ["b", "e"],
    "lang == 'fr' and copies > 0": ["f"],
    "note == 'z'": ["b"],
    "length.chars < 6": ["b"],
    "length.chars is None": ["e"],
    "text.bytes > 9": ["f"],
    "id == 'a'": ["a", "a"],
    "shard == 'part-001.parquet' and row > 1": ["f"],
    "copies > 3": [],
}


@pytest.mark.parametrize("where", EXPORTS, ids=str)
def test_export(folder: Path, tamis_command: Tamis, where: str | None) -> None:
    """Documents that meet a condition over ledger, columns and signals, as edited, each with its own verdict."""
    code, out, err = tamis_command("export", "out", *(("--where", where) if where else ()), "--to", "some", "--json")
    assert (code, err) == (0, "")
    rows = [row for path in sorted(Path("some").glob("*")) for row in pq.read_table(path).to_pylist()] if Path("some").exists() else []
    assert json.loads(out) == {"folder": "some", "documents": len(rows)}
    wanted = EXPORTS[where]
    if wanted is not None:
        assert [row["id"] for row in rows] == wanted
    texts = dict(zip(TABLE.column("id").to_pylist(), TABLE.column("text").to_pylist(), strict=True))
    for row in rows:
        said = row_of(f"{row['tamis_shard']}:{row['tamis_row']}")
        assert {name: row[f"tamis_{name}"] for name in ("copies", "stage", "reasons", "also", "partner")} == {name: said[name] for name in ("copies", "stage", "reasons", "also", "partner")}
        assert (row["id"], row["text"]) == (said["id"], texts[row["id"]].lower())


def test_export_masked(folder: Path, tamis_command: Tamis) -> None:
    """Exports hold what the recipe's edits left, personal data too; with --mask none, in a folder of their own, the condition being asked of the text as it was."""
    split(folder / "letters", pa.table({"id": ["a", "b"], "text": ["MAIL JOHN@EXAMPLE.COM OR +1 212-555-0123", "plain"], "note": ["x@example.com", None]}), 1)
    run([Lower(), Length(max_chars=30)], "letters", "judged")
    plain, masked = ([*tamis_command("export", "judged", "--where", "length.chars > 30", "--json", *flag)][1] for flag in ((), ("--mask",)))
    assert (json.loads(plain)["documents"], json.loads(masked)["documents"]) == (1, 1)
    places = [json.loads(said)["folder"] for said in (plain, masked)]
    assert places[0] != places[1]
    rows = [pq.read_table(place).drop_columns(["tamis_reasons", "tamis_also"]).to_pylist() for place in places]
    assert rows[0][0]["text"] == "mail john@example.com or +1 212-555-0123"
    assert rows[1] == [rows[0][0] | {"text": "mail <EMAIL> or <PHONE>"}]


def test_export_twice(folder: Path, tamis_command: Tamis) -> None:
    """What was exported may be judged and exported again; inside the run folder each condition has a folder of its own."""
    one, two = (tamis_command("export", "out", "--where", where, "--json")[1] for where in ("copies == 0", "copies > 0"))
    places = [json.loads(one)["folder"], json.loads(two)["folder"]]
    assert places[0] != places[1]
    assert all(place.startswith("out/export/") for place in places)
    run([Lower()], places[1], "again")
    assert tamis_command("export", "again", "--to", "third")[0] == 0
    names = pq.read_schema("third/part-00000.parquet").names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("mapper", ["threads", "processes"])
def test_a_stage_by_path(folder: Path, tamis_command: Tamis, mapper: str) -> None:
    """A user's own file, named relative to the recipe, works from any folder, in threads and in processes, also with `fit`."""
    place = folder / "deep"
    place.mkdir()
    file = f"mine_{mapper}.py"  # tamis.table remembers files by the name they were asked by, also from another folder
    (place / file).write_text(MINE.replace("measure(self, docs)", "measure(self, docs, fitted)"))
    (place / "mine.yaml").write_text(f"stages: [{{{file}:Vowels: {{max_vowels: 5}}}}, {{{file}:Vowels: {{max_vowels: 0, where: vowels.vowels < 3}}}}]")
    code, out, _ = tamis_command("run", "deep/mine.yaml", "in", "-o", "mine", "--mapper", mapper, "--workers", 2, "--json")
    assert code == 0
    assert {step["stage"]: step["dropped"] for step in json.loads(out)["funnel"]} == {"vowels": 1, "vowels_2": 1}
    assert tamis_command("explain", "mine", "f")[1].startswith("f (part-001.parquet:2): dropped by 1 vowels: too many vowels\n")


def test_no_document_can_be_read(folder: Path, tamis_command: Tamis) -> None:
    """A run in which no document holds a text writes all it has to say and ends with 2, also when it is repeated; no documents at all are no mistake."""
    split(folder / "nulls", TABLE.set_column(1, "text", pa.nulls(6, pa.string())), 2)
    for _ in range(2):
        code, out, err = tamis_command("run", "web.yaml", "nulls", "-o", "new")
        assert (code, "  kept " in out) == (2, True)
        assert err.splitlines()[-2:] == [
            "Error: none of 6 documents can be read: the text is null (6).",
            "Fix: see new/quarantine, and whether the column that the recipe calls text holds the text.",
        ]
    assert json.loads(Path("new/manifest.json").read_text())["counts"]["quarantined"] == {"the text is null": 6}
    split(folder / "nothing", TABLE.slice(0, 0), 1)
    assert tamis_command("run", "web.yaml", "nothing", "-o", "empty")[0] == 0


def test_no_document_is_kept(folder: Path, tamis_command: Tamis) -> None:
    """A run whose rules drop everything is done, and says so aloud."""
    Path("strict.yaml").write_text("stages: [{stages_for_tests:Length: {min_chars: 40}}, {stages_for_tests:Length: {max_chars: 39}}]")
    code, out, _ = tamis_command("run", "strict.yaml", "in", "-o", "new")
    assert code == 0
    assert "Warning: No document is kept: the stages drop all 5.\n" in out


def test_odd_names_of_folders(folder: Path, tamis_command: Tamis) -> None:
    """What is printed as the next command works when it is copied, whatever the folder is called."""
    code, out, _ = tamis_command("run", "web.yaml", "in", "-o", "sp ace/out")
    assert code == 0
    assert out.splitlines()[-1] == "Next: open 'sp ace/out/report.html', or ask `tamis explain 'sp ace/out' ID` about a document."


def test_stdout_can_be_closed() -> None:
    """A reader that does not wait for the end, as `head` may, is no error."""
    line = f"{sys.executable} -m tamis stages | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_stdout_on_a_full_disk() -> None:
    """What cannot be printed is a sentence and exit code 2, not a traceback."""
    done = subprocess.run(["bash", "-c", f"{sys.executable} -m tamis stages > /dev/full"], capture_output=True, text=True, check=False)
    said = "Error: what the command found could not be printed: No space left on device.\nFix: repeat it with its output elsewhere.\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_from_the_beginning(folder: Path, closed: str) -> None:
    """Without stdin, stdout or stderr, as some daemons start programs, a run does what it does with them, and prints into none of its files."""
    Path("short.yaml").write_text("stages: [unicode, exact_duplicates]")
    line = f"{sys.executable} -m tamis run short.yaml in -o unseen {closed}"
    assert subprocess.run(["bash", "-c", line], check=False, timeout=120).returncode == 0
    run_log = [json.loads(line) for line in Path("unseen", "run.log").read_text().splitlines()]
    assert run_log[-1]["name"] == "report"
    assert len(ledger("unseen")) == TABLE.num_rows - 1


def test_memory_and_command_agree(folder: Path) -> None:
    """What the command does is what `sift` does."""
    stages = [Lower(), Length(min_chars=6), tamis.make_stage("exact_duplicates"), Twins()]
    assert [row["text"] for row in pq.read_table("out/data").to_pylist()] == tamis.sift(TABLE, stages).column("text").to_pylist()


def test_a_terminal_that_cannot_show_every_letter() -> None:
    """Where the locale knows ASCII alone, arrows and accents are spelled out, and nothing fails."""
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = command("stages", "mojibake", env=plain)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2019" in done.stdout


def test_interrupted_while_packages_load(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C before the command has begun is said in the sentence of every other moment."""
    from tamis import cli

    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_code", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.INTERRUPTED
    assert capsys.readouterr().err == "Stopped. The same command does what is left.\n"
