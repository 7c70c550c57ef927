"""The language of a text, by a model that comes along or by a fastText model of yours."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import classifier
from tamis.documents import utf8
from tamis.errors import DataError, StageError, suggest
from tamis.stage import Filter
from tamis.stages import _langid
from tamis.stages._excerpts import QUARTERS, at_character, excerpts

Ask = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(data, starts, ends) → the two best labels, i32[n, 2], −1 for none, and their scores, f64[n, 2]."""

SAMPLE_BYTES = 256
SAMPLED_FROM = QUARTERS * SAMPLE_BYTES
MIXED_FROM = 2
LEAST_BYTES = 64


@dataclass(frozen=True)
class Language(Filter):
    """Keep documents in some languages.

    Without `model`, languages are told by the published langid model of the package py3langid, which is installed with tamis:
    139 languages by their codes of ISO 639 ("en", "sw", "yue"), and "zxx", no language, for numbers and code. Labels are those that
    py3langid gives with `norm_probs`; scores differ in the last digits. With `model`, by any supervised fastText model, such as lid.176
    ("en") or GlotLID ("eng_Latn"), and labels are the model's, without `__label__`.

    Signals:
        language: str, the most probable language; null for a short or a mixed text.
        score: f32, its probability, null with it. By langid: softmax of the log posteriors over the root of the text's bytes, which
            py3langid found to keep it calibrated for texts of any length; by fastText: the model's own probability.
        second: str, the next language; null with `language`.
        second_score: f32, its probability; null with `language`.
        script: str, the script that most letters are of, as ISO 15924 has it ("Latn", "Cyrl", "Hani"); null without letters.
        letters: u32, letters of any script.
        is_mixed: bool, the document is in several languages; null if fewer than 1,024 bytes are looked at, where that cannot be told.

    Args:
        keep: languages to keep; None keeps all.
        min_score_of: other limits than `min_score` for some languages: {sw: 0.4}; null is none. They win over `by`.
        model: path of a fastText model (.bin, .ftz).
        max_bytes: of a longer document look at so many bytes, in four stretches from the middles of its quarters; None: at all. At 2,048
            bytes, of 3,692 web pages 99.54 % have the right label and not 99.59 %, and `keep: [en]` decides as on the whole for
            99.8 % of documentation, which is often half translated; at 4,096 for 99.95 %, in a quarter more time.
        short: a document with fewer letters has no language. Of snippets of 40 letters 95.5 % are labelled rightly by langid, of 20
            letters 86 %, of 10 letters 63 %, of 400 letters 98.8 %.
        mixed: what language a document in several has: "unknown", or "dominant", the one that it is most in. Samples of 256 bytes
            are taken from the middle of the first and the third quarter, and if one of them is in another language than the
            whole, of the second and the fourth; a document of which two samples or more are is mixed. That finds 99 % of texts
            that are half in one language and half in another, 5 to 8 % of those with a fifth, and takes 0.3 to 1.5 % of texts in one
            language for mixed. The score tells nothing of that: of the halves 96 to 98 % score 0.65 or more.

    A document whose language is unknown is kept, unless `on_null: drop`.

    Source:
        langid.py (Lui and Baldwin 2012), py3langid 0.4 (BSD-3-Clause). FineWeb keeps English from a score of 0.65 of lid.176 on.
        Figures were measured on pages of the Turku web registers in five languages; docs/language.md has them all.
    """

    keep: tuple[str, ...] | None = None
    min_score: float | None = None
    min_score_of: Mapping[str, float | None] = field(default_factory=dict)
    model: Path | None = None
    max_bytes: int | None = 2048
    short: int = 40
    mixed: Literal["unknown", "dominant"] = "unknown"
    on_null: Literal["drop", "keep"] = field(default="keep", kw_only=True)

    measured_by: ClassVar[tuple[str, ...] | None] = ("model", "max_bytes", "short", "mixed")
    packages: ClassVar[tuple[str, ...]] = ("py3langid",)
    reasons: ClassVar[dict[str, str]] = {"min_score": "language uncertain"}

    def check(self) -> None:
        """Refuse a file that is no model, and languages that the model does not know."""
        super().check()
        name = self.name()
        if self.mixed not in ("unknown", "dominant"):
            raise StageError(f'{name}: "mixed" is "unknown" or "dominant", not "{self.mixed}".')
        if self.max_bytes is not None and self.max_bytes < LEAST_BYTES:
            raise StageError(f'{name}: "max_bytes" is {self.max_bytes}; it must be at least {LEAST_BYTES}, or null for all.')
        if self.keep is not None and not self.keep:
            raise StageError(f'{name}: "keep" names no language, so that nothing could pass.\nFix: name some, or leave it out.')
        if self.model is not None:
            try:
                classifier.load(self.model)
            except DataError as error:
                raise StageError(f"{name}: {error}") from error
        for language in (*(self.keep or ()), *self.min_score_of):
            if not self._knows(language):
                raise StageError(
                    f'{name}: the model knows no language "{language}". {suggest(language, self._labels(), what="languages:")}'
                )

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Count letters, then ask the model for every text and for four samples of every long one."""
        from tamis.kernels import scripts, unicode

        data, offsets = utf8(docs.column("text"))
        found = scripts.survey(data, offsets[:-1], offsets[1:])
        if self.max_bytes is not None:
            data, offsets = excerpts(data, offsets, self.max_bytes)
        starts, ends = offsets[:-1], offsets[1:]
        if self.model is None:
            labels, scores, mixed = _by_langid(data, starts, ends, found.capitals | found.maybe)
        else:
            labels, scores, mixed = _judged(_fasttext(self.model), data, starts, ends)
        unknown = (found.letters < self.short) | (labels[:, 0] < 0)
        if self.mixed == "unknown":
            unknown |= mixed > 0
        labels[unknown] = -1
        names = self._labels()
        return pl.DataFrame(
            {
                "language": _named(names, labels[:, 0]),
                "score": _known(scores[:, 0], labels[:, 0]),
                "second": _named(names, labels[:, 1]),
                "second_score": _known(scores[:, 1], labels[:, 1]),
                "script": _named(unicode.script_codes(), np.where(found.script, found.script.astype(np.int32), -1)),
                "letters": found.letters,
                "is_mixed": _known(mixed, mixed).cast(pl.Boolean),
            }
        )

    def limit(self, parameter: str) -> pl.Expr:
        """The limit that holds for each document, which may depend on the language found."""
        value = super().limit(parameter)
        for language, own in self.min_score_of.items() if parameter == "min_score" else ():
            value = pl.when(pl.col("language") == language).then(pl.lit(own, dtype=pl.Float64)).otherwise(value)
        return value

    def rules(self) -> dict[str, pl.Expr]:
        """The language, then how sure it is."""
        kept = {} if self.keep is None else {"another language": pl.col("language").is_in(list(self.keep))}
        return kept | super().rules()

    def _is_on(self, parameter: str) -> bool:
        return super()._is_on(parameter) or any(own is not None for own in self.min_score_of.values())

    def _labels(self) -> tuple[str, ...]:
        return classifier.load(self.model).labels if self.model else _langid.model()[0]

    def _knows(self, language: str) -> bool:
        # To unpack langid's model takes a second, which a recipe without a mistake need not wait for.
        return (self.model is None and language in _langid.LANGUAGES) or language in self._labels()


def _by_langid(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, rewrite: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `_judged` returns, by langid, for which some texts may have to be rewritten."""
    from tamis.kernels import langid

    _, model = _langid.model()

    def ask(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return langid.identify(data, starts, ends, model)

    plain, others = np.flatnonzero(~rewrite), np.flatnonzero(rewrite)
    if not len(others):
        return _judged(ask, data, starts, ends)
    parts = _judged(ask, data, starts[plain], ends[plain]), _judged(ask, *_rewritten(data, starts[others], ends[others]))
    order = np.argsort(np.concatenate([plain, others]))
    labels, scores, mixed = (np.concatenate(pair)[order] for pair in zip(*parts, strict=True))
    return labels, scores, mixed


def _rewritten(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts as langid was trained on them: in NFC, and in small letters if they are in capitals throughout."""
    texts = [data[a:b].tobytes().decode() for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    encoded = [unicodedata.normalize("NFC", text.lower() if text.isupper() else text).encode() for text in texts]
    borders = np.concatenate([[0], np.cumsum([len(one) for one in encoded])]).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), borders[:-1], borders[1:]


def _fasttext(path: Path) -> Ask:
    """A fastText model that is asked."""
    model = classifier.load(path)

    def ask(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels, scores = np.full((len(starts), 2), -1, np.int32), np.zeros((len(starts), 2))
        step = max(1, (1 << 22) // len(model.labels))
        for i in range(0, len(starts), step):
            found = model.scores_between(data, starts[i : i + step], ends[i : i + step])
            known = ~np.isnan(found[:, 0])
            for place in range(min(2, len(model.labels))):
                best = found.argmax(axis=1)
                rows = np.arange(len(found))
                labels[i : i + step, place] = np.where(known, best, -1)
                scores[i : i + step, place] = np.where(known, found[rows, best], 0)
                found[rows, best] = -1
        return labels, scores

    return ask


def _judged(ask: Ask, data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two best labels, i32[n, 2], their scores, f64[n, 2], and whether a text is mixed, i8[n], −1 where it is too short to tell."""
    size = ends - starts
    long = size >= SAMPLED_FROM
    # Each text is followed by two samples: what the model looks up for these is still near.
    asked = np.where(long, 3, 1)
    whole = np.cumsum(asked) - asked
    begin, end = np.repeat(starts, asked), np.repeat(ends, asked)
    for place, quarter in ((1, 0), (2, 2)):
        begin[whole[long] + place], end[whole[long] + place] = _sample(data, starts[long], size[long], quarter)
    labels, scores = ask(data, begin, end)
    best = labels[whole, 0]
    mixed = np.where(long, 0, -1).astype(np.int8)
    differing = np.zeros(len(starts), np.int64)
    differing[long] = sum(labels[whole[long] + place, 0] != best[long] for place in (1, 2))
    doubted = np.flatnonzero(differing)
    for quarter in (1, 3):
        sampled, _ = ask(data, *_sample(data, starts[doubted], size[doubted], quarter))
        differing[doubted] += sampled[:, 0] != best[doubted]
    mixed[differing >= MIXED_FROM] = 1
    return labels[whole], scores[whole], mixed


def _sample(data: np.ndarray, starts: np.ndarray, sizes: np.ndarray, quarter: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a sample from the middle of a quarter (0 to 3) of each text begins and ends."""
    first = starts + sizes // QUARTERS * quarter + (sizes // QUARTERS - SAMPLE_BYTES) // 2
    return at_character(data, first, 1), at_character(data, first + SAMPLE_BYTES, -1)


def _named(names: Sequence[str], numbers: np.ndarray) -> pl.Series:
    """The names by number; null for −1."""
    return pl.Series(names, dtype=pl.String).gather(_known(numbers, numbers).cast(pl.UInt32))


def _known(values: np.ndarray, numbers: np.ndarray) -> pl.Series:
    """The values, as f32; null where the number is −1."""
    return pl.select(pl.when(pl.Series(numbers >= 0)).then(pl.Series(values.astype(np.float32)))).to_series()
