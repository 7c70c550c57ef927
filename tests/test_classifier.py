"""fastText models without the library: every kind beside a slow program, and what is said of files that are none."""

import json
import math
import threading

import numpy as np
import pyarrow as pa
import pytest
from fasttext_models import LABELS, Model
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamis import classifier
from tamis.errors import DataError
from tamis.kernels import fasttext_words

MODELS = {
    "two labels": Model(),
    "two labels, runs of 2 words": Model(ngrams=2, buckets=50),
    "runs of 4 words": Model(labels=3, ngrams=4, buckets=17),
    "one label": Model(labels=1),
    "more labels than dimensions": Model(labels=5, dim=3, ngrams=2, buckets=11),
    "n-grams of characters": Model(labels=3, minn=2, maxn=4, buckets=100),
    "n-grams from one character on": Model(labels=5, dim=3, minn=1, maxn=3, buckets=40, ngrams=2),
    "a tree": Model(labels=5, dim=6, loss="hs"),
    "a tree with more branches than dimensions": Model(labels=5, dim=3, loss="hs", minn=2, maxn=3, buckets=30),
    "a tree of two labels": Model(labels=2, loss="hs"),
    "a tree of one label": Model(labels=1, loss="hs"),
    "each label by itself": Model(labels=3, loss="ova", ngrams=2, buckets=20),
    "each by itself, with n-grams of characters": Model(labels=3, loss="ova", minn=2, maxn=3, buckets=20),
    "negative sampling": Model(labels=5, loss="ns"),
    "one dimension": Model(labels=3, dim=1, loss="ova"),
    "quantised": Model(labels=3, dim=8, quantised=True, ngrams=2, buckets=30),
    "quantised with norms": Model(dim=7, quantised=True, normed=True),
    "quantised output": Model(labels=5, dim=4, quantised=True, quantised_output=True, normed=True),
    "pruned": Model(dim=6, quantised=True, ngrams=2, buckets=20, kept=(3, 17, 4, 8, 0)),
    "pruned of all n-grams": Model(dim=6, quantised=True, ngrams=2, buckets=20, minn=2, maxn=3, kept=()),
    "without an end of line": Model(words=("the", "cat", "日本語"), ngrams=2, buckets=9),
}
HARD = [
    "", " ", "\n\n\n", "word", "the", "the cat\nsat", "a\tb\x0bc\x0cd\re\x00f", "the </s> cat", "before </s>after", "x</s> y", "</s>", "</s> </s>",
    "__label__good the", "__label__unknown", "__label__", "__label_ the", "abcdefgh abcdefghi abcdefghij abcdefg", "naïve 日本語 é " * 30, "the " * 2000,
    "x" * 3000, "\u00a0the\u2003cat", "a" * 8 + " " + "a" * 9, " ".join("abcdefgh" + chr(c) for c in range(33, 127)),
]  # fmt: skip


@pytest.fixture(scope="module", params=MODELS)
def pair(request, tmp_path_factory):
    """A model, and the classifier that was read from its file."""
    model = MODELS[request.param]
    return model, classifier.load(model.write(tmp_path_factory.mktemp("model") / "model.bin"))


def near(found: np.ndarray, wanted: list[float] | None, model: Model, loss: str) -> None:
    """Hold probabilities beside those of the slow program."""
    if wanted is None:
        assert np.isnan(found).all()
        return
    # At the border of two steps of the sigmoid the last digit of a sum decides.
    width = 0.0079 if loss in ("ova", "ns") else 2e-6
    assert np.abs(found - np.array(wanted)).max() < width, model
    if loss == "softmax":
        assert abs(float(found.sum()) - 1) < 1e-6


def test_every_kind_says_what_the_formula_says(pair):
    """Hard texts get the probabilities of a slow program that knows only the formulas."""
    model, read = pair
    found = read.scores(pa.array(HARD, pa.large_string()))
    assert found.dtype == np.float32
    assert found.shape == (len(HARD), model.labels)
    for text, scores in zip(HARD, found, strict=True):
        near(scores, model.says(text.encode()), model, model.loss)


