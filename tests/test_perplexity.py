"""The stages `perplexity` and `head_middle_tail`: reference text is predictable, and thirds are thirds."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import models
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tamis
from tamis.errors import RecipeError, StageError
from tamis.lm.model import Model
from tamis.stages.head_middle_tail import HeadMiddleTail
from tamis.stages.perplexity import Perplexity, loaded

PROSE = "The dog looked at a table in the garden, and nobody saw it."
FRENCH = "Le chien regarde la table au jardin, et personne ne l'a vu."
NOISE = "xq7 ZZ|| 0x4f ~~ #@! 9kL; vv"
EN, FR = models.english(), models.french()


def measured(stage, *texts, lang=None) -> pl.DataFrame:
    """The signals of some texts."""
    return stage.measure(pa.table({"text": pa.array(texts, pa.large_string()), "lang": pa.array(lang or [None] * len(texts), pa.string())}))


def verdicts(stages, **columns) -> list[list[str]]:
    """The reasons for which each document is dropped."""
    return tamis.judge(columns, stages)["reasons"].to_list()


def test_what_is_like_the_reference_takes_fewer_bits():
    """Prose like the model's takes least, French more, noise most; an empty text has no number."""
    found = measured(tamis.make_stage("perplexity", model=EN), PROSE, FRENCH, NOISE, "")
    prose, french, noise, nothing = found["bits_per_byte"].to_list()
    assert prose < 0.25
    assert 2 < french < noise
    assert nothing is None
    assert found["model"].to_list() == ["english"] * 4


def test_the_number_is_the_models():
    """Bits of the text's tokens, divided by its bytes in UTF-8: "sœur" is five."""
    model = Model.load(FR)
    bits = model.ngram.bits(model.tokenizer.encode(pa.array(["sœur"])))[0]
    assert measured(tamis.make_stage("perplexity", model=FR), "sœur")["bits_per_byte"].to_list() == [bits / 5]


def test_each_document_is_asked_of_the_model_of_its_language():
    """The column chooses; without a model for its value there is no number."""
    stage = tamis.make_stage("perplexity", model={"en": EN, "fr": FR})
    found = measured(stage, PROSE, FRENCH, PROSE, PROSE, "", lang=["en", "fr", "fr", "de", "en"])
    single = [measured(tamis.make_stage("perplexity", model=path), PROSE, FRENCH)["bits_per_byte"] for path in (EN, FR)]
    assert found["bits_per_byte"].to_list() == [single[0][0], single[1][1], single[1][0], None, None]
    assert found["model"].to_list() == ["en", "fr", "fr", None, "en"]
    topics = stage.__class__({"a": Path(EN)}, column="topic")
    assert topics.columns_read() == ("text", "topic")


def test_without_a_column_the_language_is_found():
    """It is what the stage `language` says; a text too short for it has no number, and a recipe may say `column: null`."""
    stage = tamis.make_stage("perplexity", model={"en": EN, "fr": FR}, column=None)
    texts = [PROSE, FRENCH, "Der Hund sah einen Tisch im Garten, und niemand hat es bemerkt.", "the"]
    found = measured(stage, *texts, lang=["fr"] * 4)
    said = measured(tamis.make_stage("language"), *texts)["language"].to_list()
    assert said == ["en", "fr", "de", None]
    assert found["model"].to_list() == ["en", "fr", None, None]
    single = [measured(tamis.make_stage("perplexity", model=path), PROSE, FRENCH)["bits_per_byte"] for path in (EN, FR)]
    assert found["bits_per_byte"].to_list() == [single[0][0], single[1][1], None, None]


LIMITS = [
    ({"max_bits_per_byte": 1.0}, [[], ["unlike the reference text"], ["bits per byte not measurable"]]),
    ({"max_bits_per_byte": 1.0, "on_null": "keep"}, [[], ["unlike the reference text"], []]),
    ({"min_bits_per_byte": 1.0}, [["too predictable"], [], ["bits per byte not measurable"]]),
    ({}, [[], [], []]),
]


@pytest.mark.parametrize(("limits", "reasons"), LIMITS)
def test_limits(limits, reasons):
    """A limit drops what is beyond it; without one the stage only measures."""
    assert verdicts([tamis.make_stage("perplexity", model=EN, **limits)], text=[PROSE, NOISE, ""]) == reasons


def test_a_limit_is_met_by_what_equals_it():
    """A document of exactly the largest number stays, of the next larger one goes."""
    value = measured(tamis.make_stage("perplexity", model=EN), PROSE)["bits_per_byte"][0]
    for limit, kept in ((value, True), (value - 1e-9, False)):
        assert verdicts([tamis.make_stage("perplexity", model=EN, max_bits_per_byte=limit)], text=[PROSE]) == [
            [] if kept else ["unlike the reference text"]
        ]


def test_a_model_is_loaded_once():
    """Workers share it, and a changed file is read again."""
    with ThreadPoolExecutor(4) as pool:
        assert len({id(model) for model in pool.map(loaded, [EN] * 8)}) == 1


def test_a_changed_file_is_another_model(tmp_path):
    """What was trained again under the same name is what is asked."""
    path = tmp_path / "m.ngram"
    path.write_bytes(Path(EN).read_bytes())
    before = measured(Perplexity(path), PROSE)["bits_per_byte"][0]
    path.write_bytes(Path(FR).read_bytes())
    assert measured(Perplexity(path), PROSE)["bits_per_byte"][0] > 2 * before


