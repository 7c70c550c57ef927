"""Near-duplicates beside other libraries, on one corpus in one run: speed, memory, and who was removed rightly.

    python -m venv peers && peers/bin/pip install -r benchmarks/requirements.txt
    python benchmarks/near_peers.py CORPUS --python peers/bin/python [--peers daft rensa datasketch]

Each runs alone in a process of its own, one after the other, from Parquet to the list of kept documents; imports are left
out. The peers take word 5-grams and 112 permutations in 14 bands of 8, as FineWeb does, keep the first of every connected
component, and verify nothing. A peer that cannot be imported fails the benchmark.

Judged by all pairs of Jaccard similarity .8 or more that 25 bands of 5 nominate and the texts confirm: of how many pairs
one document at most was kept (recall), how many removed documents are like one that was kept (precision), and how many
connected components were emptied.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))
from near_duplicates import job, ledger_of

COMMON = """
import glob, json, re, resource, sys, time
import numpy as np
import pyarrow.parquet as pq
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
FILES = sorted(glob.glob(sys.argv[1] + "/*.parquet"))

def texts():
    for file in FILES:
        for batch in pq.ParquetFile(file).iter_batches(columns=["text"]):
            yield from batch.column(0).to_pylist()

def grams(text):
    words = re.findall(r"\\w+", text.lower())
    return [" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))]

def kept(signatures):
    n = len(signatures)
    a, b = [], []
    for band in range(14):
        words = np.ascontiguousarray(signatures[:, 8 * band : 8 * band + 8]).view(np.uint64)
        key = (words * np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD1342543DE82EF95], np.uint64)).sum(1)
        order = np.argsort(key, kind="stable")
        same = key[order][1:] == key[order][:-1]
        a.append(order[1:][same])
        b.append(order[:-1][same])
    a, b = np.concatenate(a), np.concatenate(b)
    _, label = connected_components(coo_matrix((np.ones(len(a), bool), (a, b)), shape=(n, n)), directed=False)
    found = np.zeros(n, bool)
    found[np.unique(label, return_index=True)[1]] = True
    return found
"""
PEERS = {
    "daft": """
import daft
from daft import col
began = time.perf_counter()
text = col("text").normalize(remove_punct=True, lowercase=True, nfd_unicode=False, white_space=True)
found = daft.read_parquet(FILES).select(text.minhash(num_hashes=112, ngram_size=5, seed=1, hash_function="xxhash64").alias("m")).to_arrow()
signatures = found["m"].combine_chunks().flatten().to_numpy().reshape(-1, 112).astype(np.uint32)
""",
    "rensa": """
from rensa import RMinHash
began = time.perf_counter()
def signature(text):
    sketch = RMinHash(112, 1)
    sketch.update(grams(text))
    return np.array(sketch.digest(), np.uint32)
signatures = np.stack([signature(text) for text in texts()])
""",
    "datasketch": """
from datasketch import MinHash
began = time.perf_counter()
empty = MinHash(112)
def signature(text):
    sketch = empty.copy()
    sketch.update_batch([gram.encode() for gram in grams(text)])
    return sketch.hashvalues
signatures = np.stack([signature(text) for text in texts()]).astype(np.uint32)
""",
}
END = """
found = kept(signatures)
seconds = time.perf_counter() - began
np.save(sys.argv[2], found)
print(json.dumps({"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def peer(name: str, python: str, raw: Path, place: Path) -> tuple[float, float, np.ndarray]:
    """Seconds, peak bytes, and bool[n]: who was kept."""
    done = subprocess.run([python, "-c", COMMON + PEERS[name] + END, str(raw), str(place)], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"Error: {name} failed.\nFix: install benchmarks/requirements.txt for {python}.")
    told = json.loads(done.stdout.splitlines()[-1])
    return told["seconds"], told["peak"], np.load(place)


class Truth:
    """All pairs at .8: between classes of equal sets, and within them."""

    def __init__(self, raw: Path, out: Path, workers: int) -> None:
        told = job({"bands": [25, 5]}, raw, out, workers)
        (place,) = (out / "relations").rglob("*.parquet")
        related = pl.read_parquet(place).drop_nulls("b")
        a, b = related["a"].to_numpy().astype(np.int64), related["b"].to_numpy().astype(np.int64)
        equal = related["jaccard"].to_numpy() == 1.0
        self.documents = int(told["readable"])
        self.first = np.arange(self.documents)
        self.first[b[equal]] = a[equal]
        self.a, self.b = a[~equal], b[~equal]
        component = pl.DataFrame({"number": np.arange(self.documents)}).join(ledger_of(raw, out).select("number", "cluster").cast({"number": pl.Int64}), on="number")
        self.component = component.drop_nulls("cluster")

    def judge(self, kept: np.ndarray) -> tuple[float, float, int]:
        """Recall, precision, emptied components."""
        alive = np.bincount(self.first[kept], minlength=self.documents)
        size = np.bincount(self.first, minlength=self.documents)
        between = (size[self.a] * size[self.b]).sum()
        both = (alive[self.a] * alive[self.b]).sum()
        pairs, within = (size * (size - 1) // 2).sum() + between, (alive * (alive - 1) // 2).sum()
        like_kept = alive > 0
        np.logical_or.at(like_kept, self.a, alive[self.b] > 0)
        np.logical_or.at(like_kept, self.b, alive[self.a] > 0)
        rightly = like_kept[self.first[~kept]].mean()
        emptied = self.component.with_columns(kept=kept[self.component["number"].to_numpy()]).group_by("cluster").agg(pl.col("kept").any())
        return 1 - (both + within) / pairs, float(rightly), int((~emptied["kept"]).sum())


def main() -> None:
    """Parse the command line and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--python", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    root, raw = Path(tempfile.mkdtemp()), given.corpus / "raw"
    truth = Truth(raw, root / "truth", given.workers)
    told = job({}, raw, root / "out", given.workers)
    kept = ledger_of(raw, root / "out")["copies"].to_numpy() > 0
    rows = [("tamis", told["keep-set"], told["peak"], kept)]
    rows += [(name, *peer(name, given.python, raw, root / "kept.npy")) for name in given.peers]
    print(f"{given.corpus.name}: {truth.documents:,} documents, {told['bytes'] / 1e6:,.0f} MB\n")
    print(f"  {'':<12}{'s':>8}{'MB/s':>8}{'peak MB':>9}{'removed':>10}{'recall':>9}{'precision':>11}{'emptied':>9}")
    for name, seconds, peak, mask in rows:
        recall, precision, emptied = truth.judge(mask)
        print(
            f"  {name:<12}{seconds:>8.1f}{told['bytes'] / 1e6 / seconds:>8.1f}{peak / 1e6:>9.0f}{(~mask).sum():>10,}{recall:>9.4f}{precision:>11.4f}{emptied:>9,}"
        )
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