@settings(max_examples=60)
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([*["the", "cat", "sat", "naïve", "</s>", "__label__good", "\n", "\x00"], " "]), max_size=40)
    .map(" ".join)
    .map(str.encode)
)
@example(b"\xff\xfe \x80 caf\xe9 \xf0\x9f")
def test_any_bytes_are_scored(tmp_path_factory, text):
    """Bytes that are no text are features like others."""
    for name in ("runs of 4 words", "n-grams from one character on", "pruned"):
        model = MODELS[name]
        path = tmp_path_factory.getbasetemp() / f"{name}.bin"
        read = classifier.load(path if path.exists() else model.write(path))
        near(read.scores(pa.array([text], pa.large_binary()))[0], model.says(text), model, model.loss)


LONG = (
    "</s>",
    "abcdefgh",
    "abcdefghi",
    "abcdefghijklmnop",
    "abcdefghijklmnopq",
    "abcdefgh-jklmnopq",
    "a" * 40,
    "a" * 15 + "b" + "a" * 24,
    "x",
)


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(LONG[1:]) | st.text("ab-x", min_size=1, max_size=40), max_size=30),
    st.lists(st.sampled_from(" \t\n\r\0"), min_size=30, max_size=30),
    st.sampled_from([0, 1, 40, 63, 64, 65, 4050, 4090, 4096, 4100]),
)
def test_words_are_cut_and_found_wherever_they_lie(tmp_path_factory, words, gaps, before):
    """Words of the vocabulary, and others that begin and end like them, count as the slow program counts them, across all borders of the kernel."""
    model = Model(words=LONG)
    path = tmp_path_factory.getbasetemp() / "long.bin"
    read = classifier.load(path if path.exists() else model.write(path))
    text = "y" * before + " " + "".join(word + gap for word, gap in zip(words, gaps, strict=False))
    for one in (text, text[:-1]):
        near(read.scores(pa.array([one], pa.large_string()))[0], model.says(one.encode()), model, model.loss)


def test_every_word_of_a_large_vocabulary_is_found():
    """So many words that some lie far from where they should: each has its own number, and what is none of them has none."""
    rng = np.random.default_rng(0)
    drawn = {bytes(rng.integers(97, 101, size).astype(np.uint8).tolist()) for size in rng.integers(1, 24, 6000).tolist()}
    kept, others = sorted(drawn)[::2], sorted(drawn)[1::2]
    borders = np.concatenate([[0], np.cumsum([len(word) for word in kept])]).astype(np.int64)
    words = np.frombuffer(b"".join(kept), np.uint8)
    slots = fasttext_words.vocabulary(words, borders)
    assert [fasttext_words.entry_of(word, slots, words, borders) for word in kept] == list(range(len(kept)))
    assert {fasttext_words.entry_of(word, slots, words, borders) for word in others} == {-1}
    assert (slots[:, 1] >> np.uint64(63)).sum() > 50


def test_steps_of_the_sigmoid_are_the_same_on_most_texts(tmp_path):
    """Of labels by themselves nearly all probabilities are the very step of the table, far more than could be by chance."""
    model = MODELS["each label by itself"]
    texts = [f"the cat {i} sat {i * 7} a" for i in range(300)]
    found = classifier.load(model.write(tmp_path / "m.bin")).scores(pa.array(texts))
    wanted = np.array([model.says(text.encode()) for text in texts])
    assert (np.abs(found - wanted) < 1e-6).mean() > 0.99


def test_documents_do_not_touch_each_other(pair):
    """A text scores the same alone, among others, sliced, chunked and as a string of any kind."""
    _, read = pair
    whole = read.scores(pa.array(HARD, pa.large_string()))
    alone = np.concatenate([read.scores(pa.array([text])) for text in HARD])
    np.testing.assert_array_equal(whole, alone)
    np.testing.assert_array_equal(whole[3:9], read.scores(pa.array(HARD, pa.large_string()).slice(3, 6)))
    np.testing.assert_array_equal(whole, read.scores(pa.chunked_array([HARD[:5], HARD[5:]])))
    assert read.scores(pa.array([], pa.string())).shape == (0, len(read.labels))


