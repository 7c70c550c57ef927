"""Topics: from a column, from a classifier, found without labels; the same ones however the corpus lies, and next month."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from fasttext_models import Model
from runs import run, snapshot, split

from tamis import classifier, folder, judge, make_stage, topics_found
from tamis.errors import TamisError
from tamis.memory import Table
from tamis.stages import _topic_model
from tamis.stages._topic_names import names_of
from tamis.stages.topics import Topics
from tamis.testing import check_stage

VOCABULARY = {
    "court": [
        "judge",
        "court",
        "appeal",
        "verdict",
        "lawyer",
        "trial",
        "witness",
        "sentence",
        "statute",
        "plaintiff",
        "defendant",
        "hearing",
    ],
    "kitchen": ["onion", "garlic", "butter", "oven", "recipe", "flour", "simmer", "sauce", "pepper", "dough", "pan", "seasoning"],
    "ocean": ["whale", "coral", "reef", "tide", "current", "plankton", "harbour", "sailor", "wave", "salt", "island", "squid"],
}
COMMON = ["the", "and", "with", "about", "after", "before", "there", "their", "which", "would", "could", "every"]


def documents(n: int = 300, seed: int = 0) -> pa.Table:
    """Documents of three subjects, each of words of its own and of common ones."""
    draw = np.random.default_rng(seed)
    subjects = [list(VOCABULARY)[i % 3] for i in range(n)]
    texts = [" ".join(draw.choice(VOCABULARY[one] * 2 + COMMON, 60)) for one in subjects]
    return pa.table({"id": [f"d{i}" for i in range(n)], "text": pa.array(texts, pa.large_string()), "subject": subjects})


def found(table: pa.Table, **how: Any) -> pl.DataFrame:
    """topic and confidence as found in a table."""
    stage = make_stage("topics", **how)
    assert isinstance(stage, Topics)
    return stage.measure(table, stage.fit(Table(table)))


def test_subjects_are_recovered_and_named_by_their_words() -> None:
    """Three subjects make three topics, each named by three words of its subject, of which the first documents are most central."""
    table = documents()
    both = found(table, topics=3).with_columns(pl.Series("subject", table["subject"].to_pylist()))
    pairs = both.group_by("topic").agg(pl.col("subject").unique())
    assert sorted(row[1] for row in pairs.iter_rows()) == [["court"], ["kitchen"], ["ocean"]]
    for name, (subject,) in pairs.iter_rows():
        assert set(name.split()) <= set(VOCABULARY[subject])
        assert len(name.split()) == 3
    assert both["confidence"].min() > 0.7
    assert both["confidence"].max() <= 1


def test_the_number_of_topics_is_chosen() -> None:
    """Without a number, the fewest that are told apart nearly as well as the best: at most a few more than the subjects."""
    assert found(documents())["topic"].n_unique() in (4, 6)


def test_a_text_without_known_words_has_no_topic() -> None:
    """Empty, blank, numbers, and words that nobody knows: null, and no confidence."""
    stage = make_stage("topics", topics=3)
    fitted = stage.fit(Table(documents()))
    odd = pa.table({"text": pa.array(["", " \n", "1 2 3", "xylophone zither", "an it so"], pa.large_string())})
    signals = stage.measure(odd, fitted)
    assert signals["topic"].to_list() == [None] * 5
    assert signals["confidence"].to_list() == [None] * 5


@pytest.mark.parametrize("texts", [[], [""], ["one text alone in the world"], ["same words again"] * 30, ["我们走在大街上", "ab"]])
def test_hardly_any_corpus(texts: list[str]) -> None:
    """A corpus of nothing, of one document, or of one document many times has topics or none, and no error."""
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    for topics in (None, 5):
        signals = found(table, topics=topics)
        assert signals.height == len(texts)
        assert signals.schema == {"topic": pl.String, "confidence": pl.Float64}


def test_order_of_documents_and_parts_does_not_matter() -> None:
    """What is fitted is the same bytes, however documents are ordered, cut into chunks, or repeated."""

    class Parts:
        def __init__(self, tables: list[pa.Table]) -> None:
            self.tables = tables

        def map(self, function: Any) -> Any:
            return map(function, self.tables)

    table = documents()
    stage = make_stage("topics", topics=5, sample=200)
    wanted = stage.fit(Table(table))
    order = np.random.default_rng(1).permutation(table.num_rows)
    turned = table.take(pa.array(order))
    assert stage.fit(Parts([turned.slice(0, 10), turned.slice(10, 1), turned.slice(11)])) == wanted
    assert stage.fit(Parts([table, table.slice(5, 50)])) == wanted
    assert make_stage("topics", topics=5, sample=200, seed=1).fit(Table(table)) != wanted
    assert make_stage("topics", topics=5, sample=200, seed=-(2**32)).fit(Table(table)) == wanted  # scikit-learn itself takes no such number


def test_a_sample_is_by_content() -> None:
    """The sample is the documents with the smallest hashes: another document elsewhere does not change who is in it, but for itself."""
    table = documents()
    drawn = _topic_model._sample(Table(table), 50)
    more = _topic_model._sample(Table(table.slice(0, 299)), 50)
    assert drawn is not None
    assert more is not None
    assert len({tuple(key) for key in drawn.keys.tolist()} - {tuple(key) for key in more.keys.tolist()}) <= 1


def test_next_month_gets_the_same_topics(tmp_path: Path) -> None:
    """The fitted file of one run, named in another, gives new documents the topics of the first, and nothing is fitted."""
    first = run([make_stage("topics", topics=3)], split(tmp_path / "in", documents()), tmp_path / "out")
    place = tmp_path / "out" / "fitted" / first["signals"]["topics"]
    later = documents(90, seed=7)
    how = make_stage("topics", fitted=str(place))
    run([how], split(tmp_path / "later", later), tmp_path / "then")
    assert not (tmp_path / "then" / "fitted").exists()
    ledger = pl.read_parquet(tmp_path / "then" / "ledger" / "*.parquet")
    names = dict(zip(later["subject"].to_pylist(), ledger["topic"], strict=True))
    assert sorted(names.values()) == sorted(_topic_model.load(place.read_bytes()).names)
    assert [names[subject] for subject in later["subject"].to_pylist()] == ledger["topic"].to_list()


@pytest.mark.parametrize(
    "how", [{"workers": 3}, {"backwards": True}, pytest.param({"mapper": "processes"}, marks=pytest.mark.slow)], ids=str
)
def test_runs_do_not_differ(tmp_path: Path, how: dict[str, Any]) -> None:
    """Workers, mappers, the order of shards: the same bytes of fitted file, signals, ledger and data."""
    place = split(tmp_path / "in", documents(120), 5, row_group_size=20)
    stages = [
        make_stage("topics", topics=4),
        make_stage("tokens"),
        make_stage("axes", axes=["format"]),
        make_stage("rebalance", by=["topics.topic", "axes.format"], exponent=0.3, budget=9_000, unit="tokens.estimated_tokens"),
    ]
    run(stages, place, tmp_path / "one", mapper="serial", workers=1)
    wanted = snapshot(tmp_path / "one")
    assert len(wanted) > 10
    inputs = [str(path) for path in sorted(Path(place).iterdir(), reverse=True)] if "backwards" in how else place
    run(stages, inputs, tmp_path / "other", **{name: value for name, value in how.items() if name != "backwards"})
    assert snapshot(tmp_path / "other") == wanted


def test_topics_of_a_column() -> None:
    """A column's values are topics as they are, sure where there is one."""
    table = pa.table({"text": ["a", "b", "c"], "subject": pa.array(["law", None, "art"]).dictionary_encode(), "year": [1999, 2000, None]})
    stage = make_stage("topics", column="subject")
    assert stage.measure(table).to_dict(as_series=False) == {"topic": ["law", None, "art"], "confidence": [1.0, None, 1.0]}
    assert make_stage("topics", column="year").measure(table)["topic"].to_list() == ["1999", "2000", None]
    assert judge(table, [stage])["topic"].to_list() == ["law", None, "art"]


