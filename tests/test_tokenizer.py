"""Tokens and the tokenizer: nothing of a text is lost, and the kernel gives the ids that the package `tokenizers` gives."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.errors import DataError
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens

SHARD = Path(__file__).parents[1] / "sample_data" / "raw" / "part-000.parquet"
SAMPLE = pl.read_parquet(SHARD)["text"].to_list()
TOKENIZER = Tokenizer.train(SAMPLE, 1000)
LIBRARY = tokenizers.Tokenizer.from_buffer(TOKENIZER.to_bytes())

likely = st.text(
    st.sampled_from(" \n\t\r\x0baethingTHE'sé09-—.,\u3000我们مر👩\u200d\u00a0\u0301\x00\ud7ff\uff21\U0001efff\U00020000"), max_size=80
)
texts = st.one_of(st.text(), likely, st.builds(lambda part, n: part * n, likely, st.integers(2, 40)), st.sampled_from(SAMPLE))

SOURCE = f"""
import hashlib, sys
import polars as pl
from tamis.lm.tokenizer import Tokenizer
texts = pl.read_parquet({str(SHARD)!r})["text"].to_list()
print(hashlib.sha256(Tokenizer.train(texts, 1000).to_bytes()).hexdigest())
"""


def arrow(*texts: str) -> pa.Array:
    """Texts as stages hold them."""
    return pa.array(texts, pa.large_string())


@given(texts)
def test_no_text_is_lost(text):
    """Whatever is encoded comes back: white space, control characters, emoji, half of a flag."""
    assert TOKENIZER.decode(TOKENIZER.encode(arrow(text)).ids) == text


@settings(max_examples=300)
@given(st.lists(texts, max_size=4))
def test_ids_are_the_packages(given_texts):
    """The kernel cuts pieces and merges bytes as `tokenizers` does with the same JSON."""
    tokens = TOKENIZER.encode(arrow(*given_texts))
    assert [tokens[i].tolist() for i in range(len(tokens))] == [one.ids for one in LIBRARY.encode_batch(given_texts)]


def test_ids_of_real_text_are_the_packages():
    """So they are on a few hundred documents."""
    tokens = TOKENIZER.encode(pa.array(SAMPLE, pa.string()))
    assert tokens.ids.tolist() == [token for one in LIBRARY.encode_batch(SAMPLE) for token in one.ids]
    assert 2 < sum(len(text.encode()) for text in SAMPLE) / tokens.total < 4


@pytest.mark.parametrize("run", ["a", " ", "\n", "1", "-", " a", "我", "e\u0301"])
@pytest.mark.parametrize("times", [31, 32, 33, 34, 63, 64, 65, 66, 1000])
def test_long_runs_are_cut_as_the_package_cuts_them(run, times):
    """At the length at which pieces end, before and after it, with and without something that follows."""
    for text in (run * times, run * times + "x", run * times + " x", "x" + run * times + "\n"):
        assert TOKENIZER.encode(arrow(text)).ids.tolist() == LIBRARY.encode(text).ids


@pytest.mark.parametrize(
    "settings_of", [{"RAYON_NUM_THREADS": "1"}, {"RAYON_NUM_THREADS": "3"}, {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "7"}]
)
def test_training_is_repeatable(settings_of):
    """The same texts give the same bytes in another process, whatever its threads and hash seed."""
    done = subprocess.run([sys.executable, "-c", SOURCE], capture_output=True, text=True, check=True, env={**os.environ, **settings_of})
    assert done.stdout.strip() == TOKENIZER.sha256 == hashlib.sha256(TOKENIZER.to_bytes()).hexdigest()


def test_workers_make_no_difference(monkeypatch):
    """Parts that are encoded side by side are put together in order, however the Arrow data is cut."""
    monkeypatch.setattr("tamis.lm.tokenizer._PART_BYTES", 10_000)
    whole = pa.array(SAMPLE, pa.large_string())
    chunked = pa.chunked_array([whole.slice(0, 7), whole.slice(7)])
    one, many = TOKENIZER.encode(whole, 1), TOKENIZER.encode(chunked, 3)
    assert one.ids.tolist() == many.ids.tolist()
    assert one.starts.tolist() == many.starts.tolist()
    assert TOKENIZER.encode(whole.slice(5, 3)).ids.tolist() == one.take([5, 6, 7]).ids.tolist()


def test_nothing_to_encode():
    """No texts, and texts without characters."""
    assert TOKENIZER.encode(arrow()).starts.tolist() == [0]
    assert TOKENIZER.encode(arrow("", "a", "")).starts.tolist() == [0, 0, 1, 1]


def test_a_tokenizer_knows_every_byte_and_no_more_than_it_was_told():
    """Little text gives few merges; no text leaves the bytes."""
    nothing = Tokenizer.train([])
    assert nothing.vocabulary == 256
    assert nothing.decode(nothing.encode(arrow("naïve 👩")).ids) == "naïve 👩"
    assert TOKENIZER.vocabulary == 1000


def test_a_saved_tokenizer_is_the_same(tmp_path):
    """JSON on disk is what the package reads, and what is read again."""
    url = str(tmp_path / "tokenizer.json")
    TOKENIZER.save(url)
    assert Tokenizer.load(url).sha256 == TOKENIZER.sha256
    assert tokenizers.Tokenizer.from_file(url).get_vocab_size() == 1000


def _changed(change) -> bytes:
    content = json.loads(TOKENIZER.to_bytes())
    change(content)
    return json.dumps(content).encode()


FOREIGN = {
    "no JSON": b"\x00\x01",
    "a list": b"[]",
    "other pieces": _changed(lambda content: content["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex=r"\s+")),
    "special tokens": _changed(lambda content: content["added_tokens"].append({"id": 1000, "content": "<s>"})),
    "a byte is missing": _changed(lambda content: content["model"]["vocab"].update({"ab": content["model"]["vocab"].pop("a")})),
    "a gap in the ids": _changed(lambda content: content["model"]["vocab"].update(the=5000)),
    "too many tokens": _changed(lambda content: content["model"]["vocab"].update({f"x{n}": n for n in range(1000, 65_536)})),
    "a merge of nothing": _changed(lambda content: content["model"]["merges"].append(["the", "zzz"])),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_tokenizer_is_refused(content, tmp_path):
    """One sentence that names the file; no wrong ids."""
    (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(DataError, match=f"^{tmp_path}/t.json: this is not a tokenizer that tamis trained.$"):
        Tokenizer.load(str(tmp_path / "t.json"))


def test_mistakes_are_said():
    """A vocabulary that cannot be, a missing file, a text that is null."""
    with pytest.raises(DataError, match=r"^a tokenizer has 256 to 65,535 tokens, not 100\.$"):
        Tokenizer.train([], 100)
    with pytest.raises(DataError, match=r"^nowhere\.json cannot be read: "):
        Tokenizer.load("nowhere.json")
    with pytest.raises(DataError, match=r"^the tokenizer: a text is null\.\nFix: leave it out\.$"):
        TOKENIZER.encode(pa.array(["a", None]))


documents = st.lists(st.lists(st.integers(0, 65_535), max_size=5), max_size=6)


def lists(tokens: Tokens) -> list[list[int]]:
    """Tokens as plain lists."""
    return [tokens[i].tolist() for i in range(len(tokens))]


@given(documents, st.data())
def test_tokens_are_lists_of_ids(given_documents, data):
    """`take`, `head` and `concat` are what they are on lists."""
    tokens = Tokens.of(given_documents)
    assert (len(tokens), tokens.total) == (len(given_documents), sum(map(len, given_documents)))
    rows = data.draw(st.lists(st.integers(0, len(tokens) - 1), max_size=8) if len(tokens) else st.just([]))
    assert lists(tokens.take(rows)) == [given_documents[row] for row in rows]
    assert lists(Tokens.concat([tokens, tokens.take(rows)])) == given_documents + [given_documents[row] for row in rows]
    count = data.draw(st.integers(0, tokens.total + 2))
    cut = tokens.head(count)
    assert cut.ids.tolist() == [one for document in given_documents for one in document][:count]
    begun = [start for start in tokens.starts.tolist()[:-1] if start < count or count >= tokens.total]
    assert cut.starts.tolist() == [*begun, min(count, tokens.total)]


@given(documents)
def test_tokens_on_disk(tmp_path_factory, given_documents):
    """What is written is read again, mapped from the file, and takes part in everything."""
    url = str(tmp_path_factory.mktemp("tokens") / "tokens.arrow")
    Tokens.of(given_documents).save(url, "abc")
    found = Tokens.load(url, "abc")
    assert lists(found) == given_documents
    assert (found.ids.dtype, found.starts.dtype) == (np.uint16, np.int64)
    assert lists(Tokens.concat([found.take(np.arange(len(found)))])) == given_documents


def test_tokens_of_another_tokenizer_are_refused(tmp_path):
    """Ids mean nothing without their tokenizer; a file that holds something else is no tokens."""
    url = str(tmp_path / "tokens.arrow")
    Tokens.of([[1, 2]]).save(url, "a" * 64)
    with pytest.raises(DataError, match='was made by the tokenizer "aaaaaaaaaaaaaaaa", not by "bbbbbbbbbbbbbbbb"'):
        Tokens.load(url, "b" * 64)
    (tmp_path / "other").write_text("no tokens")
    with pytest.raises(DataError, match="holds no tokens"):
        Tokens.load(str(tmp_path / "other"), "a" * 64)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
