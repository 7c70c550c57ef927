"""What ablations are matched by: columns, and signals of the run; and that a filter of topics is called a change of the mix."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ablations import Language, design, target

import tamis
from tamis.ablate import domains
from tamis.ablate.arms import Ground
from tamis.ablate.experiment import ablate
from tamis.ablate.mixing import Mixing, mix
from tamis.ablate.pool import gather
from tamis.ablate.tell import told
from tamis.errors import DataError, StageError
from tamis.recipe import Recipe


def corpus(n: int = 1_200) -> pa.Table:
    """Texts of two languages of one source; which is which stands in no column called source."""
    grammars, draw = (Language(7), Language(8)), random.Random(0)
    kinds = [draw.randint(0, 1) for _ in range(n)]
    texts = [grammars[kind].text(draw, draw.randint(30, 90)) for kind in kinds]
    return pa.table({"text": texts, "subject": ["plants" if kind == 0 else "stones" for kind in kinds], "source": ["web"] * n})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run whose one filter keeps nine in ten texts on plants, and one in ten on stones, whatever else they are."""
    folder = tmp_path_factory.mktemp("domains")
    (folder / "raw").mkdir()
    pq.write_table(corpus(), folder / "raw" / "part-0.parquet")
    by = {"topics.topic": {"plants": {"share": 0.9}, "stones": {"share": 0.1}}}
    stages = (tamis.make_stage("topics", column="subject"), tamis.make_stage("tokens"), tamis.make_stage("sample", share=0.5, by=by))
    tamis.run(Recipe("test", stages), [str(folder / "raw")], str(folder / "run"))
    return str(folder / "run")


def test_a_signal_tells_domains_as_a_column_does(run: str) -> None:
    """Documents have the topic that the stage measured, in the order of the corpus."""
    by_signal, by_column = (gather([run], design(domain=name), 1) for name in ("topics.topic", "subject"))
    assert by_signal.domain.tolist() == by_column.domain.tolist()
    assert set(by_signal.domain) == {"plants", "stones"}


def test_text_of_another_place_has_no_signals(run: str, tmp_path: Path) -> None:
    """Further mixes are of one domain, none, where the run's own documents have their topics."""
    pool = gather([run], design(domain="topics.topic", mixes={"theirs": (target(tmp_path / "theirs"),)}), 1)
    assert set(pool.domain[~pool.raw]) == {"(none)"}
    assert set(pool.domain[pool.raw]) == {"plants", "stones"}


@pytest.mark.parametrize(
    ("domain", "kind", "said"),
    [
        ("topics.topik", StageError, r'domain: there is no signal "topics\.topik" in .*\. Did you mean "topics\.topic"\?'),
        (
            "topics.confidence",
            StageError,
            r'domain: "topics\.confidence" holds Float64, which tells no domains\.\nFix: name a signal of words',
        ),
        ("tokens.estimated_tokens", StageError, r'"tokens\.estimated_tokens" holds UInt32, which tells no domains'),
        ("subjekt", DataError, r'there is no column "subjekt" to tell domains by\. Did you mean "subject"\?|there is no column "subjekt"'),
    ],
)
def test_what_tells_no_domains_is_refused(run: str, domain: str, kind: type[Exception], said: str) -> None:
    """A signal that is not there, or a number, in one sentence."""
    with pytest.raises(kind, match=said):
        gather([run], design(domain=domain), 1)


def test_shards_have_no_signals(tmp_path: Path) -> None:
    """A pool of shards has its columns alone, also those with a dot in their names: a misspelt one is no domain of everything."""
    (tmp_path / "raw").mkdir()
    table = corpus(200)
    pq.write_table(table.append_column("meta.kind", table["subject"]), tmp_path / "raw" / "part-0.parquet")
    mixes = {"theirs": (target(tmp_path / "theirs"),)}
    assert set(gather([str(tmp_path / "raw")], design(domain="meta.kind", mixes=mixes), 1).domain) == {"plants", "stones", "(none)"}
    with pytest.raises(DataError, match=r'there is no column "meta\.kin" to tell domains by'):
        gather([str(tmp_path / "raw")], design(domain="meta.kin", mixes=mixes), 1)


def test_a_mix_is_proposed_without_a_word_on_controls(run: str, tmp_path: Path) -> None:
    """`mix` matches nothing, so that it has nothing to say of values too rare to be matched, where an ablation would."""
    pytest.importorskip("sklearn")
    asked = Mixing("topics.topic", (target(tmp_path / "target"),), runs=24)
    table = corpus()
    table = table.set_column(1, "subject", pa.array([f"s{i % 40}" for i in range(len(table))]))
    (tmp_path / "raw").mkdir()
    pq.write_table(table, tmp_path / "raw" / "part-0.parquet")
    many = Recipe("many", (tamis.make_stage("topics", column="subject"),))
    tamis.run(many, [str(tmp_path / "raw")], str(tmp_path / "run"))
    assert not [note for note in mix(str(tmp_path / "run"), str(tmp_path / "mix"), asked, jobs=1)["notes"] if "matched control" in note]


@pytest.mark.slow
def test_a_filter_of_topics_is_a_change_of_the_mix(run: str, tmp_path: Path) -> None:
    """Matched by topic, all that the filter gains is composition, and better documents are nothing; matched by source, which is blind to topics, it looks like quality."""
    folder = tmp_path / "target"
    folder.mkdir()
    grammar, draw = Language(7), random.Random(5)
    pq.write_table(pa.table({"text": [grammar.text(draw, 60) for _ in range(60)]}), folder / "plants.parquet")
    parts = {}
    for domain in ("topics.topic", "source"):
        asked = design(domain=domain, target=(str(folder),), corrupt={}, leave_out=False, edits=False, random_drop=0.0)
        found = ablate([run], str(tmp_path / domain), asked, jobs=1)
        parts[domain] = found.verdict["rungs"]["ngram"]["parts"]["equal"]
        words = " ".join(str(one) for one in told(found))
        assert f"another mix of {domain.rsplit('.', 1)[-1]}s and lengths" in words
    net = parts["topics.topic"]["net"]["mean"]
    assert net > 0.1
    assert parts["topics.topic"]["composition"]["mean"] == pytest.approx(net, abs=0.2 * net)
    assert abs(parts["topics.topic"]["quality"]["mean"]) < 0.2 * net
    assert parts["source"]["quality"]["mean"] > 0.7 * net


def test_values_too_rare_to_be_matched_are_told(run: str) -> None:
    """Where a fold has fewer documents of several values than a stratum wants, and these hold a tenth of the text, a note says so; else none does."""
    n = 400
    names = np.array(["large"] * 300 + ["rare a"] * 50 + ["rare b"] * 50, object)
    ground = Ground(
        np.full(n, 100), np.arange(n, dtype=np.uint64), names, {"raw": np.ones(n, np.uint8)}, (np.arange(n) % 4).astype(np.int16), None, 0
    )
    (said,) = domains.thin(ground, 4, "topics.topic")
    assert said.startswith('Of 3 values of "topics.topic" 2, with 25% of the text, have fewer than 30 documents in a fold:')
    assert domains.thin(ground, 4, "source") == []  # nobody asked for the default
    one = replace(ground, fold=np.zeros(n, np.int16))
    assert domains.thin(one, 1, "topics.topic") == []
    assert domains.thin(replace(ground, size=np.where(names == "large", 10_000, 100)), 4, "topics.topic") == []
    assert domains.thin(replace(ground, domain=np.where(names == "rare b", "large", names)), 4, "topics.topic") == []
