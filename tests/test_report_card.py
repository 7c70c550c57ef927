"""The data card and the summary: true, harmless, and loaded by `datasets` as they are; data that lack something."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from report_runs import ROLES, SAMPLE, Page, front, hostile_run, prose, report, run, shown, written

from tamis.folder import Finished
from tamis.report import card, markup

CORPORA: dict[str, dict[str, Any]] = {
    "empty": {"text": pa.array([], pa.string())},
    "all dropped": {"text": ["no", "no", ""], "license": ["MIT"] * 3},
    "bare": {"text": prose(3)},
    "all null": {"text": prose(3), **{role: pa.nulls(3) for role in ("id", "source", "lang", "license", "topic")}},
    "odd types": {
        "text": prose(3),
        "source": [b"a", b"\xff", None],
        "lang": [True, None, False],
        "license": [1, 2, 2],
        "topic": [1.5, None, 2.0],
    },
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("report") / "out")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over data, and with a recipe, that wish the reader ill."""
    return hostile_run(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    """A run over each of `CORPORA`."""
    folder = tmp_path_factory.mktemp("lacking")
    return {name: run(written(folder / name / "in", **columns), folder / name / "out") for name, columns in CORPORA.items()}


@pytest.mark.parametrize("name", CORPORA)
def test_report_of_data_that_lack_something(lacking: dict[str, Finished], name: str) -> None:
    """No documents, none kept, no columns, columns without values or of other types: the page and the card are whole."""
    found, done = report(lacking[name]), lacking[name]
    n = len(CORPORA[name]["text"])
    assert found["documents"]["readable"] == n
    assert all(sum(row["documents"] for row in axis["rows"]) == n for axis in found["axes"])
    assert [axis["axis"] for axis in found["axes"]] == [*(role for role in ROLES if role in CORPORA[name]), "length"]
    Page(shown(done))
    (config,) = front(done)["configs"]
    assert (config["config_name"], config["data_files"]) == ("default", [{"split": "train", "path": "data/*.parquet"}])
    assert front(done)["size_categories"] == ["n<1K"]
    assert "license" not in front(done)
    assert "language" not in front(done)


def test_shares_of_nothing_are_null(lacking: dict[str, Finished]) -> None:
    """No share of zero documents is made up, and the page says that there is none."""
    found = report(lacking["empty"])
    assert found["documents"]["kept_share_of_readable"] is None
    assert {step["dropped_share_of_reached"] for step in found["stages"]} == {None}
    assert "The input holds no readable document." in shown(lacking["empty"])


@pytest.mark.parametrize("name", ["empty", "all dropped"])
def test_card_does_not_promise_what_datasets_refuses(lacking: dict[str, Finished], name: str) -> None:
    """`datasets` loads no split without rows, so the card of a run that kept nothing does not show how to load it."""
    assert "load_dataset" not in shown(lacking[name], "README.md")
    assert "No document was kept, so there is nothing to load." in shown(lacking[name], "README.md")


def test_values_of_other_types_are_named(lacking: dict[str, Finished]) -> None:
    """Bytes, numbers and truth values are grouped by what they print as; bytes that are no text have no value."""
    found = {axis["axis"]: {row["value"] for row in axis["rows"]} for axis in report(lacking["odd types"])["axes"]}
    assert found["source"] == {"a", None}
    assert found["lang"] == {"true", "false", None}
    assert found["license"] == {"1", "2"}
    assert found["topic"] == {"1.5", "2.0", None}


def test_card_says_what_the_data_say(done: Finished) -> None:
    """Languages come from the data's own column; several licences are listed with counts, and none is named for all."""
    head, body, found = front(done), shown(done, "README.md"), report(done)
    assert "en" in head["language"]
    assert "license" not in head
    assert head["size_categories"] == ["1K<n<10K"]
    licences = next(axis for axis in found["axes"] if axis["axis"] == "license")["curated"]
    assert len(licences) > 1
    for row in licences:
        assert f"| {row['value']} | {row['documents']:,} | {row['documents_share_of_kept']:.1%} |" in body
    assert "tamis run recipe.yaml SHARDS -o OUT" in body
    assert yaml.safe_load(body.split("```yaml\n")[1].split("```")[0])["stages"][1]["gopher_quality"]["min_words"] == 60


@pytest.mark.parametrize(
    ("licences", "told"),
    [
        (["Apache-2.0"] * 2, {"license": "apache-2.0"}),
        (["GPL-3.0-or-later"] * 2, {"license": "gpl-3.0"}),
        (["ODC-By-1.0"] * 2, {"license": "odc-by"}),
        (["Our own: terms\n---"] * 2, {"license": "other", "license_name": "our-own-terms"}),
        (["MIT", "Apache-2.0"], {}),
        (["MIT", None], {}),
        ([None, None], {}),
        (["", ""], {}),
    ],
)
def test_license_is_named_only_if_all_share_it(licences: list[str | None], told: dict[str, str], tmp_path: Path) -> None:
    """One licence for every kept document is named as the hub names it; anything else is left to the body."""
    done = run(written(tmp_path / "in", text=prose(2), license=pa.array(licences, pa.string())), tmp_path / "out")
    assert {key: value for key, value in front(done).items() if key.startswith("license")} == told


def test_card_of_hostile_data_is_harmless(hostile: Finished) -> None:
    """Values inject neither YAML nor Markdown, HTML or links into the card; tables keep their columns."""
    body = shown(hostile, "README.md")
    assert len(body) < 100_000
    assert set(front(hostile)) <= {"configs", "size_categories", "language"}
    assert not set(body) & set("\u202e\u2066\u200f\x00\x1b\u2028\u2029\x85\r")
    prose_only = re.sub(r"(?ms)^(```+)\w*\n.*?^\1$", "", body)
    assert not re.search(r"(?<!\\)<[a-z/]", prose_only)
    assert not re.search(r"(?<!\\)\]\(", prose_only)
    assert not re.search(r"https?://|www\.", prose_only)
    assert len(re.findall(r"(?m)^# ", prose_only)) == 1
    assert not re.search("(?m)^---$", prose_only.split("---\n", 2)[2])
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in prose_only.splitlines() if line.startswith("|")}
    assert widths == {5, 6}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("en", "en"),
        ("EN-us", "en"),
        ("eng_Latn", "eng"),
        ("zh-Hans-CN", "zh"),
        ("no", "no"),
        ("und", None),
        ("english", None),
        ("", None),
        (None, None),
        ("e\nn", None),
    ],
)
def test_languages_have_their_codes(value: str | None, code: str | None) -> None:
    """What data call a language becomes its ISO 639 code, or nothing."""
    assert card.language(value) == code


