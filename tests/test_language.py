"""The stage `language`: labels beside py3langid's, short and mixed texts, limits, models by path."""

import itertools
import random
import unicodedata
from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from fasttext_models import Model
from hypothesis import given
from hypothesis import strategies as st

from tamis import judge, make_stage
from tamis.documents import utf8
from tamis.errors import DataError, MissingPackage, RecipeError
from tamis.kernels import unicode
from tamis.stages import _langid
from tamis.stages import language as subject
from tamis.stages._excerpts import excerpts
from tamis.testing import check_stage

RAW = Path(__file__).parents[1] / "sample_data" / "raw" / "*.parquet"
REGISTERS = Path(__file__).parents[2] / "shared" / "data" / "turku_registers" / "web_registers.parquet"
SENTENCES = {
    "en": "The quick brown fox jumps over the lazy dog, and nobody in the village is surprised any more.",
    "fr": "Il fait beau aujourd'hui, et nous irons nous promener dans la forêt avec les enfants.",
    "de": "Heute scheint die Sonne, und wir gehen mit den Kindern im Wald spazieren.",
    "ru": "Сегодня хорошая погода, и мы пойдём гулять в лес вместе с детьми.",
    "hi": "आज मौसम अच्छा है और हम बच्चों के साथ जंगल में टहलने जाएंगे।",
    "ar": "الطقس جميل اليوم وسنذهب في نزهة إلى الغابة مع الأطفال بعد الظهر.",
    "el": "Σήμερα ο καιρός είναι καλός και θα πάμε βόλτα στο δάσος με τα παιδιά.",
    "ja": "今日は天気がいいので、子供たちと一緒に森へ散歩に行きます。とても楽しみにしています。そのあと家でお茶を飲みます。",
    "ko": "오늘은 날씨가 좋아서 아이들과 함께 숲으로 산책을 갈 것입니다. 그다음에는 집에서 차를 마실 것입니다. 정말 기대됩니다.",
    "th": "วันนี้อากาศดี เราจะไปเดินเล่นในป่ากับเด็กๆ แล้วกลับมาดื่มชาที่บ้าน",
}


def measure(texts, **parameters) -> pl.DataFrame:
    """What the stage finds."""
    return make_stage("language", **parameters).measure(pa.table({"text": pa.array(texts, pa.large_string())}))


def reasons(texts, **parameters) -> list[list[str]]:
    """Why texts are dropped."""
    return judge(pa.table({"text": texts}), [make_stage("language", **parameters)])["reasons"].to_list()


@pytest.fixture(scope="module")
def peer():
    """py3langid's own program."""
    from py3langid.langid import LanguageIdentifier

    return LanguageIdentifier.from_model_file("data/model.npz.xz", norm_probs=True)


@pytest.fixture(scope="module")
def declarations() -> list[str]:
    """The Universal Declaration of Human Rights in some 150 languages."""
    return pl.read_parquet(str(RAW)).filter(pl.col("source") == "udhr")["text"].to_list()


def agree(texts, peer) -> int:
    """Hold labels and scores beside py3langid's; how many texts had a label."""
    found, labelled = measure(texts, short=0, mixed="dominant", max_bytes=None), 0
    for text, row in zip(texts, found.iter_rows(named=True), strict=True):
        ranked = peer.rank(text)
        if row["language"] is None:
            assert ranked[0][1] < 0.02  # it saw no feature, and all languages are alike to it
            continue
        labelled += 1
        # Of two whose scores are equal but for the last digits either may come first.
        equal = [name for name, score in ranked if score > ranked[0][1] - 1e-6]
        assert row["language"] in equal, text[:80]
        assert row["score"] == pytest.approx(ranked[0][1], abs=2e-4)
        assert row["second_score"] == pytest.approx(ranked[1][1], abs=2e-4)
    return labelled


def test_labels_are_those_of_py3langid(peer, declarations):
    """In every language, whole texts, lines, words, texts in capitals and in another normal form get py3langid's labels."""
    draw = random.Random(1)
    lines = [draw.choice(text.split("\n")) for text in declarations for _ in range(3)]
    words = [draw.choice(text.split()) for text in declarations for _ in range(3)]
    some = declarations[::4]
    changed = [text.upper() for text in some] + [unicodedata.normalize("NFD", text) for text in some]
    together = [a[:700] + b[:700] for a, b in zip(some, declarations, strict=False)]
    assert agree([*declarations, *changed, *together], peer) > 400
    assert agree([*lines, *words], peer) > 700