def test_unclear_documents_can_be_dropped() -> None:
    """min_confidence drops what is below it, and what has no topic."""
    table = documents(30)
    stage = make_stage("topics", topics=3, min_confidence=0.999)
    verdicts = judge(table, [stage])
    assert set(verdicts["copies"]) == {0}
    assert verdicts["reasons"].to_list() == [["no clear topic"]] * 30


def test_topics_command(tmp_path: Path, tamis_command: Any) -> None:
    """`tamis topics` lists each topic with its size, its words and the documents nearest to its centre."""
    run(
        [make_stage("topics", topics=3), make_stage("rebalance", by="topics.topic", target="uniform", unit="documents", budget=30)],
        split(tmp_path / "in", documents()),
        tmp_path / "out",
    )
    listed = topics_found.topics(folder.opened(str(tmp_path / "out")))
    assert [one["documents"] for one in listed["topics"]] == [100, 100, 100]
    assert [one["kept"] for one in listed["topics"]] == [10, 10, 10]
    assert listed["without"] == 0
    signals = pl.concat([pl.read_parquet(path) for path in sorted((tmp_path / "out" / "signals").glob("topics-*/*.parquet"))])
    for one in listed["topics"]:
        assert one["words"][:3] == one["topic"].split()
        assert len(one["central"]) == 3
        shard, row = one["central"][0].split(":")
        assert signals.filter(pl.col("topic") == one["topic"])["confidence"].max() >= 0.9
        assert shard.startswith("part-")
        assert int(row) < 100
    code, out, _ = tamis_command("topics", tmp_path / "out")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["topic", "documents", "kept", "share", "of", "kept", "words", "most", "central"]
    assert "To give other shards these topics: topics: {fitted: " in out
    assert (
        tamis_command("topics", run_without_topics(tmp_path))[2]
        == f"Error: no stage of {tmp_path / 'plain'} gives topics.\nFix: put topics into the recipe.\n"
    )