def test_impossible_models_are_refused(tmp_path):
    """One sentence with the place in the recipe: no file, no model, no path."""
    (tmp_path / "prose").write_text("no model")
    missing, foreign = str(tmp_path / "missing"), str(tmp_path / "prose")
    for model, said in [
        (missing, f'the model "{missing}" does not exist.\nFix: make one with `tamis train lm`.'),
        (foreign, f"{foreign} is not a model of `tamis train lm`.\nFix: give the path of one."),
        ({"en": foreign}, f"{foreign} is not a model of `tamis train lm`.\nFix: give the path of one."),
        ({}, '"model" names no model.\nFix: give a path, or one for each language: {en: en.ngram}.'),
    ]:
        with pytest.raises(RecipeError, match=f"^make_stage, stage 1: perplexity: {re.escape(said)}$"):
            tamis.make_stage("perplexity", model=model)
    with pytest.raises(RecipeError, match='"perplexity" needs the parameter "model"'):
        tamis.make_stage("perplexity")


scores = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 6)), st.sampled_from(["a", "b", None])), min_size=1, max_size=30)


def slow_part(score, group, rows, stage) -> str | None:
    """How many of the group are better, by looking at each."""
    if score is None:
        return None
    others = [other for other, of in rows if other is not None and (stage.within is None or of == group)]
    better = sum(1 for other in others if (other < score if stage.best == "low" else other > score))
    return "head" if better < len(others) * stage.shares[0] else "middle" if better < len(others) * stage.shares[1] else "tail"


@given(
    scores,
    st.sampled_from(["low", "high"]),
    st.sampled_from([None, "lang"]),
    st.sampled_from([(1 / 3, 2 / 3), (0.3, 0.6), (0, 1), (0.5, 0.5)]),
)
def test_parts_are_shares_of_each_group(rows, best, within, shares):
    """Each document is in the part that counting gives, whatever the order; equal values are in one part."""
    stage = HeadMiddleTail(keep=("middle",), signal="score", best=best, within=within, shares=shares)
    columns = {"text": [f"{i}" for i in range(len(rows))], "score": [score for score, _ in rows], "lang": [group for _, group in rows]}
    found = tamis.judge(pl.DataFrame(columns, schema={"text": pl.String, "score": pl.Float64, "lang": pl.String}), [stage])
    wanted = [slow_part(score, group, rows, stage) for score, group in rows]
    assert found["part"].to_list() == wanted
    assert found["reasons"].to_list() == [[] if part in (None, "middle") else [f"in the {part}"] for part in wanted]


@pytest.mark.parametrize("percent", [7, 14, 28, 55, 56, 57])
def test_shares_are_whole_numbers_of_documents_where_they_can_be(percent):
    """Of a hundred documents 55 % are 55, although 100 * 0.55 is more than 55 in binary fractions."""
    table = {"text": [str(i) for i in range(100)], "score": [float(i) for i in range(100)]}
    stage = tamis.make_stage("head_middle_tail", signal="score", within=None, shares=[0, percent / 100])
    assert tamis.judge(table, [stage])["part"].to_list() == ["middle"] * percent + ["tail"] * (100 - percent)


def test_thirds_are_thirds_of_the_living():
    """A document that a stage above dropped takes no place in a part; the next one moves up."""
    table = {"text": [str(i) for i in range(7)], "score": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
    drops = tamis.make_stage("rules", min={"score": 1.0})
    stage = tamis.make_stage("head_middle_tail", signal="score", within=None, keep=["head"])
    assert tamis.judge(table, [drops, stage])["part"].to_list() == [None, "head", "head", "middle", "middle", "tail", "tail"]


def test_a_document_without_a_value_is_dropped_where_it_is_asked_for():
    """It is in no part; it stays, or goes for a reason that says so, also where it is the only one."""
    table = pl.DataFrame({"text": ["a"], "score": [None]}, schema={"text": pl.String, "score": pl.Float64})
    for on_null, reasons in (("keep", []), ("drop", ["score not measurable"])):
        found = tamis.judge(table, [tamis.make_stage("head_middle_tail", signal="score", within=None, on_null=on_null)])
        assert found.select("copies", "reasons", "part").rows() == [(0 if reasons else 1, reasons, None)]


def test_ccnets_split_behind_perplexity():
    """With the defaults of both, each language's most predictable two thirds stay, and a language without a model stays whole."""
    texts = [PROSE, "The cat painted the wall.", NOISE, FRENCH, "Le chat regarde le mur.", NOISE, "Hund und Katze"]
    stages = [tamis.make_stage("perplexity", model={"en": EN, "fr": FR}), tamis.make_stage("head_middle_tail")]
    table = {"text": texts, "lang": ["en", "en", "en", "fr", "fr", "fr", "de"]}
    assert verdicts(stages, **table) == [[], [], ["in the tail"], [], [], ["in the tail"], []]


@pytest.mark.parametrize(
    ("given_values", "said"),
    [
        ({"keep": ["best"]}, '"keep" takes head, middle and tail, not "best".'),
        ({"keep": []}, '"keep" names no part, so that nothing could pass.'),
        ({"shares": (0.5,)}, '"shares" wants two shares between 0 and 1, the larger one last, not [0.5].'),
        ({"shares": (0.7, 0.3)}, '"shares" wants two shares between 0 and 1, the larger one last, not [0.7, 0.3].'),
        ({"best": "first"}, '"best" is "low" or "high", not "first".'),
        ({"on_null": "no"}, '"on_null" is "keep" or "drop", not "no".'),
    ],
)
def test_impossible_splits_are_refused(given_values, said):
    """What cannot be meant is said."""
    with pytest.raises(StageError, match=f"^head_middle_tail: {re.escape(said)}$"):
        HeadMiddleTail(**given_values).check()