def test_labels_are_those_of_py3langid_in_every_script(peer):
    """So do letters drawn from each script there is, and texts as long as the kernel's borders."""
    draw, texts = random.Random(2), []
    for number in range(1, len(unicode.script_codes())):
        letters = [chr(c) for c in np.flatnonzero(unicode.scripts() == number).tolist()]
        texts += ["".join(draw.choices([*letters, " "], k=k)) for k in (3, 40, 300) if letters]
    texts += [(SENTENCES["en"] * 30)[:n] for n in (1, 63, 64, 65, 255, 256, 257, 1023, 1024, 1025, 2000)]
    assert agree(texts, peer) > 450


def excerpt(text: str, max_bytes: int) -> str:
    """The slow program: stretches from the middles of the quarters of a long text, a newline where something is left out between two."""
    content = text.encode()
    if len(content) <= max_bytes:
        return text
    quarter, stretch = len(content) // 4, max_bytes // 4
    found, last = b"", 0
    for number in range(4):
        first = quarter * number + (quarter - stretch) // 2
        begin, end = first, first + stretch
        while begin < len(content) and content[begin] & 0xC0 == 0x80:
            begin -= 1
        while end < len(content) and content[end] & 0xC0 == 0x80:
            end += 1
        found += (b"\n" if number and begin > last else b"") + content[max(begin, last) : end]
        last = end
    return found.decode()


def test_stretches_of_a_long_text_are_judged_as_if_they_were_all(peer, declarations):
    """Of more than `max_bytes` bytes four stretches are asked for, which py3langid labels alike; letters and script are those of all."""
    for most in (64, 1023, 2048, 5000):
        texts = [excerpt(text, most) for text in declarations]
        assert max(len(text.encode()) for text in texts) <= most + 27
        found, wanted = measure(declarations, short=0, max_bytes=most), measure(texts, short=0, max_bytes=None)
        assert found.drop("letters", "script").equals(wanted.drop("letters", "script"))
        assert found.select("letters", "script").equals(measure(declarations, short=0, max_bytes=None).select("letters", "script"))
    agree([excerpt(text, 1023) for text in declarations[:20]], peer)


@given(st.lists(st.text(st.sampled_from("aé漢😀 "), max_size=90), max_size=6), st.integers(0, 2), st.integers(4, 80))
def test_excerpts_begin_and_end_between_characters(texts, ahead, most):
    """Any texts, wherever their buffer begins, are cut where the slow program cuts, and short ones are left."""
    array = pa.array([*["x" * 5] * ahead, *texts], pa.large_string())[ahead:]
    data, offsets = excerpts(*utf8(array), most)
    assert [data[a:b].tobytes().decode() for a, b in itertools.pairwise(offsets)] == [excerpt(text, most) for text in texts]


def test_a_stretch_within_a_character_is_the_character():
    """Four of ten are left where a stretch is a byte, each on its line."""
    data, offsets = excerpts(*utf8(pa.array(["😀" * 10], pa.large_string())), 4)
    assert data[offsets[0] : offsets[1]].tobytes().decode().split("\n") == ["😀"] * 4


@pytest.mark.parametrize("most", [1024, 1025, 2048])
def test_mixed_texts_are_found_in_any_script(most):
    """As many bytes as were asked for are looked at, whatever the width of characters: a text in two languages is told from one in one."""
    russian, japanese = (SENTENCES["ru"] + " ") * 100, SENTENCES["ja"] * 70
    assert measure([japanese, russian + japanese], max_bytes=most)["is_mixed"].to_list() == [False, True]


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_has_its_language_and_script(language):
    """A sentence is enough, whatever its script."""
    row = measure([SENTENCES[language]], short=20).row(0, named=True)
    scripts = {"ru": "Cyrl", "hi": "Deva", "ar": "Arab", "el": "Grek", "ja": "Hira", "ko": "Hang", "th": "Thai"}
    assert (row["language"], row["script"]) == (language, scripts.get(language, "Latn"))
    assert 0.5 < row["score"] <= 1
    assert 0 <= row["second_score"] <= 1 - row["score"] + 1e-6
    assert row["letters"] == sum(unicodedata.category(c)[0] == "L" for c in SENTENCES[language])


