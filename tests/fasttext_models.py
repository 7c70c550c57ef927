"""fastText models made of nothing but numbers: the file format written out, and what such a model says, slowly."""

from __future__ import annotations

import heapq
import math
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

WORDS = ("</s>", "the", "cat", "sat", "naïve", "日本語", "abcdefgh", "abcdefghi", "a")
LABELS = {1: ("good",), 2: ("good", "bad"), 3: ("en", "fr", "eng_Latn"), 5: ("a", "b", "c", "d", "e")}
COUNTS = {1: (3,), 2: (7, 3), 3: (5, 4, 2), 5: (9, 8, 3, 2, 1)}


@dataclass(frozen=True)
class Model:
    """A model of a few words; its numbers are drawn by its settings."""

    labels: int = 2
    dim: int = 4
    ngrams: int = 1
    minn: int = 0
    maxn: int = 0
    buckets: int = 0
    loss: str = "softmax"
    quantised: bool = False
    quantised_output: bool = False
    normed: bool = False
    kept: tuple[int, ...] | None = None
    words: tuple[str, ...] = WORDS
    kind: int = 3
    version: int = 12
    parts: dict[str, np.ndarray] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Draw the numbers."""
        rng = np.random.default_rng(7)
        rows = len(self.words) + (self.buckets if self.kept is None else len(self.kept))
        self.parts["input"] = rng.normal(size=(rows, self.dim)).astype(np.float32)
        self.parts["output"] = rng.normal(size=(self.labels, self.dim)).astype(np.float32)
        for name, on in (("input", self.quantised), ("output", self.quantised_output)):
            if on:
                self._quantise(name, rng)

    def _quantise(self, name: str, rng: np.random.Generator) -> None:
        """Replace a matrix by one that codes stand for: pieces of 3 numbers and a narrower last one."""
        rows = len(self.parts[name])
        widths = [min(3, self.dim - at) for at in range(0, self.dim, 3)]
        codes = rng.integers(0, 256, (rows, len(widths))).astype(np.uint8)
        books = [rng.normal(size=(256, width)).astype(np.float32) for width in widths]
        norms, steps = rng.random(256).astype(np.float32), rng.integers(0, 256, rows).astype(np.uint8)
        whole = np.concatenate([book[codes[:, i]] for i, book in enumerate(books)], axis=1)
        self.parts[name] = whole * norms[steps][:, None] if self.normed else whole
        # As the library writes it: whether there are norms, the size, codes, codebook, then steps of norms and their codebook.
        written = struct.pack("<?qqi", self.normed, rows, self.dim, codes.size) + codes.tobytes()
        written += struct.pack("<4i", self.dim, len(widths), 3, widths[-1]) + b"".join(book.tobytes() for book in books)
        if self.normed:
            written += steps.tobytes() + struct.pack("<4i", 1, 1, 1, 1) + norms.tobytes()
        self.parts[f"{name} as codes"] = np.frombuffer(written, np.uint8)

    def write(self, path: Path) -> Path:
        """Write the file."""
        loss = {"hs": 1, "ns": 2, "softmax": 3, "ova": 4}[self.loss]
        settings = (self.dim, 5, 5, 1, 5, self.ngrams, loss, self.kind, self.buckets, self.minn, self.maxn, 100, 1e-4)
        labels, counts = LABELS.get(self.labels, ()), COUNTS.get(self.labels, ())
        content = struct.pack("<2i", 793712314, self.version) + struct.pack("<12id", *settings)
        content += struct.pack(
            "<3i2q", len(self.words) + len(labels), len(self.words), len(labels), 100, -1 if self.kept is None else len(self.kept)
        )
        for i, word in enumerate(self.words):
            content += word.encode() + b"\0" + struct.pack("<qb", 100 - i, 0)
        for label, count in zip(labels, counts, strict=True):
            content += f"__label__{label}".encode() + b"\0" + struct.pack("<qb", count, 1)
        for place, bucket in enumerate(self.kept or ()):
            content += struct.pack("<2i", bucket, place)
        for name, on in (("input", self.quantised), ("output", self.quantised_output)):
            content += struct.pack("<?", on)
            dense = struct.pack("<2q", *self.parts[name].shape) + self.parts[name].tobytes()
            content += self.parts[f"{name} as codes"].tobytes() if on else dense
        path.write_bytes(content)
        return path

    def features(self, text: bytes) -> list[int]:
        """The rows of a text, by the book."""
        read, rows = [], []
        for word in [*re.split(rb"[ \t\n\v\f\r\0]+", text), b"</s>"]:
            known = word.decode(errors="replace") in self.words
            if not word or (not known and word.startswith(b"__label__")):
                continue
            read.append(word)
            if known:
                rows.append(self.words.index(word.decode()))
            if word == b"</s>":
                break
            rows += self._inside(b"<" + word + b">")
        hashes = [_signed(fnv(word)) for word in read]
        for i in range(len(hashes)):
            run = hashes[i]
            for other in hashes[i + 1 : i + self.ngrams]:
                run = run * 116049371 + other
                rows += self._bucket(run % 2**64 % self.buckets)
        return rows

    def _inside(self, word: bytes) -> list[int]:
        starts = [i for i in range(len(word)) if word[i] & 0xC0 != 0x80] + [len(word)]
        found = []
        for i in range(len(starts) - 1):
            for n in range(max(self.minn, 1), self.maxn + 1):
                if i + n < len(starts) and not (n == 1 and (starts[i] == 0 or starts[i + n] == len(word))):
                    found += self._bucket(fnv(word[starts[i] : starts[i + n]]) % self.buckets)
        return found

    def _bucket(self, bucket: int) -> list[int]:
        if self.kept is None:
            return [len(self.words) + bucket]
        return [len(self.words) + self.kept.index(bucket)] if bucket in self.kept else []

    def says(self, text: bytes) -> list[float] | None:
        """The probabilities of the labels; None for a text without features."""
        rows = self.features(text)
        if not rows:
            return None
        mean = self.parts["input"][rows].astype(np.float64).mean(axis=0)
        outputs = (self.parts["output"].astype(np.float64) @ mean).tolist()
        if self.loss == "softmax":
            powers = [math.exp(x) for x in outputs]
            return [x / sum(powers) for x in powers]
        if self.loss == "hs":
            return self._leaves(outputs)
        return [1 / (1 + math.exp(8 - min(max(math.floor((x + 8) * 32), 0), 512) / 32)) if abs(x) <= 8 else float(x > 0) for x in outputs]

    def _leaves(self, outputs: list[float]) -> list[float]:
        """A Huffman tree by a heap: the two rarest are joined, of equals branches before labels, and the last label first."""
        counts = COUNTS[self.labels]
        heap = [(count, 1, -i, {i: 1.0}) for i, count in enumerate(counts)]
        heapq.heapify(heap)
        for branch in range(len(counts) - 1):
            (left, _, _, a), (right, _, _, b) = heapq.heappop(heap), heapq.heappop(heap)
            turn = 1 / (1 + math.exp(-outputs[branch]))
            below = {i: p * (1 - turn) for i, p in a.items()} | {i: p * turn for i, p in b.items()}
            heapq.heappush(heap, (left + right, 0, branch, below))
        return [heap[0][3][i] for i in range(len(counts))]


def fnv(word: bytes) -> int:
    """FNV-1a of signed bytes."""
    h = 2166136261
    for byte in word:
        h = (h ^ (byte - 256 if byte > 127 else byte) % 2**32) * 16777619 % 2**32
    return h


def _signed(h: int) -> int:
    return h - 2**32 if h >= 2**31 else h
