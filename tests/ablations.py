"""A corpus of which the truth is known: sentences with structure, junk that a rule drops, copies, two sources; and a small plan for it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import tamis
from tamis.ablate.design import Design
from tamis.recipe import Recipe

SMALL: dict[str, Any] = {
    "vocabulary": 512,
    "least_tokens": 2_500,
    "held_out": 2_000,
    "most_folds": 8,
    "redraws": 2,
    "corrupt": {"boilerplate": (0.5,)},
    "rungs": ("ngram",),
}


def design(**changes: Any) -> Design:
    """A design that ends in seconds."""
    return Design(**{**SMALL, "target": "none", **changes})


class Language:
    """Sentences of a small grammar: what word follows depends on the one before."""

    def __init__(self, seed: int = 7) -> None:
        draw = random.Random(seed)
        letters = "abcdefghijklmnoprstuvwxyz"
        self.words = ["".join(draw.choices(letters, k=draw.randint(2, 8))) for _ in range(300)]
        self.after = {word: draw.choices(self.words, k=6) for word in self.words}

    def text(self, draw: random.Random, words: int) -> str:
        word, said = draw.choice(self.words), []
        for _ in range(words):
            said.append(word)
            word = draw.choice(self.after[word])
        return " ".join(said).capitalize() + "."


def documents(n: int = 900, *, junk: float = 0.3, copies: float = 0.05, seed: int = 0) -> pa.Table:
    """Good texts (quality 1), junk (0) that is noise, and copies of good ones."""
    language, draw = Language(), random.Random(seed)
    rows: list[dict[str, Any]] = []
    for i in range(n):
        source = draw.choice(["books", "web", "web"])
        if rows and draw.random() < copies:
            rows.append({**draw.choice(rows), "id": f"d{i}"})
        elif draw.random() < junk:
            noise = " ".join("".join(draw.choices("qxzjkvw0123", k=draw.randint(2, 9))) for _ in range(draw.randint(30, 90)))
            rows.append({"id": f"d{i}", "text": noise, "source": source, "quality": 0.0})
        else:
            rows.append({"id": f"d{i}", "text": language.text(draw, draw.randint(30, 90)), "source": source, "quality": 1.0})
    return pa.Table.from_pylist(rows)


def target(folder: Path, n: int = 60) -> str:
    """Fresh texts of the same language, in two domains."""
    language, draw = Language(), random.Random(99)
    rows = [{"text": language.text(draw, 60), "source": draw.choice(["letters", "plays"])} for _ in range(n)]
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "target.parquet")
    return str(folder)


def raw(folder: Path, **how: Any) -> str:
    """Shards of the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    table = documents(**how)
    for i in range(2):
        pq.write_table(table.slice(i * table.num_rows // 2, table.num_rows // 2), folder / f"part-{i}.parquet")
    return str(folder)


def sifted(folder: Path, **how: Any) -> str:
    """A finished run that drops the junk and the copies."""
    stages = (tamis.make_stage("unicode"), tamis.make_stage("rules", min={"quality": 0.5}), tamis.make_stage("exact_duplicates"))
    tamis.run(Recipe("test", stages), [raw(folder / "raw", **how)], str(folder / "run"))
    return str(folder / "run")
