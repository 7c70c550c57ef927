"""The n-gram model beside a slow, obvious Kneser-Ney, and what it promises of any text."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.errors import DataError
from tamis.kernels import ngram as kernel
from tamis.lm.model import Model
from tamis.lm.ngram import DISCOUNTS as DEFAULT
from tamis.lm.ngram import NGram
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens

SAMPLE = Path(__file__).parents[1] / "sample_data" / "raw" / "part-000.parquet"
BEGIN = -1
DISCOUNTS = (0.3, 0.55, 0.7, 0.85)
documents = st.lists(st.lists(st.integers(0, 4), max_size=12), max_size=8)


class Slow:
    """Interpolated Kneser-Ney from its definition: dictionaries, and a walk over all of them for every number."""

    def __init__(self, vocabulary: int, order: int, discounts: tuple[float, ...], text: list[list[int]]) -> None:
        self.vocabulary, self.order, self.discounts = vocabulary, order, discounts
        padded = [[BEGIN, *document] for document in text]
        seen = [Counter(tuple(one[i : i + n]) for one in padded for i in range(len(one) - n + 1)) for n in range(order + 2)]
        self.counts: list[dict[tuple[int, ...], int]] = [{} for _ in range(order + 1)]
        for n in range(1, order + 1):
            for gram in seen[n]:
                if gram == (BEGIN,):
                    continue
                as_it_is = n == order or gram[0] == BEGIN
                self.counts[n][gram] = seen[n][gram] if as_it_is else sum(1 for longer in seen[n + 1] if longer[1:] == gram)

    def probability(self, context: tuple[int, ...], token: int) -> float:
        """Of a token after a context of at most order - 1 tokens."""
        n = len(context) + 1
        lower = self.probability(context[1:], token) if context else 1 / self.vocabulary
        followed = {gram: count for gram, count in self.counts[n].items() if gram[:-1] == context}
        total, discount = sum(followed.values()), self.discounts[n - 1]
        if not total:
            return lower
        return (max(followed.get((*context, token), 0) - discount, 0) + discount * len(followed) * lower) / total

    def bits(self, document: list[int], first: int = 0) -> float:
        """Of the tokens of a document from one of them on."""
        padded = [BEGIN, *document]
        contexts = [tuple(padded[max(0, i - self.order + 1) : i]) for i in range(1, len(padded))]
        return -sum(math.log2(self.probability(context, token)) for context, token in list(zip(contexts, document, strict=True))[first:])


@given(documents, documents, st.integers(1, 4))
def test_equal_to_the_definition(text, held, order):
    """Bits are those of the definition, for any training text, order and held-out text."""
    model = NGram(5, order, DISCOUNTS)
    model.add(Tokens.of(text))
    slow = Slow(5, order, DISCOUNTS, text)
    assert model.bits(Tokens.of(held)).tolist() == pytest.approx([slow.bits(one) for one in held], abs=1e-9)


@given(documents, st.lists(st.integers(0, 4), max_size=5), st.integers(1, 4))
def test_probabilities_sum_to_one(text, context, order):
    """After any context, seen or not, the probabilities of all tokens sum to 1 and none is 0."""
    model = NGram(5, order, DISCOUNTS)
    model.add(Tokens.of(text))
    bits = model.bits(Tokens.of([[*context, token] for token in range(5)]), np.full(5, len(context)))
    assert np.all(np.isfinite(bits))
    assert np.exp2(-bits).sum() == pytest.approx(1, abs=1e-12)


def test_a_model_of_nothing_knows_nothing():
    """Every token is as likely as any other."""
    assert NGram(8).bits(Tokens.of([[0, 7, 3], []])).tolist() == [9, 0]


def test_by_hand():
    """After "0 1" once, with the discounts of order 2: checked on paper."""
    model = NGram(2, 2, (0.5, 0.5))
    model.add(Tokens.of([[0, 1]]))
    # Pairs: (begin, 0), (0, 1), once each. Single tokens: 0 after one context, 1 after one: 0.5 / 2 + 0.5 * 2 / 2 / 2 = 0.5 each.
    # p(0 | begin) = (1 - 0.5) + 0.5 * 1 * 0.5 = 0.75; p(1 | begin) = 0.25; p(1 | 0) = 0.75; after 1 nothing was seen: 0.5.
    bits = model.bits(Tokens.of([[0], [1], [0, 1], [1, 1]]))
    assert np.exp2(-bits).tolist() == pytest.approx([0.75, 0.25, 0.75 * 0.75, 0.25 * 0.5])


@given(documents, st.data(), st.integers(1, 4))
def test_first_leaves_out_the_context(text, data, order):
    """From any token on, the bits are those that the definition gives to the rest."""
    held = data.draw(documents)
    first = [data.draw(st.integers(0, len(one))) for one in held]
    model, slow = NGram(5, order, DISCOUNTS), Slow(5, order, DISCOUNTS, text)
    model.add(Tokens.of(text))
    found = model.bits(Tokens.of(held), np.array(first, np.int64)).tolist()
    assert found == pytest.approx([slow.bits(one, begin) for one, begin in zip(held, first, strict=True)], abs=1e-9)


@given(documents, documents, st.data())
def test_a_curve_is_a_model_for_each_budget(text, held, data):
    """Each budget gives, bit for bit, what a new model of exactly so many tokens gives, in whatever order budgets are named."""
    stream, others = Tokens.of(text), Tokens.of(held)
    budgets = data.draw(st.lists(st.integers(0, stream.total), max_size=4))
    rows = NGram(5).curve(stream, budgets, others)
    assert rows.shape == (len(budgets), len(others))
    for row, budget in zip(rows, budgets, strict=True):
        model = NGram(5)
        model.add(stream.head(budget))
        assert row.tolist() == model.bits(others).tolist()


def words(seed: int, count: int, vocabulary: int = 3000) -> Tokens:
    """A stream with many different n-grams: documents of 0 to 200 tokens, frequent tokens among rare ones."""
    random = np.random.default_rng(seed)
    ids = np.minimum(random.zipf(1.2, count), vocabulary).astype(np.uint16) - 1
    starts = np.unique(np.concatenate([[0, count], random.integers(0, count, count // 100)]))
    return Tokens(ids, starts.astype(np.int64))


def test_tables_grow(monkeypatch):
    """However small tables begin, nothing is lost and nothing hangs; no table is ever full."""
    text, held = words(1, 30_000), words(2, 3000)
    roomy = NGram(3000)
    roomy.add(text)
    monkeypatch.setattr(kernel, "_EXPECTED", (0.0, 0.0, 0.0))
    grown = NGram(3000)
    for document in range(0, len(text), 50):
        grown.add(text.take(np.arange(document, min(document + 50, len(text)))))
    assert grown.tokens == roomy.tokens == 30_000
    assert grown.bits(held).tolist() == roomy.bits(held).tolist()
    for k, table in enumerate(grown._counts.tables):
        taken = int((table[::2] > 0).sum())
        assert taken == grown._counts.state[kernel._HELD + k] <= kernel.FULL * len(table) / 2 + 2


@pytest.mark.parametrize(
    ("ids", "different"),
    [(np.zeros(5000, np.uint16), 4), (np.full(5000, 65_534, np.uint16), 4), (np.arange(5000, dtype=np.uint16), 5000)],
    ids=["one token", "the largest token", "no token twice"],
)
def test_odd_streams(ids, different):
    """None of them fills a table, wraps a key or is counted wrongly."""
    model, stream = NGram(65_535), Tokens(ids, np.array([0, 5000]))
    model.add(stream)
    keys, times = model.grams()
    assert (len(keys), int(times.sum())) == (different, 5000)
    assert model.bits(stream)[0] < 0.5 * NGram(65_535).bits(stream)[0]


def test_counts_add():
    """Two streams after each other are one stream; the order of documents makes no difference."""
    one, two, held = words(3, 4000), words(4, 4000), words(5, 2000)
    both, apart, turned = NGram(3000), NGram(3000), NGram(3000)
    both.add(Tokens.concat([one, two]))
    apart.add(one)
    apart.add(two)
    turned.add(two.take(np.arange(len(two))[::-1]))
    turned.add(one)
    assert both.bits(held).tolist() == apart.bits(held).tolist() == turned.bits(held).tolist()


def test_threads_do_not_meet():
    """Models that are counted and asked side by side are those that are made one after the other, to the last bit."""
    held = words(9, 3000)

    def run(seed: int) -> list[list[float]]:
        return NGram(3000).curve(words(seed, 20_000), [5000, 20_000], held).tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(8))) == [run(seed) for seed in range(8)]


def test_more_text_predicts_better():
    """On real text the loss falls with the budget, and word order is worth bits."""
    texts = pl.read_parquet(SAMPLE)["text"].to_list()
    tokenizer = Tokenizer.train(texts, 500)
    tokens = tokenizer.encode(pa.array(texts, pa.large_string()))
    train, held = tokens.take(np.arange(40, len(tokens))), tokens.take(np.arange(40))
    losses = NGram(500).curve(train, [1000, 10_000, train.total], held).sum(axis=1)
    assert losses[0] > 1.02 * losses[1] > 1.1 * losses[2]
    assert NGram(500, 1).curve(train, [train.total], held).sum() > 1.2 * losses[2]


@given(documents, documents, st.integers(1, 4))
def test_a_restored_model_is_the_same(text, held, order):
    """What is kept of the counts is enough for all of them."""
    model = NGram(5, order)
    model.add(Tokens.of(text))
    restored = NGram.restored(5, order, model.discounts, *model.grams())
    assert restored.tokens == model.tokens
    assert restored.bits(Tokens.of(held)).tolist() == model.bits(Tokens.of(held)).tolist()
    assert [part.tolist() for part in restored.grams()] == [part.tolist() for part in model.grams()]


def model_of(texts: list[str]) -> Model:
    """A small model."""
    tokenizer = Tokenizer.train(texts, 300)
    ngram = NGram(tokenizer.vocabulary)
    ngram.add(tokenizer.encode(pa.array(texts, pa.large_string())))
    return Model(tokenizer, ngram, {"name": "prose"})


TEXTS = ["the cat sat on the mat", "the dog sat on the log", ""]


def test_a_model_file(tmp_path: Path):
    """A saved model gives the same bits a byte, the same bytes when it is saved again, and knows where it comes from."""
    model, url = model_of(TEXTS), str(tmp_path / "prose.ngram")
    model.save(url)
    found = Model.load(url)
    found.save(str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "prose.ngram").read_bytes()
    assert (found.facts, found.tokenizer.sha256) == ({"name": "prose"}, model.tokenizer.sha256)
    texts = pa.array([*TEXTS, "naïve"], pa.large_string())
    scores = found.bits_per_byte(texts)
    assert scores[[0, 1, 3]].tolist() == model.bits_per_byte(texts)[[0, 1, 3]].tolist()
    assert math.isnan(scores[2])
    # "naïve" is 6 bytes in UTF-8.
    assert scores[3] * 6 == pytest.approx(found.ngram.bits(found.tokenizer.encode(pa.array(["naïve"])))[0])
    assert scores[0] < 2 < scores[3]


def _rewritten(url: str, change) -> None:
    table = pq.read_table(url)
    pq.write_table(change(table), url)


DAMAGE = {
    "a token that the vocabulary lacks": lambda t: t.set_column(0, "key", pa.array([*t["key"].to_pylist()[:-1], 2**64 - 1], pa.uint64())),
    "keys that do not ascend": lambda t: t.take(pa.array(range(t.num_rows)[::-1])),
    "an n-gram less": lambda t: t.slice(1),
    "a count of 0": lambda t: t.set_column(1, "times", pa.array([0, *t["times"].to_pylist()[1:]], pa.uint32())),
    "another tokenizer": lambda t: t.replace_schema_metadata(
        {**t.schema.metadata, b"tokenizer": Tokenizer.train(["aaaa"], 300).to_bytes()}
    ),
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_model_is_refused(change, tmp_path: Path):
    """One sentence, and never a wrong number."""
    url = str(tmp_path / "m")
    model_of(TEXTS).save(url)
    _rewritten(url, change)
    with pytest.raises(DataError, match=f"^{url} is damaged.\nFix: train the model again, or copy it again.$"):
        Model.load(url)


def test_a_foreign_model_is_refused(tmp_path: Path):
    """A missing file, a cut one, another kind of file, and one of a later version: one sentence each."""
    url = str(tmp_path / "m")
    with pytest.raises(DataError, match=f'^the model "{url}" does not exist.\nFix: make one with `tamis train lm`.$'):
        Model.load(url)
    model_of(TEXTS).save(url)
    for content in (b"", b"no model", Path(url).read_bytes()[:-100], SAMPLE.read_bytes()):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(DataError, match=r"other is not a model of `tamis train lm`.\nFix: give the path of one\.$"):
            Model.load(str(tmp_path / "other"))
    _rewritten(
        url,
        lambda t: t.replace_schema_metadata(
            {**t.schema.metadata, b"model": t.schema.metadata[b"model"].replace(b'"format": 1', b'"format": 2')}
        ),
    )
    with pytest.raises(DataError, match=f"^{url} has the format 2, and this version of tamis reads 1.\nFix: update tamis.$"):
        Model.load(url)


def test_impossible_arguments_are_refused():
    """A vocabulary, an order, discounts, ids, budgets and first tokens out of range: never an access outside of a table."""
    for arguments in [(0,), (65_536,), (5, 0), (5, 5), (5, 4, (0.5, 0.5)), (5, 1, (1.0,)), (5, 1, (0.0,))]:
        with pytest.raises(DataError, match=r"^an n-gram model "):
            NGram(*arguments)
    model, tokens = NGram(5), Tokens.of([[0, 1], [4]])
    for wrong in (
        lambda: model.add(Tokens.of([[5]])),
        lambda: model.bits(Tokens.of([[5]])),
        lambda: model.curve(tokens, [1], Tokens.of([[5]])),
    ):
        with pytest.raises(DataError, match=r"^the tokens hold the id 5, and the model's vocabulary has 5\.$"):
            wrong()
    with pytest.raises(DataError, match=r"^budgets go from 1 to 4 tokens, and the stream holds 3\.$"):
        model.curve(tokens, [4, 1], tokens)
    for first in ([0], [3, 0], [-1, 0]):
        with pytest.raises(DataError, match=r"^`first` wants"):
            model.bits(tokens, np.array(first))


def test_the_default_discounts_are_for_four_orders():
    """They rise with the length, as what was seen once says less about longer contexts."""
    assert NGram(5).discounts == DEFAULT
    assert sorted(DEFAULT[1:]) == list(DEFAULT[1:])