def run_without_topics(tmp_path: Path) -> Path:
    """A finished run that has none."""
    run([make_stage("sample", share=0.5)], str(tmp_path / "in"), tmp_path / "plain")
    return tmp_path / "plain"


REFUSED = [
    ({"column": "a", "fitted": "b"}, 'topics: topics come from one place, and both "column" and "fitted" are given.'),
    ({"column": "a", "topics": 5}, 'topics: "topics" says how many to find, and "column" has them already.'),
    ({"topics": 1}, 'topics: "topics" is at least 2, not 1.'),
    ({"sample": 0}, 'topics: "sample" is at least 1 document, not 0.'),
]


@pytest.mark.parametrize(("how", "said"), REFUSED)
def test_what_cannot_be_meant_is_one_sentence(how: dict[str, Any], said: str) -> None:
    """Two sources of topics, or numbers of nothing."""
    with pytest.raises(TamisError) as refused:
        make_stage("topics", **how)
    assert str(refused.value) == f"make_stage, stage 1: {said}"


def test_a_file_without_topics_is_one_sentence(tmp_path: Path) -> None:
    """A file that is no fitted file is named, with the way out."""
    (tmp_path / "noise").write_bytes(b"noise")
    with pytest.raises(TamisError) as refused:
        judge(documents(3), [make_stage("topics", fitted=str(tmp_path / "noise"))])
    assert str(refused.value).startswith(f'topics: "{tmp_path / "noise"}" holds no topics: ')
    assert str(refused.value).endswith("Fix: name a file that lies in fitted/ of a run.")


def test_names_are_unlike() -> None:
    """Two clusters of the same words get different names; a cluster without a telling word has a name too; stems are named once."""
    texts = pa.array(["court courts judge law"] * 4 + ["oven bread flour"] * 4 + ["a"] * 2, pa.large_string())
    names, words = names_of(texts, np.array([0, 0, 1, 1, 2, 2, 2, 2, 3, 3]), 4)
    assert len(set(names)) == 4
    assert "" not in names
    assert sum(word.startswith("court") for word in words[0]) == 1
    assert set(words[2][:3]) == {"oven", "bread", "flour"}


def plain_kmeans(texts: list[str], clusters: int, seed: int) -> np.ndarray:
    """The baseline: TF-IDF and k-means as scikit-learn has them."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    return KMeans(clusters, n_init=1, random_state=seed).fit_predict(TfidfVectorizer().fit_transform(texts))


DATA = Path(__file__).parents[2] / "shared" / "data"
"""Texts of known topics; none are shipped."""


def known_topics() -> Iterator[pl.DataFrame]:
    """text and topic: of 19 domains, and of web pages those of the 15 most frequent first topics."""
    yield pl.read_parquet(DATA / "l2r_domains_human_vs_llm" / "texts.parquet", columns=["text", "topic"])
    pages = pl.read_parquet(DATA / "usgov_web_cc0" / "pages.parquet").select("text", topic=pl.col("topics").list.first()).drop_nulls()
    most = pages["topic"].value_counts(sort=True).head(15)["topic"].implode()
    yield pages.filter(pl.col("topic").is_in(most))


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="no texts of known topics here")
def test_known_topics_are_recovered_as_well_as_by_plain_kmeans() -> None:
    """Adjusted mutual information with known topics is at least that of plain TF-IDF and k-means, less .02."""
    from sklearn.metrics import adjusted_mutual_info_score

    for frame in known_topics():
        table = pa.table({"text": frame["text"].to_arrow().cast(pa.large_string())})
        clusters = frame["topic"].n_unique()
        ours = [found(table, topics=clusters, seed=seed)["topic"].fill_null("none").to_list() for seed in range(3)]
        theirs = [plain_kmeans(frame["text"].to_list(), clusters, seed) for seed in range(3)]
        scores = [np.mean([adjusted_mutual_info_score(frame["topic"].to_list(), one) for one in some]) for some in (ours, theirs)]
        assert scores[0] >= scores[1] - 0.02


def test_topics_of_a_classifier(tmp_path: Path) -> None:
    """A fastText model by path: its most probable label, and how probable that is; none for a text that it knows nothing of."""
    path = Model(labels=3, words=("the", "cat", "sat", "on", "mat")).write(tmp_path / "topics.bin")
    texts = pa.array(["the cat", "sat on the mat", "cat cat cat", "", "unknown"], pa.large_string())
    signals = make_stage("topics", classifier=str(path)).measure(pa.table({"text": texts}))
    model = classifier.load(path)
    scores = model.scores(texts)
    for i, (topic, confidence) in enumerate(signals.iter_rows()):
        if np.isnan(scores[i]).all():
            assert (topic, confidence) == (None, None)
        else:
            assert topic == model.labels[int(scores[i].argmax())]
            assert confidence == pytest.approx(float(scores[i].max()))
    assert signals["topic"].null_count() in (1, 2)
    assert signals.schema == {"topic": pl.String, "confidence": pl.Float64}
    check_stage(make_stage("topics", classifier=str(path)))
