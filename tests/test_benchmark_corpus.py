"""The benchmark corpus: what `benchmarks/corpus.py` says about its documents is so."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import _planted
import _sources
import corpus

VOCABULARY = "a of the sea ship storm captain sailed northern harbour Ünïcode naïve 東京 x1 and by crew letters under gale"
WORDS = VOCABULARY.split()


def prose(seed: int, words: int = 300) -> str:
    """Make text with paragraphs, lines and odd characters."""
    rng = np.random.default_rng(seed)
    ends = (" ", " ", " ", ", ", ".\n", ".\n\n", " - ")
    return "".join(f"{WORDS[rng.integers(len(WORDS))]}{rng.integers(50)}{ends[rng.integers(7)]}" for _ in range(words))


def slow_jaccard(a: str, b: str) -> float:
    """Measure it the obvious way."""

    def grams(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return {tuple(words)} if len(words) < 5 else {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    return len(grams(a) & grams(b)) / len(grams(a) | grams(b))


def small_pool(n: int = 240) -> corpus.Pool:
    """Make a pool of generated text in two languages."""
    texts = pa.array([prose(i, 60 + i) for i in range(n)], pa.large_string())
    columns = {name: [f"{name}-{i}" for i in range(n)] for name in ("id", "url", "source", "license", "topic")}
    columns["url"] = [f"https://p.example.org/{i}" for i in range(n)]
    columns["lang"] = ["de" if i % 10 == 0 else "en" for i in range(n)]
    return corpus.Pool(pa.table({"text": texts, **columns}), ["p_1.deb"], [])


def build(out: Path, *, shards: int = 3, one_row_group: bool = False, megabytes: float = 0.2) -> pl.DataFrame:
    """Build a small corpus without fetching anything."""
    pool = small_pool()
    plan = corpus.make_plan(pool, megabytes, 7, shards)
    return corpus.write(pool, plan, out, 7, shards=shards, one_row_group=one_row_group)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("a b c d e", "A  b, c\nd e", 1.0),
        ("a b c d e f", "a b c d e g", 1 / 3),
        ("a b c", "a b c d", 0.0),
        ("a b c", "A B C", 1.0),
        ("", "", 1.0),
    ],
)
def test_jaccard_of_small_texts(a: str, b: str, expected: float) -> None:
    """Jaccard compares sets of word 5-grams without case; a shorter text is one n-gram."""
    assert _planted.jaccard(a, b) == pytest.approx(expected, abs=0)


@pytest.mark.parametrize("kind", _planted.KINDS)
def test_a_copy_has_the_jaccard_the_slow_way_finds(kind: str) -> None:
    """For each kind of copy the fast Jaccard is the slow one, exactly, also over 6,208 distinct words."""
    make = _planted.KINDS[kind][1]
    for seed, words in ((1, 60), (2, 500), (3, 30_000)):
        text = prose(seed, words) if words < 30_000 else " ".join(f"w{i % 9000}" for i in range(words))
        copy = make(text, prose(seed + 10), np.random.default_rng(seed))
        assert _planted.jaccard(text, copy) == slow_jaccard(text, copy)


@pytest.mark.parametrize(("kind", "low", "high"), [("exact", 1, 1), ("respaced", 1, 1), ("cut", 0.6, 1), ("framed", 0.5, 1)])
def test_a_copy_is_as_alike_as_its_kind_says(kind: str, low: float, high: float) -> None:
    """Exact and respaced copies share every 5-gram, cuts and frames most of them."""
    text = prose(4, 400)
    found = [_planted.jaccard(text, _planted.KINDS[kind][1](text, prose(5), np.random.default_rng(s))) for s in range(30)]
    assert low <= min(found) <= max(found) <= high


def test_edited_copies_spread_over_the_range() -> None:
    """Word edits of 1 to 20 % give copies on both sides of a threshold of 0.8."""
    text = prose(6, 400)
    found = [_planted.jaccard(text, _planted.edited(text, prose(7), np.random.default_rng(s))) for s in range(60)]
    assert min(found) < 0.4
    assert max(found) > 0.85


def test_variants_are_not_near_duplicates() -> None:
    """No variant shares 30 % of its 5-grams with its original or with another variant of it."""
    texts = [prose(i, words) for i, words in enumerate([50] * 200 + [400] * 40)]
    texts.append("one two three four five six seven eight nine ten. " * 20)
    array = pa.array(texts, pa.large_string())
    donors = pa.array(texts[::-1], pa.large_string())
    rows = np.arange(len(texts))
    one, two = (_planted.variants(array, donors, _planted.draws(0, rows * 0 + g, rows)).to_pylist() for g in (1, 2))
    assert max(slow_jaccard(a, b) for a, b in zip(texts, one, strict=True)) < 0.3
    assert max(slow_jaccard(a, b) for a, b in zip(one, two, strict=True)) < 0.3


def test_a_variant_keeps_the_look_of_its_original() -> None:
    """A variant replaces words by the donor's and leaves everything between the words as it was."""
    text, donor = prose(1, 1000), "Zebra quagga"
    (variant,) = _planted.variants(
        pa.array([text], pa.large_string()), pa.array([donor], pa.large_string()), np.array([5], np.uint64)
    ).to_pylist()
    assert re.split(r"\w+", variant) == re.split(r"\w+", text)
    words = re.findall(r"\w+", variant)
    new = sum(word in {"Zebra", "quagga"} for word in words)
    assert {w for w in words if w not in {"Zebra", "quagga"}} <= set(re.findall(r"\w+", text))
    assert new / len(words) == pytest.approx(0.32, abs=0.06)


