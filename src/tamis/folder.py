"""A finished run folder, read: manifest, recipe, ledger, and the signals of any document."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tamis import files, shards
from tamis import recipe as recipes
from tamis.errors import DataError, RunError
from tamis.keys import relation_key
from tamis.plan import BASE, Plan
from tamis.recipe import Recipe
from tamis.shards import Shard
from tamis.stage import Stage


@dataclass(frozen=True)
class Finished:
    """A run folder with its manifest."""

    out: str
    manifest: Mapping[str, Any]

    @classmethod
    def just_now(cls, plan: Plan, manifest: Mapping[str, Any]) -> Finished:
        """The run of a plan that has been carried out: its stages are those at hand, which nobody could load who were made in a notebook."""
        found = cls(plan.out.rstrip("/") or plan.out, manifest)
        found.__dict__["recipe"] = plan.recipe
        return found

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe with every default, as the run used it."""
        content = recipes.from_yaml(files.read_bytes(files.join(self.out, "recipe.yaml")).decode())
        return recipes.parse(content, place=f"{self.out}/recipe.yaml", folder=Path(), name=self.manifest["recipe"])

    @cached_property
    def named(self) -> list[tuple[str, Stage]]:
        """The stages under their names."""
        return self.recipe.named()

    @cached_property
    def shards(self) -> list[Shard]:
        """The input, in the order of the corpus."""
        return [Shard(**shard) for shard in files.read_json(files.join(self.out, "inputs.json"))["shards"]]

    def folder(self, name: str) -> str:
        """Where the signals of a stage lie."""
        return files.join(self.out, "signals", self.manifest["signals"][name])

    @cached_property
    def chunks(self) -> dict[str, list[tuple[int, int, str]]]:
        """Fingerprint (16 digits) → first row, row after the last, file name; ascending."""
        found: dict[str, list[tuple[int, int, str]]] = {}
        for url in files.listing(self.folder(BASE), ".parquet"):
            match = re.fullmatch(r"([0-9a-f]{16})-(\d+)-(\d+)\.parquet", url.rsplit("/", 1)[-1])
            if match and "/quarantine/" not in url:
                found.setdefault(match[1], []).append((int(match[2]), int(match[3]), match[0]))
        return {fingerprint: sorted(chunks) for fingerprint, chunks in found.items()}

    def chunk_names(self) -> Iterator[tuple[str, str]]:
        """Shard and file name of every chunk, in the order of the corpus, which is that of the ledger."""
        for shard in self.shards:
            for _, _, name in self.chunks.get(shard.fingerprint[:16], []):
                yield shard.name, name

    def ledger_files(self) -> list[str]:
        """The ledger's files, in order."""
        return files.listing(files.join(self.out, "ledger"), ".parquet")

    def ledger(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The ledger, file by file."""
        for url in self.ledger_files():
            yield files.read_frame(url, list(columns) if columns else None)

    def ledger_between(self, start: int, stop: int) -> pl.DataFrame:
        """Rows of the ledger by their numbers in the corpus."""
        frames: list[pl.DataFrame] = []
        first = 0
        for url, rows in self._ledger_rows:
            a, b = max(start, first) - first, min(stop, first + rows) - first
            if a < b or not frames:
                frames.append(files.read_frame(url).slice(max(0, a), max(0, b - a)))
            first += rows
        return pl.concat(frames, how="diagonal_relaxed")

    def ledger_at(self, numbers: np.ndarray, columns: Sequence[str]) -> pl.DataFrame:
        """Some columns of the ledger for documents by their numbers in the corpus, in the order asked for; columns that it lacks are left out."""
        order = np.argsort(numbers, kind="stable")
        ascending = np.asarray(numbers, np.int64)[order]
        parts, first = [], 0
        for i, (url, rows) in enumerate(self._ledger_rows):
            a, b = np.searchsorted(ascending, [first, first + rows])
            if a < b or i == 0:
                present = [name for name in columns if name in files.columns_of(url)]
                parts.append(files.read_columns([url], present)[ascending[a:b] - first])
            first += rows
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pl.concat(parts, how="vertical_relaxed")[back] if parts else pl.DataFrame()

    @cached_property
    def _ledger_rows(self) -> list[tuple[str, int]]:
        return [(url, files.rows(url)) for url in self.ledger_files()]

    def signals(self, chunk: str, names: Sequence[str]) -> pl.DataFrame:
        """row, text.…, doc.… of a chunk's documents, and "<stage>.<signal>" of the named stages."""
        frames = [files.read_frame(files.join(self.folder(BASE), chunk))]
        for name in names:
            frame = files.read_frame(files.join(self.folder(name), chunk)).drop("row")
            frames.append(frame.select(pl.all().name.prefix(f"{name}.")))
        return pl.concat(frames, how="horizontal")

    @cached_property
    def measured(self) -> dict[str, list[str]]:
        """Stage → the names of its signals, private ones too; under `BASE` the names of the house's own columns."""
        chunk = next((name for _, name in self.chunk_names()), None)
        found = {name: files.columns_of(files.join(self.folder(name), chunk)) if chunk else [] for name in self.manifest["signals"]}
        return {name: [column for column in columns if column != "row"] for name, columns in found.items()}

    def numbers(self, chunks: Sequence[str], names: Collection[str]) -> pl.DataFrame:
        """Some columns of the documents of some chunks, one below the other.

        Args:
            chunks: names of their files, at least one.
            names: "<stage>.<signal>", and those of the house: "row", "text.bytes", "doc.lang".
        """
        frames = []
        for stage, columns in self.measured.items():
            prefix = "" if stage == BASE else f"{stage}."
            wanted = [column for column in ("row", *columns) if f"{prefix}{column}" in names]
            if wanted:
                urls = [files.join(self.folder(stage), chunk) for chunk in chunks]
                frames.append(files.read_columns(urls, wanted).select(pl.all().name.prefix(prefix)))
        return pl.concat(frames, how="horizontal") if frames else pl.DataFrame()

    def relation(self, name: str) -> str:
        """The file of what a stage relates."""
        key = self.manifest["signals"][name].rsplit("-", 1)[1]
        return files.join(self.out, "relations", f"{name}-{relation_key(key, [shard.fingerprint for shard in self.shards])}", "part-00000.parquet")

    def document(self, shard: str, row: int) -> pl.DataFrame:
        """All signals of one document: one row."""
        fingerprint = next(one.fingerprint[:16] for one in self.shards if one.name == shard)
        chunk = next(name for start, stop, name in self.chunks[fingerprint] if start <= row < stop)
        return self.signals(chunk, [name for name, _ in self.named]).filter(pl.col("row") == row)

    def plan(self) -> Plan:
        """The run's plan again, for what has to read the text.

        Raises:
            DataError: the input is gone or has changed.
        """
        for shard in self.shards:
            if not files.exists(shard.url):
                here = "" if os.path.isabs(shard.url) or not files.is_local(shard.url) else ", or go to the folder where `tamis run` was called"
                raise DataError(f"{shard.url}, which {self.out} was made from, is gone.\nFix: put it back{here}; the text is read from there.")
        places = {shard.name: shard.url for shard in self.shards}
        corpus = shards.survey_places(places, text=self.recipe.columns.text, known={shard.name: shard for shard in self.shards})
        for before, now in zip(self.shards, corpus.shards, strict=False):
            if before.fingerprint != now.fingerprint:
                raise DataError(f"{now.url} changed since {self.out} was made.\nFix: repeat the run with --fresh.")
        return Plan(self.recipe, corpus, self.out)


def opened(out: str) -> Finished:
    """A finished run folder.

    Raises:
        RunError: there is none, or its run was not finished.
    """
    out = files.home(out)
    if not files.exists(files.join(out, "inputs.json")):
        raise RunError(f'"{out}" is not a run folder.\nFix: name the folder that `tamis run … -o` wrote.')
    if not files.exists(files.join(out, "manifest.json")):
        raise RunError(f"the run in {out} was not finished.\nFix: repeat the same `tamis run` command; it does what is left.")
    return Finished(out.rstrip("/") or out, files.read_json(files.join(out, "manifest.json")))
