"""Topics without labels: a sample of the corpus by content, TF-IDF, latent semantic analysis, clusters, and names for them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import utf8
from tamis.errors import require
from tamis.stage import Scan
from tamis.stages._topic_names import names_of, words_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FORMAT = "tamis topics 1"
DIMENSIONS = 64
"""Of the space that topics lie in; 32 and 100 recovered known topics as well, within the noise of three seeds."""
MOST_WORDS = 5_000
"""Words of a text that are looked at when topics are made."""
EXCERPT = 2_000
"""Bytes at the beginning of a text from which names are made."""
COMMON = 0.5
"""A word that stands in a larger share of the documents tells no topics apart."""
RARE = 3
"""A word that stands in fewer documents than this tells nothing."""
CHOICES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Numbers of topics that are tried when none is given."""
NEAR_BEST = 0.9
"""Of these the smallest that is told apart nearly as well as the best: 24 for 19 known domains, 32 for 15 topics of web pages."""
JUDGED = 4_000
"""Documents by which numbers of topics are compared."""
STARTS = 8
BATCH = 4_096
SAMPLE_SEED = 0x70B1C5


@dataclass(frozen=True)
class Model:
    """What topics were fitted to.

    Args:
        names: of the k topics.
        words: the most telling words of each, best first.
        documents: i64[k], of the sample, in each.
        table: f32[PLACES, d], what a word adds.
        used: u8[PLACES], whether it adds anything.
        centres: f32[d, k].
    """

    names: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    documents: np.ndarray
    table: np.ndarray
    used: np.ndarray
    centres: np.ndarray

    def dump(self) -> bytes:
        """The model as a NumPy archive."""
        said = json.dumps({"format": FORMAT, "names": self.names, "words": self.words}, ensure_ascii=False)
        places = np.flatnonzero(self.used).astype(np.int32)
        file = io.BytesIO()
        np.savez(
            file,
            said=np.frombuffer(said.encode(), np.uint8),
            documents=self.documents,
            places=places,
            rows=self.table[places],
            centres=self.centres,
        )
        return file.getvalue()


@lru_cache(maxsize=4)
def load(content: bytes) -> Model:
    """A model as `Model.dump` wrote it.

    Raises:
        ValueError: these bytes are none.
    """
    from tamis.kernels.topics import PLACES

    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        said = json.loads(found["said"].tobytes())
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise ValueError(str(error)) from error
    if said.get("format") != FORMAT:
        raise ValueError(f'its format is "{said.get("format")}", not "{FORMAT}"')
    table, used = np.zeros((PLACES, found["rows"].shape[1]), np.float32), np.zeros(PLACES, np.uint8)
    table[found["places"]] = found["rows"]
    used[found["places"]] = 1
    words = tuple(tuple(some) for some in said["words"])
    return Model(tuple(said["names"]), words, found["documents"], table, used, np.ascontiguousarray(found["centres"]))


@dataclass(frozen=True)
class _Sample:
    """Documents with the smallest hashes, each text once, in the order of the hashes.

    Args:
        keys: u64[n, 2].
        places: i32[m], the words of all texts.
        borders: i64[n + 1].
        excerpts: their beginnings.
    """

    keys: np.ndarray
    places: np.ndarray
    borders: np.ndarray
    excerpts: pa.Array

    def take(self, chosen: np.ndarray) -> _Sample:
        """Some of them, in the order given."""
        counts = np.diff(self.borders)[chosen]
        borders = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        within = np.arange(borders[-1]) - np.repeat(borders[:-1], counts)
        return _Sample(
            self.keys[chosen],
            self.places[np.repeat(self.borders[:-1][chosen], counts) + within],
            borders,
            self.excerpts.take(pa.array(chosen)),
        )


@dataclass(frozen=True)
class _Draw:
    """Draws the sample of one chunk; picklable."""

    most: int

    def __call__(self, docs: pa.Table) -> _Sample:
        """The documents of a chunk with the smallest hashes: all that could be in the sample of the corpus."""
        from tamis.kernels import topics
        from tamis.kernels.hashing import murmur128

        low, high = murmur128(*utf8(docs.column("text")), seed=SAMPLE_SEED)
        keys = np.stack([high, low], axis=1)
        chosen = _smallest(keys, self.most)
        texts = docs.column("text").take(pa.array(chosen)).combine_chunks()
        places, borders = topics.words(*utf8(texts), MOST_WORDS)
        excerpts = pa.array(
            [text[:EXCERPT].decode(errors="ignore") for text in texts.cast(pa.large_binary()).to_pylist()], pa.large_string()
        )
        return _Sample(keys[chosen], places, borders, excerpts)