def test_a_variant_does_not_depend_on_its_neighbours() -> None:
    """A text is rewritten the same alone, in a batch and in a slice of an array."""
    array = pa.array([prose(i) for i in range(9)], pa.large_string())
    seeds = np.arange(9, dtype=np.uint64) * np.uint64(77)
    together = _planted.variants(array, array, seeds).to_pylist()
    assert _planted.variants(array[4:5], array[4:5], seeds[4:5]).to_pylist() == together[4:5]


def test_split_loses_no_text_and_respects_paragraphs() -> None:
    """Documents joined again are the page, and each but the last ends at an empty line."""
    page = "\n\n".join(prose(i, 40).replace("\n\n", "\n").strip() for i in range(400))
    found = _planted.split(page, np.random.default_rng(0))
    assert "".join(found) == page
    assert [text[-2:] for text in found[:-1]] == ["\n\n"] * (len(found) - 1)


def test_split_lengths_are_log_normal() -> None:
    """Long pages give documents of the median and the spread asked for."""
    page = "A line of text, no more.\n\n" * 200_000
    sizes = np.log([len(text) for text in _planted.split(page, np.random.default_rng(1))])
    assert np.exp(np.median(sizes)) == pytest.approx(2800, rel=0.1)
    assert sizes.std() == pytest.approx(0.87, rel=0.1)


def test_split_cuts_paragraphs_without_end_at_lines() -> None:
    """A dictionary without empty lines is cut between its lines."""
    page = "word: what it means\n" * 20_000
    found = _planted.split(page, np.random.default_rng(1))
    assert len(found) > 50
    assert "".join(found) == page
    assert {text[-1] for text in found} == {"\n"}


def test_template_pages_are_one_family() -> None:
    """Two template pages have 200 words or so and a Jaccard around 0.75."""
    pages = [_planted.template_page(i, np.random.default_rng(i)) for i in range(40)]
    found = [slow_jaccard(a, b) for a in pages[:10] for b in pages[10:]]
    assert 150 < len(pages[0].split()) < 250
    assert np.median(found) == pytest.approx(0.75, abs=0.03)


def test_truth_is_true(tmp_path: Path) -> None:
    """Every planted copy has the Jaccard that truth.parquet gives it and lies in another shard than its original."""
    build(tmp_path / "c")
    shards = [pl.read_parquet(p).with_columns(shard=pl.lit(p.name)) for p in sorted((tmp_path / "c/raw").iterdir())]
    documents = pl.concat(shards)
    assert documents["id"].is_unique().all()
    truth = pl.read_parquet(tmp_path / "c/truth.parquet").join(documents, on="id")
    pairs = truth.join(documents, left_on="of", right_on="id", suffix="_of").select("jaccard", "text", "text_of", "shard", "shard_of")
    assert len(pairs) == documents["id"].str.starts_with("copy-").sum() == truth.height > 10
    for jaccard, text, text_of, shard, shard_of in pairs.iter_rows():
        assert jaccard == slow_jaccard(text, text_of)
        assert shard != shard_of


