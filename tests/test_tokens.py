"""Tokens: counted by any tokenizer.json, or estimated and called so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tamis import judge, make_stage
from tamis.errors import TamisError
from tamis.stages import tokens
from tamis.testing import check_stage

TEXTS = ["", " ", "the cat sat on the mat", "the cat " * 50_000, "Zażółć gęślą jaźń", "我们走在大街上", "the dog"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tokenizer of bytes and some words, that would cut long texts and mark every beginning."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        ["the cat sat on the mat"] * 20,
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=["<s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    made.enable_truncation(8)
    made.enable_padding(length=4)
    place = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(place))
    return place


def table(texts: list[str]) -> pa.Table:
    """Texts as a stage sees them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def test_counts_are_those_of_the_tokenizer(tokenizer: Path) -> None:
    """Every token of the text counts, and nothing else: no mark of the beginning, no padding, and however long the text."""
    found = make_stage("tokens", tokenizer=str(tokenizer)).measure(table(TEXTS))
    assert found.schema == {"tokens": pl.UInt32}
    assert found["tokens"].to_list()[:3] == [0, 1, 6]
    assert found["tokens"][3] == 100_001
    from tokenizers import Tokenizer

    plain = Tokenizer.from_file(str(tokenizer))
    plain.no_truncation()
    plain.no_padding()
    assert found["tokens"].to_list() == [len(plain.encode(text, add_special_tokens=False).ids) for text in TEXTS]


def test_batches_hold_every_text_once() -> None:
    """Texts are handed over a megabyte at a time, in order, none twice, whatever their lengths."""
    texts = ["x" * int(n) for n in np.random.default_rng(0).integers(0, 400_000, 60)] + ["", "y" * 3_000_000, ""]
    for array in (
        pa.array(texts, pa.large_string()),
        pa.array(["first", *texts], pa.large_string()).slice(1),
        pa.array([], pa.large_string()),
    ):
        batches = tokens._batches(array)
        assert [text for batch in batches for text in batch] == array.to_pylist()
        assert all(sum(map(len, batch[:-1])) <= tokens.BATCH_BYTES for batch in batches)


def test_a_tokenizer_keeps_the_contract(tokenizer: Path) -> None:
    """With a tokenizer, the stage obeys the laws of all stages."""
    check_stage(make_stage("tokens", tokenizer=str(tokenizer), max_tokens=1_000))


def test_an_estimate_is_called_one() -> None:
    """Without a tokenizer the signal has another name, so that nobody takes it for a count."""
    found = make_stage("tokens").measure(table(TEXTS))
    assert found.schema == {"estimated_tokens": pl.UInt32}
    assert found["estimated_tokens"].to_list() == [0, 0, 6, 100_000, 18, 8, 2]


ESTIMATES = [
    ("a word is a token", 5),
    ("internationalisation", 8),  # one, and half of 13 letters: 7.5
    ("naïve café", 5),  # two words, 1.7 for each accented letter: 5.4
    ("2024", 4),
    ("{}{}", 3),
    ("привет", 3),
    ("नमस्ते", 7),
    ("👍👍", 1),
]


@pytest.mark.parametrize(("text", "wanted"), ESTIMATES)
def test_estimates(text: str, wanted: int) -> None:
    """What the docstring says that each kind of character counts."""
    assert tokens.estimated(table([text])["text"]).tolist() == [wanted]


def test_limits_hold_for_either(tokenizer: Path) -> None:
    """min_tokens and max_tokens limit the count or the estimate, on both sides; equality keeps."""
    data = table(["a b", "a b c", "a b c d", "a b c d e"])
    for how in ({}, {"tokenizer": str(tokenizer)}):
        stage = make_stage("tokens", **how)
        (signal,) = stage.measure(data)
        least, most = signal.to_list()[1], signal.to_list()[2]
        said = judge(data, [make_stage("tokens", min_tokens=least, max_tokens=most, **how)])["reasons"].to_list()
        assert said == [["too few tokens"], [], [], ["too many tokens"]]


def test_files_that_are_no_tokenizers(tmp_path: Path) -> None:
    """A file that is not there, or holds something else, is one sentence."""
    (tmp_path / "noise.json").write_text("{}")
    with pytest.raises(TamisError) as noise:
        judge(table(["a"]), [make_stage("tokens", tokenizer=str(tmp_path / "noise.json"))])
    assert str(noise.value).startswith(f'"{tmp_path / "noise.json"}" holds no tokenizer: ')
    assert str(noise.value).endswith(".\nFix: give the path of a tokenizer.json.")
    with pytest.raises(TamisError) as gone:
        judge(table(["a"]), [make_stage("tokens", tokenizer=str(tmp_path / "gone.json"))])
    assert (
        str(gone.value)
        == f'the tokenizer "{tmp_path / "gone.json"}" does not exist.\nFix: give the path of a tokenizer.json from the folder of the recipe.'
    )
