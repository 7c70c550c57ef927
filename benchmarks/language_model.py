"""How fast one core tokenises, counts n-grams and scores documents, tokenising beside the package `tokenizers` on the same text.

    python benchmarks/language_model.py pages.parquet [more.parquet …] [--column text] [--vocabulary 2048]

Seconds are those of this thread's processor time, the best of five; documents are shuffled with a fixed seed. The last
392,000 tokens, of documents cut at 512, are held out: a budget's time is that of counting it and of evaluating them all.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import tokenizers

from _one_core import read
from tamis.lm.ngram import NGram
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens

HELD, LONGEST = 392_000, 512
BUDGETS = (200_000, 1_000_000, 4_000_000)
LIBRARY_DOCUMENTS = 2_000
"""The package needs seconds for what the kernel does in a tenth of one."""


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """The best of some."""
    taken = []
    for _ in range(times):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return min(taken)


def megabytes(texts: pa.Array) -> float:
    """Of UTF-8."""
    return sum(len(text.as_py().encode()) for text in texts) / 1e6


def held_out(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """What is counted, and so many tokens from the end, documents cut."""
    lengths = np.minimum(tokens.lengths, LONGEST)
    first = len(tokens) - int(np.searchsorted(np.cumsum(lengths[::-1]), HELD))
    return tokens.take(np.arange(first)), Tokens.of([tokens[i][:LONGEST].tolist() for i in range(first, len(tokens))])


def main() -> None:
    """Print one line for each thing that is timed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--column", default="text")
    parser.add_argument("--vocabulary", type=int, default=2048)
    given = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    texts = pa.concat_arrays([chunk for path in given.paths for chunk in read(path, given.column).column("text").chunks])
    texts = texts.take(pa.array(np.random.default_rng(0).permutation(len(texts))))
    tokenizer = Tokenizer.train(texts.slice(0, LIBRARY_DOCUMENTS).to_pylist(), given.vocabulary)
    some = texts.slice(0, LIBRARY_DOCUMENTS)
    package = tokenizers.Tokenizer.from_buffer(tokenizer.to_bytes())
    listed = some.to_pylist()
    tokens = tokenizer.encode(texts)
    size = megabytes(texts)
    print(f"{size:.1f} MB, {tokens.total:,} tokens, {size * 1e6 / tokens.total:.2f} bytes a token")
    from tamis.documents import utf8
    from tamis.kernels import bpe

    data, offsets = utf8(texts)
    print(f"  package tokenizers   {megabytes(some) / seconds(lambda: package.encode_batch_fast(listed), 1):6.1f} MB/s")
    print(f"  kernel               {size / seconds(lambda: bpe.encode(tokenizer._merges, data, offsets)):6.1f} MB/s")  # noqa: SLF001
    train, held = held_out(tokens)
    for budget in BUDGETS:
        if budget <= train.total:
            taken = seconds(lambda budget=budget: NGram(tokenizer.vocabulary).curve(train, [budget], held))
            print(f"  count {budget:9,} tokens and evaluate {held.total:,}   {taken:.3f} s")
    model = NGram(tokenizer.vocabulary)
    model.add(train.head(BUDGETS[-1]))
    scored = seconds(lambda: model.bits(tokens))
    print(f"  score                {size / scored:6.1f} MB/s, {tokens.total / scored / 1e6:.1f} million tokens/s")


if __name__ == "__main__":
    main()
