"""A recipe over shards into a run folder: survey, fit, measure, relate, decide, write; resumed by the same command."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import __version__, begin, files, judging, keys, mappers, mix, shards, tally
from tamis import plan as planning
from tamis.disk import CorpusScan, DiskSignals, signals_of_nothing
from tamis.ledger_files import Written, addressed
from tamis.plan import Plan
from tamis.progress import SPEED_BYTES, Logged, Say, phase
from tamis.recipe import Recipe
from tamis.stage import has
from tamis.work import Done, Task, Work, handed_out, measure_chunks
from tamis.writing import Part, write_part, write_quarantine


@dataclass(frozen=True)
class How:
    """How a run works; nothing here changes what it writes.

    Args:
        workers: side by side; None: one for each processor, of the cluster for Ray.
        mapper: "threads", "processes", "serial" or "ray".
        add: accept shards that were not there when the folder was begun.
        fresh: forget what the folder was begun with; signals of unchanged shards still serve.
        say: where progress goes.
    """

    workers: int | None = None
    mapper: str = "threads"
    add: bool = False
    fresh: bool = False
    say: Say = field(default_factory=Say)

    @property
    def side_by_side(self) -> int:
        """Threads of this process."""
        return self.workers or mappers.default_workers()

    @property
    def width(self) -> int:
        """Tasks at once."""
        return self.workers or mappers.default_workers(self.mapper)

    def map(self, function: Callable[[Any], Any], tasks: Any) -> Iterator[Any]:
        """The function of each task, in order."""
        return mappers.MAPPERS[self.mapper](function, tasks, self.width)


def prepare(recipe: Recipe, inputs: Sequence[str], out: str, how: How | None = None) -> Plan:
    """Survey the shards and make the plan; writes nothing.

    Raises:
        TamisError: the input, the recipe or the folder cannot be meant.
    """
    how = how or How()
    out = files.home(out)
    begin.refuse_overlap(inputs, out)
    begun = begin.begun(out)
    known = {shard.name: shard for shard in begun} if begun else None
    corpus = shards.survey(inputs, text=recipe.columns.text, known=known)
    if begun and not how.fresh:
        begin.refuse_changes(out, begun, corpus, add=how.add)
    return Plan(recipe, corpus, out)


def run(recipe: Recipe, inputs: Sequence[str], out: str, how: How | None = None) -> dict[str, Any]:
    """Sift shards into a run folder; the manifest, which is also written there, last.

    Args:
        recipe: what to do.
        inputs: Parquet files and folders of them, paths or URLs.
        out: the run folder: new, or of an earlier run that this one finishes.
        how: workers, mapper, progress.

    Raises:
        TamisError: something the user can mend; nothing that was finished is lost.
    """
    how = how or How()
    return carry_out(prepare(recipe, inputs, out, how), how)


def carry_out(made: Plan, how: How) -> dict[str, Any]:
    """Do what a plan says; see `run`."""
    began = time.monotonic()
    planning.check(made)
    with ExitStack() as stack:
        stack.enter_context(begin.alone(made.out))
        if (done := begin.complete(made)) is not None:
            begin.note_inputs(made)  # the text is read from where the shards are now
            how.say.note("Nothing is left to do: this run is complete.")
            return done
        planning.check_room(made)
        how = replace(how, say=Logged(how.say, begin.log(made.out)))
        if begin.begin(made):
            how.say.note("What was written here, with other limits or other input, is replaced; what was measured serves where it still holds.")
        return _Run(made, how, began).whole()


@dataclass
class _Run:
    """One run on its way; every method is a phase."""

    plan: Plan
    how: How
    began: float
    seconds: dict[str, float] = field(default_factory=dict)
    reused: bool = False
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    mix: list[dict[str, Any]] = field(default_factory=list)

    def whole(self) -> dict[str, Any]:
        self.fit()
        signals = DiskSignals(self.plan, self.measure(), self.how.side_by_side)
        self.relate(signals)
        counted, copies, sizes = self.decide(signals)
        write_quarantine(self.plan, signals.done)
        parts = _parts(self.plan, signals, np.concatenate([*copies, np.zeros(0, np.uint8)]), np.concatenate([*sizes, np.zeros(0, np.uint32)]))
        manifest = self.manifest(signals, counted, len(parts))
        self.write_and_report(parts, manifest)
        manifest["seconds"] = {**self.seconds, "all": round(time.monotonic() - self.began, 3)}
        files.write_json(files.join(self.plan.out, "manifest.json"), manifest)
        return manifest

    @contextmanager
    def timed(self, name: str, documents: int = 0, size: int = 0) -> Iterator[Say]:
        start = time.monotonic()
        with phase(self.how.say, name, documents, size) as say:
            yield say
        self.seconds[name] = round(time.monotonic() - start, 3)

    def fit(self) -> None:
        """Fit the stages that have to see the corpus first, in order, each on text as the edits above it leave it."""
        for step in self.plan.steps:
            if not has(step.stage, "fit") or files.exists(str(step.fitted)):
                continue
            with self.timed(f"fit {step.name}"):
                scan = CorpusScan(Work.of(self.plan), step, self.plan.corpus.chunks, mappers.MAPPERS[self.how.mapper], self.how.width)
                content = step.stage.fit(scan)  # type: ignore[attr-defined]
                files.write_bytes(str(step.fitted), content or b"")
        if any(has(step.stage, "fit") for step in self.plan.steps):
            # Only now is it known what the fitted stages measure.
            planning.check(self.plan, {name: frame.columns for name, frame in signals_of_nothing(self.plan).items()})

    def measure(self) -> dict[str, Done]:
        """Measure what no earlier run has measured."""
        measured, chunks = self.plan.measured(), planning.readable_names(self.plan.corpus.chunks)
        tasks = [Task(chunk, tuple(name for name in self.plan.names if chunk.name not in measured[name])) for chunk in chunks]
        self.reused = any(len(task.wanted) < len(self.plan.names) for task in tasks)
        work, done = Work.of(self.plan), dict[str, Done]()
        rows = {chunk.name: chunk.stop - chunk.start for chunk in chunks}
        anew = {task.chunk.name for task in tasks if len(task.wanted) == len(self.plan.names)}
        with self.timed("measure", sum(rows.values())) as say:
            for some in self.how.map(partial(measure_chunks, work), handed_out(tasks, work)):
                done |= {one.chunk: one for one in some}
                say.advance(sum(rows[one.chunk] for one in some), sum(one.bytes for one in some if one.chunk in anew))
        return done

    def relate(self, signals: DiskSignals) -> None:
        """Relate documents of the corpus, for the stages that do."""
        for step in self.plan.steps:
            place = self.plan.relation(step.name)
            if not has(step.stage, "relate") or files.exists(place):
                continue
            with self.timed(f"relate {step.name}"):
                found = step.stage.relate(signals.corpus_frame(step.name), signals.reader(step))  # type: ignore[attr-defined]
                if found is not None:
                    files.write_frame(place, found.collect())

    def decide(self, signals: DiskSignals) -> tuple[tally.Tally, list[np.ndarray], list[np.ndarray]]:
        """Write the ledger; copies (u8) and bytes (u32) of the documents of each slab."""
        files.remove(files.join(self.plan.out, "ledger"))
        counted, mixed, copies, sizes = tally.Tally(), mix.Mix(self.plan.steps), [], []
        with self.timed("decide", sum(signals.sizes)) as say:
            beside = {"text.bytes", "doc.id", *mix.looked_at(self.plan.steps, signals.columns)} & set(signals.columns)
            with Written(files.join(self.plan.out, "ledger")) as written:
                for one, table, parts in judging.judge(self.plan.steps, signals, partial(_counted, signals, mixed), self.outcomes, beside):
                    written.add(table)
                    counted.add(one.ledger, one.beside["text.bytes"], one.failed)
                    mixed.take(parts)
                    copies.append(one.ledger["copies"].to_numpy())
                    sizes.append(one.beside["text.bytes"].to_numpy())
                    say.advance(one.ledger.height, 0)
        counted.check(sum(one.readable for one in (signals.done[chunk.name] for chunk in self.plan.corpus.chunks)))
        self.mix = mixed.facts()
        return counted, copies, sizes

    def write(self, parts: Sequence[Part], told: Future[Any] | None) -> None:
        """Write the curated shards; what the report cannot be told stops it at once."""
        with self.timed("write", sum(int(mask.sum()) for part in parts for _, mask in part.pieces)) as say:
            for documents, size in self.how.map(partial(write_part, Work.of(self.plan), self.plan.recipe.output), parts):
                say.advance(documents, size)
                if told is not None and told.done():
                    told.result()

    def write_and_report(self, parts: Sequence[Part], manifest: dict[str, Any]) -> None:
        """Write the curated shards, and meanwhile find out what the report says; neither keeps all cores busy to its end."""
        from tamis import report
        from tamis.folder import Finished
        from tamis.report.facts import facts

        run = Finished.just_now(self.plan, manifest)
        tell = partial(facts, run, plan=self.plan, workers=self.how.side_by_side)
        with ThreadPoolExecutor(1, thread_name_prefix="tamis-report") as beside:
            told = beside.submit(tell) if self.how.side_by_side > 1 else None
            self.write(parts, told)
            before = round(time.monotonic() - self.began, 3)
            # Signals of an earlier run make this one look faster than it is.
            speed = None if self.reused or manifest["counts"]["bytes"] < SPEED_BYTES else round(manifest["counts"]["bytes"] / 1e6 / before, 1)
            manifest |= {"mb_per_second": speed, "reused": self.reused, "seconds": {**self.seconds, "all": before}}
            with self.timed("report"):
                report.draw(run, told.result() if told else tell())

    def manifest(self, signals: DiskSignals, counted: tally.Tally, parts: int) -> dict[str, Any]:
        """What is known once all is decided; it is written last."""
        done = [signals.done[chunk.name] for chunk in self.plan.corpus.chunks]
        quarantined, faults = Counter[str](), Counter[str]()
        for one in done:
            quarantined.update(one.quarantined)
            faults.update(one.faults)
        funnel = counted.funnel(self.plan.named)
        balances = mix.balances(self.outcomes)
        left_out = {name: count for name, _ in self.plan.named if (count := signals.not_compared(name)) is not None}
        corpus = self.plan.corpus
        lost = sum(shard.rows for shard in corpus.shards) - counted.documents - sum(quarantined.values())
        assert lost == 0, f"{lost} documents are neither readable nor in quarantine"
        return {
            "tamis": __version__,
            "recipe": self.plan.recipe.name,
            "decision": begin.decision(self.plan),
            "inputs": corpus.inputs(),
            "signals": {name: os.path.basename(self.plan.folder(name)) for name in self.plan.names},
            "files": {name: named for name, stage in self.plan.named if (named := keys.files_named(stage))},
            "counts": {
                "files": len(corpus.shards) + len(corpus.unreadable),
                "unreadable_files": dict(corpus.unreadable),
                "documents": sum(shard.rows for shard in corpus.shards),
                "bytes": counted.bytes,
                "readable": counted.documents,
                "quarantined": dict(sorted(quarantined.items())),
                "faults": dict(sorted(faults.items())),
                "without_id": counted.without_id,
                "repeated_ids": counted.repeated_ids,
                "kept": counted.kept,
                "kept_bytes": counted.kept_bytes,
                "written": counted.written,
                "shards_written": parts,
            },
            "funnel": funnel,
            "not_compared": left_out,
            "mix": self.mix,
            "balance": balances,
            "outcomes": {name: said for name, said in self.outcomes.items() if name not in balances},
            "warnings": tally.warnings(funnel, counted, quarantined, corpus.unreadable, faults, left_out) + mix.warnings(self.mix, self.outcomes),
            "versions": _versions(),
        }


def _counted(signals: DiskSignals, mixed: mix.Mix, slab: judging.Slab) -> tuple[judging.Slab, pa.Table, dict[str, pl.DataFrame]]:
    """What of a slab can be done beside others: its table, and its part of the mix."""
    whole = addressed(slab, signals.shard_names(slab.number))
    return slab._replace(ledger=whole), files.plain(whole.to_arrow()), mixed.count(whole, slab.beside)


def _parts(plan: Plan, signals: DiskSignals, copies: np.ndarray, sizes: np.ndarray) -> list[Part]:
    """Cut what is kept into shards of about equal size, along chunks; second copies go into shards after all first ones."""
    found: list[tuple[tuple[Any, np.ndarray], ...]] = []
    for level in range(1, int(copies.max(initial=0)) + 1):
        taken = copies >= level
        masks = [taken[a:b] for a, b in zip(signals.starts, signals.starts[1:], strict=False)]
        held = [int(sizes[a:b][taken[a:b]].sum()) for a, b in zip(signals.starts, signals.starts[1:], strict=False)]
        pieces = [(chunk, mask) for chunk, mask in zip(plan.corpus.chunks, masks, strict=True)]
        found += _even(pieces, held, plan.recipe.output.shard_bytes)
    found = found or [()]  # nothing kept: one empty shard still tells the schema
    return [Part(files.join(plan.out, "data", f"part-{i:05d}.parquet"), pieces) for i, pieces in enumerate(found)]


def _even(pieces: Sequence[tuple[Any, np.ndarray]], held: Sequence[int], most: int) -> list[tuple[tuple[Any, np.ndarray], ...]]:
    """Consecutive pieces in as few groups as `most` bytes allow, of about equal bytes."""
    total = sum(held)
    count = max(1, -(-total // most))
    groups: dict[int, list[tuple[Any, np.ndarray]]] = {}
    before = 0
    for piece, size in zip(pieces, held, strict=True):
        if piece[1].any():
            groups.setdefault(before * count // max(1, total), []).append(piece)
        before += size
    return [tuple(group) for group in groups.values()]


def _versions() -> Mapping[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("polars", "pyarrow", "numpy", "numba")}