def test_many_texts_are_scored_in_pieces(tmp_path, monkeypatch):
    """How many probabilities are worked out at once changes nothing."""
    read = classifier.load(MODELS["a tree"].write(tmp_path / "m.bin"))
    whole = read.scores(pa.array(HARD))
    monkeypatch.setattr(classifier, "_NUMBERS", 12)
    np.testing.assert_array_equal(whole, read.scores(pa.array(HARD)))


@pytest.mark.parametrize("name", MODELS)
def test_explanations_add_up(name, tmp_path):
    """The weights of a text's features sum up to the logit that its probability came from, with every feature in it."""
    model = MODELS[name]
    read = classifier.load(model.write(tmp_path / "m.bin"))
    text = "the cat sat naïve 日本語 the cat unknown"
    for place, label in enumerate(read.labels):
        weights = read.explain(text, label)
        assert [weight for _, weight in weights] == sorted((weight for _, weight in weights), reverse=True)
        assert len(dict(weights)) == len(weights)
        total, p = sum(weight for _, weight in weights), model.says(text.encode())
        logs = [math.log(x) for x in p]
        if model.loss == "softmax" and model.labels > 1:
            assert total == pytest.approx(logs[place] - (sum(logs) - logs[place]) / (model.labels - 1), abs=1e-5)
        elif model.loss in ("ova", "ns"):
            assert total == pytest.approx(logs[place] - math.log(1 - p[place]), abs=1 / 30)
    assert {"the", "cat", "日本語"} <= set(dict(read.explain(text, read.labels[0])))


def test_an_explanation_can_be_read(tmp_path):
    """Words, runs of words and the end are named, the strongest for the label first; against one label is for the other."""
    read = classifier.load(MODELS["two labels, runs of 2 words"].write(tmp_path / "m.bin"))
    weights = read.explain("the cat  sat", "good")
    assert {name for name, _ in weights} == {"the", "cat", "sat", "</s>", "the cat", "cat sat", "sat </s>"}
    assert dict(read.explain("the cat  sat", "bad")) == {name: pytest.approx(-weight) for name, weight in weights}


def test_labels_digest_and_facts(tmp_path):
    """What a model is can be asked without scoring a text, and the file beside it is part of the answer."""
    path = MODELS["pruned"].write(tmp_path / "m.ftz")
    read = classifier.load(path)
    assert read.labels == LABELS[2]
    assert len(read.sha256) == 64
    about = {"labels": 2, "dim": 6, "words": 9, "buckets": 20, "word_ngrams": 2, "character_ngrams": None}
    assert dict(read.about) == {**about, "loss": "softmax", "quantised": True, "pruned": True, "training": None}
    (tmp_path / "m.ftz.json").write_text(json.dumps({"seed": 1}))
    MODELS["two labels"].write(path)
    assert classifier.load(path).about["training"] == {"seed": 1}
    assert classifier.load(path).file.dim == 4