def test_short_texts_have_no_language():
    """A text of fewer letters than `short` is null, and its script is still told; one letter more is enough."""
    text = "the cat sat on the mat and looked at the dogs"  # 35 letters
    found = measure([text, text + " again", "", "123 456"], short=40)
    assert found["language"].to_list() == [None, "en", None, None]
    assert found["score"].is_null().to_list() == [True, False, True, True]
    assert found["second"].is_null().to_list() == [True, False, True, True]
    assert found["script"].to_list() == ["Latn", "Latn", None, None]
    assert found["letters"].to_list() == [35, 40, 0, 0]


def test_mixed_texts_have_no_language():
    """A text half in one language and half in another is mixed, wherever the halves are; a fifth of another is not enough."""
    a, b = SENTENCES["en"] * 40, SENTENCES["de"] * 40
    texts = [a + b, b + a, a[:1500] + b[:2900] + a[:1500], a, a + b[:400], a[:500] + b[:400]]
    found = measure(texts)
    assert found["is_mixed"].to_list() == [True, True, True, False, False, None]
    assert found["language"].is_null().to_list() == [True, True, True, False, False, False]
    dominant = measure(texts, mixed="dominant")
    assert dominant["is_mixed"].equals(found["is_mixed"])
    assert dominant["language"].null_count() == 0


def test_samples_lie_in_the_middle_of_their_quarters():
    """A sample is 256 bytes from the middle of a quarter, without half a character at either end."""
    text = "é" * 1000
    data = np.frombuffer(text.encode(), np.uint8)
    for quarter in range(4):
        begin, end = subject._sample(data, np.array([0]), np.array([2000]), quarter)
        assert (begin[0], end[0]) == (500 * quarter + 122, 500 * quarter + 378)
    odd = np.frombuffer(("x" + text).encode(), np.uint8)
    begin, end = subject._sample(odd, np.array([0]), np.array([2001]), 0)
    assert (begin[0], end[0]) == (123, 377)
    odd[begin[0] : end[0]].tobytes().decode()


CASES = [
    ({"keep": ["en"]}, [[], ["another language"], []]),
    ({"keep": ["en", "fr"]}, [[], [], []]),
    ({"keep": ["en"], "on_null": "drop"}, [[], ["another language"], ["language not measurable"]]),
    ({"min_score": 0.5}, [[], [], []]),
    ({"min_score": 1.5}, [["language uncertain"], ["language uncertain"], []]),
    ({"min_score_of": {"fr": 1.5}}, [[], ["language uncertain"], []]),
    ({"min_score": 1.5, "min_score_of": {"fr": None}}, [["language uncertain"], [], []]),
    ({"keep": ["de"], "min_score": 1.5}, [["another language", "language uncertain"], ["another language", "language uncertain"], []]),
    ({}, [[], [], []]),
]


@pytest.mark.parametrize(("parameters", "wanted"), CASES, ids=[str(case[0]) for case in CASES])
def test_reasons(parameters, wanted):
    """English, French and a text too short to tell are dropped for the reasons a reader would give."""
    assert reasons([SENTENCES["en"], SENTENCES["fr"], "ok"], **parameters) == wanted


def test_limits_by_a_column():
    """The limit may depend on a column, and that of a language wins."""
    table = pa.table({"text": [SENTENCES["en"], SENTENCES["fr"]] * 2, "source": ["a", "a", "b", "b"]})
    stage = make_stage("language", min_score_of={"fr": 1.5}, by={"source": {"b": {"min_score": 1.2}}})
    uncertain = ["language uncertain"]
    assert judge(table, [stage])["reasons"].to_list() == [[], uncertain, uncertain, uncertain]