def test_the_counts_are_those_of_the_files(tmp_path: Path) -> None:
    """The table printed at the end counts the documents and bytes in the shards, and they reach the size asked for."""
    counts = build(tmp_path / "c")
    documents = pl.read_parquet(tmp_path / "c/raw/*.parquet")
    assert counts["documents"].sum() == documents.height
    assert counts["bytes"].sum() == documents["text"].str.len_bytes().sum() >= 190_000


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """Two builds with one seed are equal to the byte."""
    for name in ("a", "b"):
        build(tmp_path / name)
    for file in sorted((tmp_path / "a").rglob("*.*")):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_one_row_group_is_one_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --one-row-group there is one file with one row group, though it is written in batches."""
    monkeypatch.setattr(corpus, "ROWS_PER_GROUP", 40)
    build(tmp_path / "c", shards=1, one_row_group=True)
    (file,) = (tmp_path / "c/raw").iterdir()
    metadata = pq.ParquetFile(file).metadata
    assert metadata.num_rows > 40
    assert metadata.num_row_groups == 1


def test_a_pool_too_small_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the packages give less real text than needed, the error says how much there is and what is missing."""
    pool = small_pool()
    pool.missing.append("dict-gcide")
    monkeypatch.setattr(corpus, "TEMPLATE_PAGES", 0)
    with pytest.raises(SystemExit) as error:
        corpus.make_plan(pool, 900, 0, 2)
    assert error.value.code == (
        "Error: the packages that could be had give 0 MB of real text, too little for 900 MB"
        " (1 are missing: dict-gcide).\nFix: repeat when they can be had."
    )


def test_markup_becomes_paragraphs() -> None:
    """Blocks become paragraphs, list items lines, preformatted text keeps its lines, scripts and comments vanish."""
    page = (
        "<html><head><title>T</title><script>var x = '<p>no</p>';</script></head><body><!-- no -->"
        "<ul><li>Home<li>Docs</ul><p>One\n  two &amp; <b>three</b>.</p><pre>a\n  b</pre></body></html>"
    )
    assert _sources.markup_text(page) == "\nT\n\n\nHome\nDocs\n\nOne two & three.\n\na\n  b".replace("\nT\n\n\n", "T\n\n")


def test_manual_pages_lose_their_macros() -> None:
    """Macros of a manual page become breaks, headings keep their words, font changes vanish."""
    page = '.\\" no\n.TH LS 1\n.SH NAME\nls \\- list \\fBfiles\\fR\n.PP\n.B Bold\ntext\n'
    assert _sources.man_text(page) == "NAME\n\nls - list files\n\nBold\ntext"


@pytest.mark.parametrize(
    ("path", "default", "lang"),
    [
        ("./usr/share/help/pt_BR/gnome-help/a.page", "*", "pt"),
        ("./usr/share/help/C/gnome-help/a.page", "*", "en"),
        ("./usr/share/doc/debian-reference-zh-cn/ch01.html", "*", "zh"),
        ("./usr/share/doc/x/index.de.html", "*", "de"),
        ("./usr/share/doc/x/index.html", "*", "en"),
        ("./usr/share/doc/x/de/index.html", "fr", "fr"),
    ],
)
def test_language_is_read_from_the_path(path: str, default: str, lang: str) -> None:
    """Where a package holds several languages, the path names the page's."""
    assert _sources.language_of(path, default) == lang


def test_menus_stay_on_some_pages_only() -> None:
    """A menu that stands on every page of a package is kept on about a quarter of them."""
    menu = "Home\nDocs\nDownload\nSupport\nAbout\nContact"
    paths = [f"page-{i}.html" for i in range(400)]
    thinned = _sources.thin_navigation(paths, [f"Title {i}\n{menu}\nText {i}" for i in range(400)])
    assert 0.15 < sum("Download" in text for text in thinned) / 400 < 0.35
    assert all(f"Text {i}" in text for i, text in enumerate(thinned))


def test_every_package_line_is_complete() -> None:
    """Each package is named once, with a known client, and npm and pip packages with their version."""
    found = _sources.packages()
    assert len({package.name for package in found}) == len(found)
    assert {package.client for package in found} == {"deb", "npm", "pip"}
    assert [package.name for package in found if package.client != "deb" and not package.version] == []
