"""The stage `near_duplicates`: cases by eye, slow oracles, and known pairs of real text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis import judge, make_stage
from tamis.errors import RecipeError, StageError
from tamis.stages.near_duplicates import from_datasketch, signatures, to_datasketch

SAMPLE = Path(__file__).parents[1] / "sample_data"
OTHER_TEXTS = os.environ.get("TAMIS_PAIRS")
"""A folder of folders with texts (id, text) and pairs_jaccard_w5.parquet (id_a, id_b, jaccard_w5), if there is one."""


def near(**parameters: Any) -> Any:
    """The stage."""
    return make_stage("near_duplicates", **parameters)


def shingle_set(text: str, size: int = 5) -> set[tuple[str, ...]]:
    """Python's set of shingles."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + size]) for i in range(max(1, len(words) - size + 1))} if words else set()


def jaccard(a: set[Any], b: set[Any]) -> float:
    """Of two sets, exactly."""
    return len(a & b) / len(a | b) if a or b else 0.0


def words(start: int, stop: int) -> str:
    """Words that are all different."""
    return " ".join(f"w{i}" for i in range(start, stop))


BASE = words(0, 44)  # 40 shingles; the next two hold 32 and 31 of them
ABOUT = pa.table({
    "text": [BASE, words(0, 36), words(0, 35), BASE.upper().replace(" ", ",\n"), "", "…", "hello", "Hello!", "hello you", ""],
    "score": [0.5, 0.9, 0.8, 0.1, 0.6, 0.6, 0.2, 0.3, 0.6, 0.6],
})
CASES = [
    ({"prefer": ["score"]}, {0: (1, 32 / 40), 2: (1, 31 / 32), 3: (1, 32 / 40), 6: (7, 1.0)}),
    ({"prefer": ["-score"]}, {0: (3, 1.0), 1: (2, 31 / 32), 7: (6, 1.0)}),
    ({"prefer": ["score"], "threshold": 0.81}, {2: (1, 31 / 32), 3: (0, 1.0), 6: (7, 1.0)}),
    ({"prefer": ["score"], "threshold": 1.0}, {3: (0, 1.0), 6: (7, 1.0)}),
    ({"prefer": ["score"], "normalise": "none"}, {0: (1, 32 / 40), 2: (1, 31 / 32)}),
    ({"prefer": ["score"], "where": "score < 0.6"}, {3: (0, 1.0), 6: (7, 1.0)}),
    ({"prefer": ["score"], "floor": 0.7, "threshold": 0.7}, {0: (1, 32 / 40), 2: (1, 31 / 32), 3: (1, 32 / 40), 6: (7, 1.0)}),
    ({"prefer": ["score"], "containment": 0.95}, {1: (0, 32 / 40), 2: (0, 31 / 40), 3: (0, 1.0), 6: (7, 1.0)}),
    ({"prefer": ["score"], "shingle": 44}, {3: (0, 1.0), 6: (7, 1.0)}),
]


@pytest.mark.parametrize(("parameters", "partners"), CASES)
def test_who_stays(parameters: dict[str, Any], partners: dict[int, tuple[int, float]]) -> None:
    """Who of the alike goes, beside whom, and how alike they are: by eye. Texts without words are like nothing."""
    dropped = judge(ABOUT, [near(**parameters)]).filter(pl.col("copies") == 0)
    assert {row["row"]: (int(row["partner"]), row["similarity"]) for row in dropped.iter_rows(named=True)} == partners
    inside = [similarity < 0.8 and "containment" in parameters for _, similarity in partners.values()]
    assert dropped["reasons"].to_list() == [["inside another document" if one else "near-duplicate"] for one in inside]
    assert dropped["verified"].to_list() == [True] * dropped.height