@pytest.mark.parametrize(
    ("given", "shown_as"),
    [
        ("plain web-text 1.0", "plain web-text 1.0"),
        ("a|b", "a\\|b"),
        ("a\nb", "a\\\\u000ab"),
        ("<b>", "&lt;b&gt;"),
        ("[x](y)", "\\[x\\](y)"),
        ("http://a.b", "http\\://a.b"),
        ("WWW.a.b", "WWW\\.a.b"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("@user *b* `c` \\", "\\@user \\*b\\* \\`c\\` \\\\"),
    ],
)
def test_markdown_is_escaped(given: str, shown_as: str) -> None:
    """A value in the card reads as it is and does nothing."""
    assert card.text(given) == shown_as


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (None, "-"),
        (0, "0.0%"),
        (1, "100.0%"),
        (0.0004, "&lt;0.1%"),
        (0.0005, "0.1%"),
        (0.99949, "99.9%"),
        (0.9996, "&gt;99.9%"),
        (0.25, "25.0%"),
    ],
)
def test_shares_never_claim_all_or_nothing(share: float | None, told: str) -> None:
    """What is more than nothing is not 0.0%, and what is less than all is not 100.0%."""
    assert markup.percent(share) == told


def test_datasets_loads_a_run_folder(done: Finished, hostile: Finished, lacking: dict[str, Finished], tmp_path: Path) -> None:
    """`datasets.load_dataset(OUT)` gives the curated documents as one split, without network, and never a cached run of the same name.

    All these folders are called "out", by which `datasets` caches.
    """
    pytest.importorskip("datasets")
    runs = [done, hostile, lacking["bare"]]
    code = (
        "import json, sys, datasets\n"
        "for out in sys.argv[1:]:\n"
        "    found = datasets.load_dataset(out)\n"
        "    print(json.dumps({name: (len(split), split.column_names) for name, split in found.items()}))"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code, *(one.out for one in runs)], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    for one, line in zip(runs, ran.stdout.splitlines(), strict=True):
        table = pq.read_table(Path(one.out, "data"))
        assert json.loads(line) == {"train": [table.num_rows, table.column_names]}
        assert table.num_rows == report(one)["documents"]["written"]