WRONG = {
    "keep": ({"keep": ["eng"]}, 'language: the model knows no language "eng". Did you mean "'),
    "none kept": ({"keep": []}, 'language: "keep" names no language, so that nothing could pass.'),
    "limit": ({"min_score_of": {"xx": 0.5}}, 'language: the model knows no language "xx".'),
    "bytes": ({"max_bytes": 63}, 'language: "max_bytes" is 63; it must be at least 64, or null for all.'),
    "mixed": ({"mixed": "drop"}, 'must be "unknown" or "dominant"'),
    "model": ({"model": "nowhere.bin"}, 'language: the model "'),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_named(name):
    """A language that the model does not know, or an impossible value, is refused before any text is read."""
    parameters, said = WRONG[name]
    with pytest.raises(RecipeError) as error:
        make_stage("language", **parameters)
    assert said in str(error.value)


def test_the_list_of_languages_is_the_model_s():
    """The languages that recipes are checked against are those of the installed model."""
    assert set(_langid.LANGUAGES) == set(_langid.model()[0])


def test_a_missing_or_foreign_model_is_named(monkeypatch, tmp_path):
    """Without py3langid, or with another layout of its model, one sentence says what to install."""
    monkeypatch.setattr(_langid, "find_spec", lambda _: None)
    with pytest.raises(MissingPackage, match='language needs the package "py3langid", which is not installed'):
        _langid._path()
    foreign = tmp_path / "model.npz.xz"
    foreign.write_bytes(b"no archive")
    monkeypatch.setattr(_langid, "_path", lambda: foreign)
    with pytest.raises(DataError, match=r"is not laid out as in py3langid 0\.4.*\nFix: pip install"):
        _langid._model.__wrapped__()


def test_the_model_is_kept_unpacked(monkeypatch, tmp_path):
    """What is kept is the same model; a damaged file is replaced, and where nothing can be written it is unpacked every time."""
    names, packed = _langid._unpacked(_langid._path())
    monkeypatch.setattr(_langid, "folder", lambda: tmp_path)
    for damage in (None, b"", b"PK no archive", "half", "bit"):
        for kept in tmp_path.iterdir():
            content = kept.read_bytes()
            middle = len(content) // 2
            changed = {"half": content[:middle], "bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]}
            kept.write_bytes(changed.get(damage, damage))
        for _ in range(2):  # written, and read back
            labels, found = _langid._model.__wrapped__()
            assert labels == names
            for item in fields(packed):
                assert np.array_equal(getattr(found, item.name), getattr(packed, item.name))
            assert found.weights.ctypes.data % 64 == 0
        assert [kept.suffix for kept in tmp_path.iterdir()] == [".npz"]
    monkeypatch.setattr(_langid, "folder", lambda: tmp_path / "not there")
    assert _langid._model.__wrapped__()[0] == names


@pytest.mark.parametrize("kind", [Model(labels=3), Model(labels=1), Model(labels=5, loss="hs", dim=3, minn=1, maxn=2, buckets=20)])
def test_a_fasttext_model_by_path(kind, tmp_path):
    """A model's best and second label and their probabilities are the signals."""
    path = kind.write(tmp_path / "m.bin")
    texts = ["the cat sat on it", "naïve cat\nsat", "unknown"]
    found = measure(texts, model=str(path), short=0)
    from tamis.classifier import load

    names = load(path).labels
    for row, text in zip(found.iter_rows(named=True), texts, strict=True):
        ranked = sorted(zip(kind.says(text.encode()), names, strict=True), reverse=True)
        assert (row["language"], row["score"]) == (ranked[0][1], pytest.approx(ranked[0][0], abs=1e-6))
        assert row["second"] == (ranked[1][1] if len(names) > 1 else None)
    check_stage(make_stage("language", model=str(path), keep=[names[0]], short=5), other_process=False)


def test_a_fasttext_model_that_knows_nothing_of_a_text(tmp_path):
    """Such a text has no language; and languages to keep must be the model's labels."""
    path = Model(labels=3, words=("the",)).write(tmp_path / "m.bin")
    assert measure(["unknown words alone, and many of them", "the"], model=str(path), short=0)["language"].is_null().to_list() == [
        True,
        False,
    ]
    assert measure([], model=str(path)).schema == measure(["x"], model=str(path)).schema
    make_stage("language", model=str(path), keep=["eng_Latn"])
    with pytest.raises(RecipeError, match=r'knows no language "eng_Latin"\. Did you mean "eng_Latn"'):
        make_stage("language", model=str(path), keep=["eng_Latin"])


@pytest.mark.skipif(not REGISTERS.exists(), reason="the shared data are not here")
def test_languages_of_web_pages_are_found():
    """Of pages in Swedish, French, Portuguese, Hindi and Catalan 99.7 % of those with a language have the right one, and 99 % have one."""
    pages = pl.read_parquet(REGISTERS)
    found = measure(pages["text"].to_list()).with_columns(pages["lang"])
    known = found.filter(pl.col("language").is_not_null())
    assert known.height / found.height > 0.99
    assert (known["language"] == known["lang"]).mean() > 0.997
    whole = measure(pages["text"].to_list(), mixed="dominant")["language"]
    assert (whole == pages["lang"]).mean() > 0.995
    assert (measure(pages["text"].to_list(), mixed="dominant", max_bytes=None)["language"] == whole).mean() > 0.999