def test_clusters_are_connected_and_named() -> None:
    """All that hang together are one cluster with one name and size, survivors too; the others have none."""
    ledger = judge(ABOUT, [near(prefer=["-score"])])
    assert ledger["cluster_size"].to_list() == [4, 4, 4, 4, None, None, 2, 2, None, None]
    names = ledger["cluster"].to_list()
    assert len(set(names[:4])) == len(set(names[6:8])) == 1
    assert all(name is None or re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_a_document_inside_another() -> None:
    """With `containment`, what lies in a larger text goes, though they are not alike; what is too small is not looked for."""
    data = pa.table({"text": [words(0, 200), words(20, 130) + " and on", words(300, 420)]})
    assert judge(data, [near()])["copies"].to_list() == [1, 1, 1]
    ledger = judge(data, [near(containment=0.9)])
    assert ledger["copies"].to_list() == [1, 0, 1]
    assert ledger.select("partner", "similarity", "containment", "reasons").row(1) == ("0", 106 / 198, 106 / 108, ["inside another document"])
    assert judge(data, [near(containment=0.99)])["copies"].to_list() == [1, 1, 1]


@pytest.mark.parametrize(("size", "copies"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (99, 5), (100, 8), (999, 8), (1000, 1)])
def test_copies_by_cluster_size(size: int, copies: int) -> None:
    """A survivor gets as many copies as the table says for the documents it stands for; so FineWeb 2 did it."""
    data = pa.table({"text": ["some words that are alike"] * size + ["alone"]})
    ledger = judge(data, [near(keep_copies={1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1})])
    assert sorted(ledger["copies"].to_list()) == sorted([0] * (size - 1) + [copies, 1])


def test_copies_compose() -> None:
    """Copies that an earlier stage gave are multiplied, to 255 at most."""
    from stages_for_tests import Repeat

    data = pa.table({"text": ["abc", "abc", "abcdefg", "abcdefg"]})
    assert sorted(judge(data, [Repeat(), near(keep_copies={2: 2})])["copies"].to_list()) == [0, 0, 6, 6]
    assert sorted(judge(data, [Repeat(), near(keep_copies={2: 200})])["copies"].to_list()) == [0, 0, 255, 255]


def test_a_dropped_document_is_nobodys_keeper() -> None:
    """Only the living are chosen from: of equal sets, too, where the one that was compared with others is gone."""
    drops = {
        "block": ["rules", None, "near_duplicates", "near_duplicates"],  # 0, with whose set that of 3 is equal
        "max": [None, "rules", None, "near_duplicates"],  # 1, to which all others are alike
    }
    for kind, limits in (("block", {"score": ["0.5"]}), ("max", {"score": 0.85})):
        ledger = judge(ABOUT, [make_stage("rules", **{kind: limits}), near(prefer=["score"])])
        assert ledger["stage"].to_list()[:4] == drops[kind]


VOCABULARY = st.sampled_from(["a", "b", "c", "d", "e", "f"])
DOCUMENTS = st.lists(st.lists(VOCABULARY, max_size=9).map(" ".join), min_size=1, max_size=14)


def slow_survivors(texts: list[str], order: list[int], threshold: float) -> tuple[list[int], dict[int, tuple[float, int]]]:
    """The stage as a person would do it: who stays, and the most similar of those for each that goes (first in order of equals)."""
    sets = [shingle_set(text, 2) for text in texts]
    kept: list[int] = []
    gone = {}
    for i in order:
        like = [j for j in kept if jaccard(sets[i], sets[j]) >= threshold]
        if like:
            best = max(like, key=lambda j: (jaccard(sets[i], sets[j]), -order.index(j)))
            gone[i] = (jaccard(sets[i], sets[best]), best)
        else:
            kept.append(i)
    return sorted(kept), gone


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.randoms(), st.sampled_from([0.5, 0.6, 0.75, 1.0]))
def test_survivors_are_those_of_the_slow_program(texts, shuffle, threshold):
    """The first maximal independent set in order of preference, with the most similar kept partner."""
    order = list(range(len(texts)))
    shuffle.shuffle(order)
    score = [-order.index(i) for i in range(len(texts))]
    # 64 bands of one row miss a pair at .5 once in 10^19.
    stage = near(threshold=threshold, floor=0.3, shingle=2, bands=[64, 1], prefer=["score"])
    ledger = judge(pa.table({"text": texts, "score": score}), [stage])
    kept, gone = slow_survivors(texts, order, threshold)
    assert ledger.filter(pl.col("copies") > 0)["row"].to_list() == kept
    dropped = ledger.filter(pl.col("copies") == 0)
    assert {row["row"]: (row["similarity"], int(row["partner"])) for row in dropped.iter_rows(named=True)} == gone


def held(texts: list[str], ledger: pl.DataFrame, threshold: float = 0.8) -> list[float]:
    """Hold removals to Python's sets; their similarities. No cluster is emptied, and every partner is kept."""
    copies = ledger["copies"].to_list()
    similarities = []
    for row in ledger.filter(pl.col("stage") == "near_duplicates").iter_rows(named=True):
        assert copies[int(row["partner"])] > 0
        similarities.append(jaccard(shingle_set(texts[row["row"]]), shingle_set(texts[int(row["partner"])])))
        assert similarities[-1] == row["similarity"] >= threshold
    survivors = ledger.filter(pl.col("cluster").is_not_null()).group_by("cluster").agg(pl.col("copies").max())
    assert survivors["copies"].min() is None or int(survivors["copies"].min()) > 0
    return similarities


def both_stay(ledger: pl.DataFrame, ids: list[str], pairs: pl.DataFrame, least: float) -> float:
    """The share of pairs at least so similar of which both documents stay."""
    alive = {name for name, copies in zip(ids, ledger["copies"].to_list(), strict=True) if copies}
    close = pairs.filter(pl.col("jaccard") >= least)
    return sum(a in alive and b in alive for a, b in close.select("a", "b").iter_rows()) / close.height