def _smallest(keys: np.ndarray, most: int) -> np.ndarray:
    """i64[at most `most`]: where the smallest keys are, ascending, equal ones once."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    new = np.ones(len(order), np.bool_)
    new[1:] = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
    return np.asarray(order[new][:most])


def _sample(scan: Scan, most: int) -> _Sample | None:
    held: _Sample | None = None
    for part in scan.map(_Draw(most)):
        if held is not None:
            borders = np.concatenate([held.borders, part.borders[1:] + held.borders[-1]])
            both = pa.concat_arrays([held.excerpts, part.excerpts])
            part = _Sample(np.concatenate([held.keys, part.keys]), np.concatenate([held.places, part.places]), borders, both)  # noqa: PLW2901
        held = part.take(_smallest(part.keys, most))
    return held


def fit(scan: Scan, *, topics: int | None, sample: int, seed: int, needed_by: str, embeddings: Path | None = None) -> bytes:
    """Find topics in a sample of the corpus.

    Args:
        scan: the corpus.
        embeddings: vectors of words, of which documents are made instead of TF-IDF; see `_embeddings`.
        topics: how many; None: one of `CHOICES`, see `NEAR_BEST`.
        sample: documents, those with the smallest hashes of their text.
        seed: of the clustering.
        needed_by: the stage.

    Returns:
        A `Model`, dumped. The same documents give the same bytes in any order, with the same packages on the same kind of
        processor: one thread works, for sums that several share depend on how many they are.
    """
    require("sklearn", needed_by=needed_by, extra="topics")
    from threadpoolctl import threadpool_limits

    drawn, seed = _sample(scan, sample), seed % 2**32  # scikit-learn takes no other
    with threadpool_limits(limits=1):
        return (_fitted(drawn, topics, seed, embeddings) if drawn is not None and len(drawn.keys) else nothing()).dump()


def nothing() -> Model:
    """A model of no topics, for a corpus without words."""
    from tamis.kernels.topics import PLACES

    empty = np.zeros((PLACES, 1), np.float32), np.zeros(PLACES, np.uint8), np.zeros((1, 0), np.float32)
    return Model((), (), np.zeros(0, np.int64), *empty)


def _fitted(sample: _Sample, topics: int | None, seed: int, embeddings: Path | None) -> Model:
    from sklearn.preprocessing import normalize

    from tamis.kernels.topics import PLACES

    counts, idf = _weighed(sample)
    told = np.flatnonzero(np.diff(counts.indptr))  # the others have no word that counts
    if not len(told):
        return nothing()
    counts = counts[told]
    if embeddings is None:
        directions = _latent(counts, idf, seed)
    else:
        directions = _embedded(counts, sample.excerpts, embeddings, seed)
        idf = np.where(directions.any(axis=1), idf, 0)
    table = (directions * idf[:, None]).astype(np.float32)
    points = normalize(counts @ directions)
    label, centres = _clustered(points, topics, seed)
    names, words = names_of(sample.excerpts.take(pa.array(told)), label, len(centres))
    sizes = np.bincount(label, minlength=len(centres)).astype(np.int64)
    order = np.argsort(-sizes, kind="stable")
    assert table.shape[0] == PLACES
    return Model(
        tuple(names[i] for i in order), tuple(words[i] for i in order), sizes[order], table, (idf > 0).astype(np.uint8),
        np.ascontiguousarray(centres[order].T.astype(np.float32)),
    )  # fmt: skip


def _latent(counts: csr_matrix, idf: np.ndarray, seed: int) -> np.ndarray:
    """f64[PLACES, d]: where each word lies, by latent semantic analysis."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    dimensions = max(1, min(DIMENSIONS, counts.shape[0] - 1, int((idf > 0).sum()) - 1))
    svd = TruncatedSVD(dimensions, algorithm="randomized", n_iter=5, random_state=seed).fit(normalize(counts))
    return np.asarray(svd.components_.T)