def test_a_model_is_read_once(tmp_path, monkeypatch):
    """However many threads ask at once, the matrices are read once, and a second `load` is the same classifier."""
    path = MODELS["n-grams of characters"].write(tmp_path / "m.bin")
    read, made = classifier.load(path), []
    of = classifier._Rows.of
    monkeypatch.setattr(classifier._Rows, "of", lambda *given: made.append(1) or of(*given))
    threads = [threading.Thread(target=lambda: read.scores(pa.array(HARD))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    assert classifier.load(str(path)) is read


WRONG = {
    "empty": (lambda b: b"", "is not a fastText model: it does not begin as one"),
    "foreign": (lambda b: b"PAR1" + b, "is not a fastText model: it does not begin as one"),
    "newer": (lambda b: b[:4] + b"\x0d\0\0\0" + b[8:], "is a fastText model of version 13; versions 11 and 12 are understood"),
    "a label fewer": (lambda b: b[:68] + b"\x01" + b[69:], "is damaged: its dictionary is impossible"),
    "no dimensions": (lambda b: b[:8] + b"\0\0\0\0" + b[12:], "is damaged: its settings are impossible"),
    "unknown loss": (lambda b: b[:32] + b"\x09" + b[33:], "is damaged: its settings are impossible"),
    "huge dictionary": (
        lambda b: b[:64] + b"\xff\xff\xff\x7f\xf0\xff\xff\x7f\x0f\0\0\0" + b[76:],
        "is damaged: its dictionary is impossible",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_files_that_are_no_models_are_refused(name, tmp_path):
    """One sentence says what is wrong with a file, and how to mend it."""
    spoil, said = WRONG[name]
    path = Model().write(tmp_path / "m.bin")
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError) as error:
        classifier.load(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_models_of_another_purpose_are_refused(tmp_path):
    """A missing file, vectors of words, and a classifier without labels or with an unknown label each get their own sentence."""
    path = tmp_path / "m.bin"
    with pytest.raises(
        DataError, match=r'^the model ".*m\.bin" does not exist\.\nFix: name a file that `tamis train` or fastText wrote\.$'
    ):
        classifier.load(path)
    Model(kind=2).write(path)
    with pytest.raises(DataError, match="is a fastText model of word vectors, not a classifier"):
        classifier.load(path)
    Model(labels=0).write(path)
    with pytest.raises(DataError, match="is a classifier without labels"):
        classifier.load(path)
    read = classifier.load(Model().write(tmp_path / "good.bin"))
    with pytest.raises(DataError, match=r'has no label "god". Did you mean "good"'):
        read.explain("the cat", "god")
    with pytest.raises(DataError, match="1 of the texts to be scored are null"):
        read.scores(pa.array(["the", None]))
    with pytest.raises(DataError, match=r'god.bin" does not exist. Did you mean "good.bin"'):
        classifier.load(tmp_path / "god.bin")


@pytest.mark.parametrize("name", ["two labels, runs of 2 words", "quantised with norms", "pruned"])
def test_a_file_cut_anywhere_is_refused(name, tmp_path):
    """No prefix of a model is taken for a model, and none ends in anything but the sentence."""
    path = tmp_path / "m.bin"
    whole = MODELS[name].write(path).read_bytes()
    for end in (*range(0, 400, 7), *range(400, len(whole), max(1, len(whole) // 40)), len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"damaged|not a fastText model"):
            classifier.load(path)


@settings(max_examples=80)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_spoilt_bytes_never_crash(tmp_path_factory, at, bytes_):
    """A header with other bytes is refused or read, never a crash or another error."""
    path = tmp_path_factory.getbasetemp() / "spoilt.bin"
    whole = MODELS["pruned"].write(path).read_bytes()
    path.write_bytes(whole[:at] + bytes_ + whole[at + len(bytes_) :])
    try:
        read = classifier.read(path)
    except DataError:
        return
    assert len(read.labels) >= 1


def test_a_model_that_failed_in_training_is_refused(tmp_path):
    """A model with a number that is none would give other numbers that are none."""
    model = Model()
    model.parts["input"][2, 1] = np.nan
    with pytest.raises(DataError, match="holds numbers that are not finite: its training failed"):
        classifier.load(model.write(tmp_path / "m.bin")).scores(pa.array(["the cat"]))


def test_version_11_has_no_ngrams_of_characters(tmp_path):
    """Models of fastText 0.1 name a longest n-gram of characters and use none."""
    old = Model(labels=3, minn=2, maxn=4, buckets=100, version=11)
    found = classifier.load(old.write(tmp_path / "m.bin")).scores(pa.array(["the cat sat unknown"]))
    without = Model(labels=3, buckets=100)
    near(found[0], without.says(b"the cat sat unknown"), without, "softmax")
