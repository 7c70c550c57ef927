"""May this folder be used: locked while a run works in it, begun with the same input, cleared when the decision changes."""

from __future__ import annotations

import errno
import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

from tamis import __version__, files, keys, synced
from tamis.errors import DataError, RunError
from tamis.plan import Plan, shown_bytes
from tamis.recipe import dump
from tamis.shards import Corpus, Shard, expanded, listed
from tamis.stage import parameters


def begun(out: str) -> list[Shard] | None:
    """The shards that a folder was begun with; None for a folder that is new.

    Raises:
        RunError: the folder holds something else.
    """
    place = files.join(out, "inputs.json")
    if files.exists(place):
        return [Shard(**shard) for shard in files.read_json(place)["shards"]]
    if files.exists(out) and files.listing(out):
        raise RunError(f'"{out}" holds files and is not a run folder.\nFix: choose a new --out.')
    return None


def refuse_overlap(inputs: Sequence[str], out: str) -> None:
    """Refuse a run folder among its own shards, and shards inside the run folder.

    Raises:
        DataError: names both.
    """
    for place in map(files.normal, expanded(inputs)):
        there = files.real(listed(place) if files.is_folder(place) else place)
        if f"{files.real(out)}/".startswith(f"{there}/"):
            raise DataError(f"{out} lies inside {place}, whose files are the input.\nFix: choose an --out outside of it.")
        if f"{there}/".startswith(f"{files.real(out)}/"):
            raise DataError(f"{place} lies inside {out}, and a run does not read what it writes.\nFix: choose another --out.")


def refuse_changes(out: str, before: Sequence[Shard], corpus: Corpus, *, add: bool) -> None:
    """Refuse to go on with other input than a folder was begun with.

    Raises:
        RunError: a shard changed, went away, or is new; says which, and the way out.
    """
    now = {shard.name: shard for shard in corpus.shards}
    present = Counter(shard.fingerprint for shard in corpus.shards)
    way_out = "Fix: choose a new --out, or repeat the run with --fresh."
    for shard in before:
        if present[shard.fingerprint]:
            present[shard.fingerprint] -= 1
        elif shard.name in now or shard.name in corpus.unreadable:
            place, size = (now[shard.name].url, now[shard.name].bytes) if shard.name in now else (shard.url, files.size(shard.url))
            raise RunError(f"{place} changed since {out} was begun ({shown_bytes(shard.bytes)} then, {shown_bytes(size)} now).\n{way_out}")
        else:
            raise RunError(f"{shard.name}, with which {out} was begun, is not among the shards any more.\n{way_out}")
    new = sum(present.values())
    if new and not add:
        name = next(shard.name for shard in corpus.shards if present[shard.fingerprint])
        raise RunError(f"{new} of the shards, {name} first, were not there when {out} was begun.\nFix: repeat the run with --add, or choose a new --out.")


@contextmanager
def alone(out: str) -> Iterator[None]:
    """Refuse a second run in the same folder while this one works."""
    if not files.is_local(out):
        yield
        return
    try:
        os.makedirs(out, exist_ok=True)
        lock = open(os.path.join(out, ".lock"), "w")  # noqa: SIM115
    except OSError as error:
        raise synced.no_room(out, error) from error
    with lock:  # to close it is to release it, as is to be killed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another run is at work in {out}.\nFix: wait for it to end, or choose another --out.") from None
        except OSError as error:
            # Some network file systems have no locks; there, as on an object store, nobody is refused.
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
        yield


def decision(plan: Plan) -> str:
    """What ledger, data and report depend on."""
    recipe = plan.recipe
    stages = [keys.hashed(parameters(stage)) for stage in recipe.stages]  # files by content, so that a project can move
    shards = [(shard.name, shard.fingerprint) for shard in plan.corpus.shards]
    return keys.digest([stages, plan.keys, asdict(recipe.columns), recipe.seed, asdict(recipe.output), shards, __version__])


def complete(plan: Plan) -> dict[str, Any] | None:
    """The manifest, if this very plan has been carried out already and its results are still there."""
    place = files.join(plan.out, "manifest.json")
    if not files.exists(place):
        return None
    manifest: dict[str, Any] = files.read_json(place)
    written = len(files.listing(files.join(plan.out, "data"), ".parquet")) if files.exists(files.join(plan.out, "data")) else 0
    there = all(files.exists(files.join(plan.out, name)) for name in ("ledger", "report.html", "report.json", "report.md", "README.md"))
    same = manifest["decision"] == decision(plan) and manifest["counts"]["unreadable_files"] == dict(plan.corpus.unreadable)
    return manifest if same and there and written == manifest["counts"]["shards_written"] else None


def note_inputs(plan: Plan) -> None:
    """Note the shards and where they are; of a finished run, which can have moved, only that."""
    place, noted = files.join(plan.out, "inputs.json"), {"decision": decision(plan), "shards": [asdict(shard) for shard in plan.corpus.shards]}
    if not files.exists(place) or files.read_json(place) != noted:
        files.write_json(place, noted)


def begin(plan: Plan) -> bool:
    """Note what the folder is begun with; results of another decision are cleared, signals stay. Whether a finished run's were."""
    place, replaced = files.join(plan.out, "inputs.json"), False
    if files.exists(place) and files.read_json(place)["decision"] != decision(plan):  # without it nothing here is a run's
        replaced = files.exists(files.join(plan.out, "manifest.json"))
        for name in ("manifest.json", "ledger", "data", "quarantine", "report.html", "report.json", "report.md", "README.md"):
            files.remove(files.join(plan.out, name))
    # A manifest says that all is done, so that it goes before anything is done again; inputs.json makes a folder a run's.
    files.remove(files.join(plan.out, "manifest.json"))
    files.remove_temporary(plan.out)
    note_inputs(plan)
    files.write_bytes(files.join(plan.out, "recipe.yaml"), dump(plan.recipe).encode())
    return replaced


def log(out: str) -> Callable[[str], None]:
    """Append to run.log; an object store, which cannot append, gets none."""
    if not files.is_local(out):
        return lambda _: None
    place = os.path.join(out, "run.log")

    def write(line: str) -> None:
        with suppress(OSError), open(place, "a", encoding="utf-8") as file:  # a full disk has its own sentence
            file.write(line)

    return write