def test_sample_data() -> None:
    """Of the sample's pairs at .8 at most one document stays, nothing goes without a kept twin, and no cluster is emptied."""
    table = pl.read_parquet(SAMPLE / "raw" / "*.parquet", columns=["id", "text"])
    ledger = judge(table, [near()])
    assert both_stay(ledger, table["id"].to_list(), pl.read_parquet(SAMPLE / "pairs.parquet"), 0.8) == 0
    assert len(held(table["text"].to_list(), ledger)) > 50


@pytest.mark.parametrize("folder", sorted(Path(OTHER_TEXTS).iterdir()) if OTHER_TEXTS else [])
def test_known_pairs_of_real_text(folder: Path) -> None:
    """On any corpus with known pairs, at most .1 % of those at .8 both stay, and every removal has a kept twin."""
    if not (folder / "pairs_jaccard_w5.parquet").exists():
        pytest.skip("no pairs")
    (texts,) = [path for path in folder.glob("*.parquet") if "pairs" not in path.name]
    table = pl.read_parquet(texts, columns=["id", "text"])
    pairs = pl.read_parquet(folder / "pairs_jaccard_w5.parquet").select(a="id_a", b="id_b", jaccard="jaccard_w5")
    ledger = judge(table, [near()])
    assert both_stay(ledger, table["id"].to_list(), pairs, 0.8) <= 0.001
    held(table["text"].to_list(), ledger)


def test_scripts_without_spaces() -> None:
    """Chinese texts that differ in a character are alike by characters, and have a few long words by `\\w+` alone."""
    text = "我们走在大街上看见许多人，他们都在忙着自己的事情，没有人注意到天空中飞过的鸟儿，也没有人听见远处传来的钟声。"
    data = pa.table({"text": [text, text.replace("鸟", "鱼")]})
    assert sorted(judge(data, [near(unit="auto")])["copies"].to_list()) == [0, 1]
    assert judge(data, [near()])["copies"].to_list() == [1, 1]


REFUSED = [
    ({"threshold": 0.7}, 'near_duplicates: "threshold" is 0.7, and pairs are looked for from "floor", 0.8, on.\nFix: set floor: 0.7 as well; the texts are then measured anew.'),
    ({"threshold": 1.5}, 'near_duplicates: "threshold" is above 0 and at most 1, not 1.5.'),
    ({"shingle": 0}, 'near_duplicates: "shingle" is 1 to 64 words, not 0.'),
    ({"bands": [16]}, 'near_duplicates: "bands" is [bands, rows], at most 99 bands and 1,024 minima in all, not [16].'),
    ({"keep_copies": {2: 0}}, 'near_duplicates: "keep_copies" gives 1 to 255 copies from a number of documents on, not 0 from 2 on.'),
]


@pytest.mark.parametrize(("parameters", "message"), REFUSED)
def test_parameters_that_cannot_be_meant(parameters: dict[str, Any], message: str) -> None:
    """What cannot be meant is refused in a sentence."""
    with pytest.raises(RecipeError) as caught:
        near(**parameters)
    assert str(caught.value) == f"make_stage, stage 1: {message}"


def test_bands_tell_their_recall() -> None:
    """Bands that lose pairs are allowed, and say how many."""
    with pytest.warns(UserWarning, match=r"^near_duplicates: 9 bands of 13 rows find a pair of similarity 0.8 with a probability of 0.40$"):
        stage = near(bands="datasketch")
    assert stage.recall(0.8) == pytest.approx(0.40, abs=0.01)
    assert near().recall(0.8) >= 0.99


def test_signatures_go_to_datasketch_and_back() -> None:
    """A signature becomes a MinHash that datasketch's LSH takes and finds, and comes back as it was."""
    datasketch = pytest.importorskip("datasketch", minversion="2.0.0")
    text = " ".join(f"w{i}" for i in range(300))
    found = signatures([text, text + " more", "something else"])
    sketches = [to_datasketch(one) for one in found]
    index = datasketch.MinHashLSH(threshold=0.8, num_perm=128)
    for i, sketch in enumerate(sketches):
        index.insert(i, sketch)
    assert sorted(index.query(sketches[0])) == [0, 1]
    assert np.array_equal(from_datasketch(sketches), found)
    assert sketches[0] == datasketch.MinHash(128, hashvalues=found[0], scheme="affine32")


def test_sketches_of_other_permutations_are_refused() -> None:
    """A MinHash of another seed or scheme does not become a signature."""
    datasketch = pytest.importorskip("datasketch", minversion="2.0.0")
    for other in (datasketch.MinHash(16, seed=2), datasketch.MinHash(16, scheme="legacy")):
        with pytest.raises(StageError, match=r'^signatures are of seed 1 and scheme "affine32", not of seed '):
            from_datasketch([other])
