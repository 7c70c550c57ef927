"""Near-duplicates: of documents whose sets of shingles are alike, one stays; found by MinHash, verified exactly."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import preference
from tamis.documents import utf8
from tamis.errors import StageError
from tamis.stage import Read, Stage, no_reasons

if TYPE_CHECKING:
    from tamis.kernels.shingles import Rule
    from tamis.near_pairs import Search

REASON = "near-duplicate"
INSIDE_REASON = "inside another document"
WANTED = 0.99
"""The probability with which a pair at `floor` is nominated, unless `bands` says otherwise."""
INSIDE = 0.5
"""With `containment`, pairs of this Jaccard similarity are nominated: the smaller set is half of the larger."""


@dataclass(frozen=True)
class NearDuplicates(Stage):
    r"""Of documents that are alike, keep one: every removal is verified against a document that stays.

    Two documents are alike by the Jaccard similarity of their sets of shingles, |A ∩ B| / |A ∪ B|, shingles being 5
    consecutive words, words the `\w+` of the lower-cased text. A text of fewer words is one shingle; a text without words
    has none and is like nothing (`exact_duplicates` is for empty texts). MinHash nominates pairs, 16 bands of 6 minima for
    0.8; the similarity itself is computed on the texts, so chance and long chains remove nothing. Translations are not found.

    Going through the documents in the order of `prefer`, each is kept unless it is alike to one that was kept: the
    lexicographically first maximal independent set of the pairs, which neither workers, shards nor their order change.

    Args:
        threshold: the similarity from which on two documents are alike. Any from `floor` up is decided without the text.
        floor: pairs from this similarity on are looked for and stored.
        containment: also drop a document of whose shingles this share is in a kept one, as "inside another document",
            where it is at least half as large; then the larger is looked at first, and `prefer` among equals. null: off.
        shingle: consecutive words.
        unit: what a word is: "words" (`\w+`), "auto" (as "words", but in scripts without spaces, such as Chinese, Japanese and
            Thai, where such a word is half a sentence, every letter is one) or "characters" (every letter, number and "_").
        normalise: "lower" (lower case, as Python has it; "ς" is "σ") or "none".
        bands: [bands, rows] of MinHash; null: the longest rows that nominate a pair at `floor` with a probability of .99,
            within 128 minima; "datasketch": as datasketch's LSH would choose them, which warns of its recall.
        prefer: who stays, best first: a signal of a stage above ("quality.score": more is better), "length", a column
            ("date"), "-date" for less is better, or a column with its values best first ({source: [wiki, web]}). Ties go by the
            text's hash, the hash of the other columns, then place.
        keep_copies: copies of a document by how many it stands for, itself included: {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}
            is what FineWeb 2 does; each number holds from there on. null: one.
        where: only documents that meet this condition are compared, with each other.

    Signals:
        shingles: u32, different ones.

    Ledger:
        partner: the kept document that is most like the dropped one. similarity: f64, their exact Jaccard similarity.
        containment: f64, of the smaller in the larger, if asked for. verified: true. cluster: a name for all documents that are
        connected by pairs alike; cluster_size: u32, how many live.

    Over-full buckets (a template with a hundred thousand fillings) are split by a further band; where that is not enough, all
    are compared with the 8 largest, which then come first, whatever `prefer` says. The manifest counts the pairs that were
    not compared, in each band anew.

    Source:
        Broder 1997 (MinHash); the defaults of shingles are FineWeb's, the banding wider, for what it nominates is verified.
        Minima are those of `datasketch.MinHash(96, scheme="affine32")` over 32-bit hashes of shingles (`tamis.kernels.minhash`).
    """

    threshold: float = 0.8
    floor: float = 0.8
    containment: float | None = None
    shingle: int = 5
    unit: Literal["words", "auto", "characters"] = "words"
    normalise: Literal["lower", "none"] = "lower"
    bands: tuple[int, ...] | Literal["datasketch"] | None = None
    prefer: tuple[str | Mapping[str, tuple[str, ...]], ...] = ()
    keep_copies: Mapping[int, int] | None = None
    where: str | None = None

    measured_by: ClassVar = ("floor", "containment", "shingle", "unit", "normalise", "bands")
    needs_corpus: ClassVar = True
    decides_by_private: ClassVar = False

    def check(self) -> None:
        """Refuse what cannot be meant; warn of bands that lose pairs."""
        preference.check(self.prefer, self.name())
        for parameter, value in (("threshold", self.threshold), ("floor", self.floor), ("containment", self.containment)):
            if value is not None and not 0 < value <= 1:
                raise StageError(f'{self.name()}: "{parameter}" is above 0 and at most 1, not {value}.')
        if self.threshold < self.floor:
            raise StageError(
                f'{self.name()}: "threshold" is {self.threshold}, and pairs are looked for from "floor", {self.floor}, on.\n'
                f"Fix: set floor: {self.threshold} as well; the texts are then measured anew."
            )
        if not 1 <= self.shingle <= 64:
            raise StageError(f'{self.name()}: "shingle" is 1 to 64 words, not {self.shingle}.')
        if isinstance(self.bands, tuple) and (len(self.bands) != 2 or min(self.bands) < 1 or self.bands[0] > 99 or self.bands[0] * self.bands[1] > 1024):
            raise StageError(f'{self.name()}: "bands" is [bands, rows], at most 99 bands and 1,024 minima in all, not {list(self.bands)}.')
        for least, many in (self.keep_copies or {}).items():
            if least < 1 or not 1 <= many <= 255:
                raise StageError(f'{self.name()}: "keep_copies" gives 1 to 255 copies from a number of documents on, not {many} from {least} on.')
        self._warn_of_recall()

    def _warn_of_recall(self) -> None:
        if (found := self.recall(self._nominated())) < WANTED:
            bands, rows = self.banding()
            warnings.warn(
                f"{self.name()}: {bands} bands of {rows} rows find a pair of similarity {self._nominated()} with a probability of {found:.2f}", stacklevel=3
            )

    def _nominated(self) -> float:
        """The similarity that bands are built for."""
        return self.floor if self.containment is None else min(self.floor, INSIDE)

    def banding(self) -> tuple[int, int]:
        """(bands, rows) of the signature."""
        from tamis.kernels import minhash

        if self.bands is None:
            return minhash.banding(self._nominated(), WANTED)
        return minhash.balanced(self._nominated()) if self.bands == "datasketch" else (int(self.bands[0]), int(self.bands[1]))

    def recall(self, similarity: float) -> float:
        """The probability that a pair of this similarity is compared, by theory."""
        from tamis.kernels import minhash

        return minhash.recall(similarity, *self.banding())

    def signals_used(self) -> tuple[str, ...]:
        """What the preference, the ties and `where` look at."""
        return tuple(dict.fromkeys((*super().signals_used(), *preference.names(self.prefer))))

    def rule(self) -> Rule:
        """What a shingle is, for kernels."""
        from tamis.kernels.shingles import Rule

        return Rule(self.shingle, self.unit, self.normalise == "lower")

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Shingles, and privately: a u32 for each band, 64 bits of a sketch, and a 128-bit hash of the set."""
        from tamis.kernels import graph, minhash, overlaps, pairs

        del graph, overlaps, pairs  # what `relate` and `decide` need is compiled with the rest, before a run begins

        found = minhash.measured(*utf8(docs.column("text")), self.rule(), *self.banding())
        bands = {f"_band_{i:02}": band for i, band in enumerate(found.bands)}
        return pl.DataFrame({"shingles": found.shingles, "_sketch": found.sketch, "_set_low": found.low, "_set_high": found.high, **bands})

    def relate(self, signals: pl.LazyFrame, read: Read) -> pl.LazyFrame:
        """Pairs that share a band, and whose similarity on the texts is at least `floor`, or `containment`."""
        from tamis.near_pairs import relate

        return relate(self._search(), signals, read).lazy()

    def _search(self) -> Search:
        from tamis.near_pairs import Search

        return Search(self.rule(), *self.banding(), nominated=self._nominated(), jaccard=self.floor, containment=self.containment)

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """All but the survivors are dropped."""
        from tamis.stages._survivors import copies_of, spread, survivors

        assert relations is not None
        found = survivors(signals, relations, self.prefer, self.threshold, self.containment)
        near = pl.col("similarity") >= self.threshold
        reason = pl.when(near).then(pl.lit([REASON])).otherwise(pl.lit([INSIDE_REASON]))
        fates = found.select(
            "row", "dropped", "partner", "similarity", *(() if self.containment is None else ("containment",)), "cluster", "cluster_size",
            reasons=pl.when("dropped").then(reason).otherwise(no_reasons()),
            verified=pl.when("dropped").then(pl.lit(value=True)),
            factor=copies_of(pl.col("group"), self.keep_copies or {}),
        )  # fmt: skip
        all_rows = signals.select("row", "copies").collect()
        verdicts = spread(fates, all_rows["row"].to_numpy()).lazy()
        many = (pl.lit(all_rows["copies"]).cast(pl.UInt32) * pl.col("factor").fill_null(1)).clip(upper_bound=255)
        copies = pl.when(pl.col("dropped").fill_null(value=False)).then(0).otherwise(many).cast(pl.UInt8)
        return verdicts.select(copies.alias("copies"), pl.exclude("row", "dropped", "factor", "reasons"), pl.col("reasons").fill_null([]))