def _embedded(counts: csr_matrix, excerpts: pa.Array, embeddings: Path, seed: int) -> np.ndarray:
    """f64[PLACES, d]: the mean vector of the words of each place, by how many excerpts hold them; without what all documents share.

    Vectors are made of length 1: how much a word says is for TF-IDF to tell. Those of more than `DIMENSIONS` numbers are turned so that the sample's documents lie in as many, as nearly as can be.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    from tamis.kernels.topics import PLACES, words
    from tamis.stages._embeddings import vectors

    known = words_of(excerpts, RARE if len(excerpts) >= RARE else 1)
    places, borders = words(*utf8(pa.array(known["word"].to_list(), pa.large_string())), 2)
    whole = np.flatnonzero(np.diff(borders) == 1)  # of scripts without spaces some are several
    if not len(whole):
        return np.zeros((PLACES, 1))
    found = normalize(vectors(embeddings, [known["word"][i] for i in whole.tolist()]).astype(np.float64))
    heard = known["documents"].to_numpy().astype(np.float64)[whole] * found.any(axis=1)
    place = places[borders[:-1][whole]]
    rows, weights = np.zeros((PLACES, found.shape[1])), np.bincount(place, heard, PLACES)
    np.add.at(rows, place, found * heard[:, None])
    rows /= np.maximum(weights, 1)[:, None]
    shared = normalize(counts @ rows).mean(axis=0)
    length = float(shared @ shared)
    rows -= np.outer(rows @ shared, shared) / length if length > 0 else 0.0
    if rows.shape[1] > DIMENSIONS < counts.shape[0]:
        rows = rows @ TruncatedSVD(DIMENSIONS, n_iter=5, random_state=seed).fit(normalize(counts @ rows)).components_.T
    return rows


def _weighed(sample: _Sample) -> tuple[csr_matrix, np.ndarray]:
    """TF-IDF of the sample, (n, PLACES), and the weight of each place (f64[PLACES], 0 for those that count for nothing)."""
    from scipy.sparse import csr_matrix, diags

    from tamis.kernels.topics import MOST_COUNTED, PLACES

    n = len(sample.keys)
    counts = csr_matrix((np.ones(len(sample.places)), sample.places, sample.borders), shape=(n, PLACES))
    counts.sum_duplicates()
    holding = np.bincount(counts.indices, minlength=PLACES)
    idf = np.log((1 + n) / (1 + holding))
    idf[(holding > COMMON * n) | (holding < min(RARE, n))] = 0
    counts.data = 1 + np.log(np.minimum(counts.data, MOST_COUNTED))
    weighed = (counts @ diags(idf)).tocsr()
    weighed.eliminate_zeros()
    return weighed, idf


def _clustered(points: np.ndarray, topics: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(i64[n], f64[k, d]): the cluster of each point, and their centres, of length 1; clusters without points are gone."""
    different = len(np.unique(points.round(6), axis=0))
    if topics is not None:
        return _clusters(points, min(topics, different), seed)
    tried = [k for k in CHOICES if 2 * k <= different] or [1]
    made = [_clusters(points, k, seed) for k in tried]
    apart = [_apart(points, label) for label, _ in made]
    enough = min(max(apart), NEAR_BEST * max(apart))  # silhouettes may be negative
    return next(clusters for clusters, score in zip(made, apart, strict=True) if score >= enough)


def _clusters(points: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.preprocessing import normalize

    made = MiniBatchKMeans(k, batch_size=BATCH, n_init=STARTS, random_state=seed, reassignment_ratio=0.01).fit(points)
    centres = normalize(made.cluster_centers_)
    label = (points @ centres.T).argmax(axis=1)
    there = np.unique(label)
    return np.searchsorted(there, label), centres[there]


def _apart(points: np.ndarray, label: np.ndarray) -> float:
    """How well clusters are told apart: the mean silhouette of at most `JUDGED` points by cosine distance; 0 for one cluster."""
    from sklearn.metrics import silhouette_score

    some = label[:JUDGED]
    if not 1 < len(np.unique(some)) < len(some):
        return 0.0
    return float(silhouette_score(points[:JUDGED], some, metric="cosine"))


def described(model: Model) -> Iterator[dict[str, Any]]:
    """Each topic: name, words, and how many documents of the sample."""
    for name, words, documents in zip(model.names, model.words, model.documents.tolist(), strict=True):
        yield {"topic": name, "words": list(words), "sampled": documents}


def labels(content: bytes, texts: pa.Array | pa.ChunkedArray) -> pl.DataFrame:
    """topic (string), confidence (f64 in [0, 1]: the cosine similarity to the centre); null for a text without known words."""
    from tamis.kernels.topics import nearest

    model = load(content)
    n = len(texts)
    if not model.names:
        return pl.DataFrame({"topic": [None] * n, "confidence": [None] * n}, schema={"topic": pl.String, "confidence": pl.Float64})
    centre, cosine = nearest(*utf8(texts), model.table, model.used, model.centres)
    known = pl.Series(centre >= 0)
    names = pl.Series("topic", model.names, pl.String).gather(np.maximum(centre, 0))
    return pl.select(topic=pl.when(known).then(names), confidence=pl.when(known).then(pl.Series(cosine)))