def signatures(texts: Sequence[str] | pa.Array, stage: NearDuplicates | None = None, *, permutations: int = 128) -> np.ndarray:
    """MinHash signatures of texts, bit for bit those of datasketch over the same shingles.

    Args:
        texts: without nulls.
        stage: says what a shingle is; None: the defaults.
        permutations: how many; those of a smaller number are no prefix.

    Returns:
        u32[n, permutations].
    """
    from tamis.kernels import minhash

    array = pa.array(texts, pa.large_string()) if not isinstance(texts, pa.Array) else texts.cast(pa.large_string())
    return minhash.signatures(*utf8(array), (stage or NearDuplicates()).rule(), permutations)


def to_datasketch(signature: np.ndarray) -> Any:
    """A signature (u32[n]) as a `datasketch.MinHash`, for its LSH; `pip install "tamis[datasketch]"`."""
    from datasketch import MinHash

    from tamis.kernels import minhash

    drawn = np.array(minhash.permutations(len(signature)))
    return MinHash(hashvalues=signature, permutations=drawn, seed=minhash.SEED, scheme="affine32")


def from_datasketch(sketches: Sequence[Any]) -> np.ndarray:
    """u32[n, permutations]: the signatures of `datasketch.MinHash`es of one length.

    Raises:
        StageError: they were made with other permutations.
    """
    for sketch in sketches:
        if (sketch.seed, sketch.scheme) != (1, "affine32"):
            raise StageError(f'signatures are of seed 1 and scheme "affine32", not of seed {sketch.seed} and scheme "{sketch.scheme}".')
    return np.array([sketch.hashvalues for sketch in sketches], np.uint32)
