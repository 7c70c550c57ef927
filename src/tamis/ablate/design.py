"""What an ablation is to do: from a YAML file or from nothing, strict, every default spelled out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from tamis import files
from tamis import recipe as recipes
from tamis.ablate.arms import REHYDRATED
from tamis.ablate.rungs import GATES, GPTS
from tamis.errors import RecipeError, suggest

GRID = (0.5, 0.7071, 1.0, 1.4142, 2.0)
"""Multiples of T at which every arm is evaluated: what `multiplier` fits its quadratic in ln D through (measured: F)."""


@dataclass(frozen=True)
class Design:
    """What is trained on what, and what will be said of it. Nothing here may change after the first run without being called exploratory.

    Args:
        profile: "smoke" (two minutes on 12 MB), "standard" (three quarters of an hour on 100 MB, half of it without torch) or "full" (hours on
            300 MB); gives the values of what is not set here.
        target: what the text is meant to be good for, chosen by no stage under test: "reference" (the set that comes with
            tamis), "none" (then nothing is adopted), or Parquet shards.
        items: files or folders of multiple-choice sets (JSONL) and minimal pairs (Parquet, JSONL).
        mixes: name → Parquet shards that are compared with the raw documents too.
        domain: by what losses are averaged and the mix is matched: a role or a column of the documents, or a signal of the run, such as
            "topics.topic", "axes.format" or "language.lang"; text of another place, as a target, has no signals and is one domain.
        pool: bytes of raw text that are drawn, by whole clusters of near-duplicates, when there is more.
        vocabulary: of the tokenizer, which is trained on the raw pool and is the same for all arms.
        held_out: tokens of raw documents that are kept out of training; the target has as many at most in each domain.
        most_folds: folds of the pool, each a seed, at most.
        least_folds: at least; with fewer, overlapping subsamples are drawn instead, and a warning says so.
        least_tokens: of the smallest arm in a fold. More folds come before more tokens: ten times the tokens cut the noise
            of ln multiplier 1.6 times, ten times the folds 3.2 times.
        redraws: of the random controls in each fold; averaged.
        leave_out: an arm for every stage that drops documents: everything but that stage.
        edits: an arm for every edit, and one for all of them, on the curated documents.
        random_drop: share of the raw documents that a stage drops at random (the arm "null"): what it shows must be nothing. 0: no such arm.
        corrupt: kind → shares of the raw documents that are spoilt: what is shown must be something.
        ladders: signal → shares of the raw bytes that are kept, those with the highest values ("-signal": the lowest).
        rehydrate: copies of a curated document by how many near-duplicates it stands for, as `near_duplicates` takes `keep_copies`; an arm that
            GPTs alone are trained on. {}: no such arm.
        level: of intervals.
        seed: of every draw.
        rungs: ways to train; "profile": n-grams, beside them two GPTs with "standard" and three with "full", if torch is installed.
        device: for GPTs: "auto" (a GPU if torch sees one), "cpu" or "cuda". What they find differs in the last bits.
        gpt_folds: folds on which GPTs are trained, the first ones.
        target_flops: of the training run that all this is for, so that it can be said how far away that is; None: not known.
    """

    profile: Literal["smoke", "standard", "full"] = "standard"
    target: tuple[str, ...] | str = "reference"
    items: tuple[str, ...] = ()
    mixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    domain: str = "source"
    pool: int = 100_000_000
    vocabulary: int = 2048
    held_out: int = 100_000
    most_folds: int = 20
    least_folds: int = 6
    least_tokens: int = 100_000
    redraws: int = 4
    leave_out: bool = True
    edits: bool = True
    random_drop: float = 0.5
    corrupt: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: {"boilerplate": (0.1, 0.3), "shuffled words": (0.3,)})
    ladders: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    rehydrate: Mapping[int, int] = field(default_factory=dict)
    level: float = 0.95
    seed: int = 0
    rungs: tuple[str, ...] | str = "profile"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    gpt_folds: int = 6
    target_flops: float | None = None


RUNGS = ("ngram", *GPTS, *GATES)
PROFILE_RUNGS = {
    "smoke": ("ngram",),
    "standard": ("ngram", "gpt-32", "gpt-64"),
    "full": ("ngram", "gpt-32", "gpt-64", "gpt-96", *GATES),
}
REHYDRATE = {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}
"""Copies by size of cluster, each from there on: what FineWeb 2 (Penedo et al. 2025, arXiv:2506.20920) found to help."""
PROFILES: dict[str, dict[str, Any]] = {
    "smoke": {"pool": 12_000_000, "held_out": 60_000, "most_folds": 12, "redraws": 2, "corrupt": {"boilerplate": (0.3,)}},
    "standard": {},
    "full": {"pool": 300_000_000, "rehydrate": REHYDRATE},
}
MOST_COPIES = 255
_RANGES = {
    "pool": (1_000_000, 100_000_000_000),
    "vocabulary": (512, 65_536),
    "held_out": (1_000, 100_000_000),
    "least_folds": (2, 1_000),
    "least_tokens": (1_000, 1_000_000_000),
    "redraws": (1, 1_000),
    "random_drop": (0, 0.99),
    "gpt_folds": (2, 1_000),
    "level": (0.5, 0.999),
    "seed": (0, 2**32 - 1),
}
_NAMED = ("target", "items", "mixes", "rungs")
"""Paths and names as people write them: one may stand for a list of one."""
_WORDS = ("reference", "none", "profile")


def load(path: str | Path) -> Design:
    """Read a design; relative paths in it begin beside it.

    Raises:
        RecipeError: says the file, what is wrong and what was probably meant.
    """
    path = Path(files.home(str(path)))
    try:
        content = recipes.from_yaml(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RecipeError(f'the plan "{path}" does not exist.\nFix: name a YAML file like pipelines/ablation.yaml.') from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path}: {str(error).splitlines()[0]}.") from error
    return parse(content or {}, place=str(path), folder=path.parent)


def parse(content: Any, *, place: str = "the plan", folder: Path | None = None) -> Design:
    """A design from what YAML or JSON holds."""
    if not isinstance(content, Mapping):
        raise RecipeError(f"{place} must hold keys and values, like `profile: smoke`.")
    if "stages" in content:
        raise RecipeError(
            f'{place} is a recipe and no plan of an ablation: it has the key "stages".\n'
            f"Fix: run it, tamis run {place} SHARDS… -o OUT, and ablate what it wrote, tamis ablate OUT -o ABLATION; a plan is not needed."
        )
    given = {key: _listed(key, value) for key, value in content.items()}
    if isinstance(given.get("pool"), str):
        given["pool"] = recipes.byte_count(given["pool"], f"{place}: pool")
    profile = given.get("profile", "standard")
    if profile not in PROFILES:
        raise RecipeError(f'{place}: there is no profile "{profile}". {suggest(str(profile), PROFILES, what="profiles:")}')
    design: Design = recipes.section(Design, {**PROFILES[profile], **given}, place)
    design = _beside(design, folder or Path())
    check(design, place)
    return design


def with_options(design: Design, *, profile: str | None = None, target: str | None = None, items: tuple[str, ...] = ()) -> Design:
    """A design with what was said on the command line."""
    if profile is not None:
        if profile not in PROFILES:
            raise RecipeError(f'there is no profile "{profile}". {suggest(profile, PROFILES, what="profiles:")}')
        before = {**asdict(Design()), **PROFILES[design.profile]}
        untouched = {key: value for key, value in asdict(design).items() if value == before[key]}
        fresh = {**asdict(Design()), **PROFILES[profile]}
        design = replace(design, **{key: fresh[key] for key in untouched if key != "profile"}, profile=profile)  # type: ignore[arg-type]
    if target is not None:
        design = replace(design, target=target if target in ("reference", "none") else (target,))
    if items:
        design = replace(design, items=(*design.items, *items))
    check(design, "the command line")
    return design


def spelled_out(design: Design) -> dict[str, Any]:
    """The design with every default, as YAML and JSON hold it."""
    return {item.name: recipes.plain(getattr(design, item.name)) for item in fields(design)}


def check(design: Design, place: str) -> None:
    """Refuse what cannot be meant.

    Raises:
        RecipeError: names the key, the value and what it may be.
    """

    def refuse(key: str, said: str) -> RecipeError:
        return RecipeError(f'{place}: "{key}" {said}.')

    for key, (least, most) in _RANGES.items():
        if not least <= getattr(design, key) <= most:
            raise refuse(key, f"is between {least:,} and {most:,}, not {getattr(design, key):,}")
    if design.most_folds < design.least_folds:
        raise refuse("most_folds", f"is {design.most_folds}, fewer than the {design.least_folds} of least_folds")
    _check_shares(design, refuse)
    for name in design.mixes:
        if name in ("raw", "curated", "random", "matched", "null", REHYDRATED) or ":" in name:
            raise refuse("mixes", f'cannot name a mix "{name}", which tamis has an arm for')
    if isinstance(design.target, str) and design.target not in ("reference", "none"):
        raise refuse("target", f'is "reference", "none" or a list of shards, not "{design.target}"')
    _check_rungs(design, refuse)


def _check_rungs(design: Design, refuse: Any) -> None:
    if design.target_flops is not None and not design.target_flops > 0:
        raise refuse("target_flops", f"is above 0, not {design.target_flops:g}")
    if isinstance(design.rungs, str) and design.rungs != "profile":
        raise refuse("rungs", f'is "profile" or a list of rungs, not "{design.rungs}"')
    for rung in design.rungs if not isinstance(design.rungs, str) else ():
        if rung not in RUNGS:
            raise refuse("rungs", f'has no "{rung}". {suggest(rung, RUNGS, what="rungs:")}'.removesuffix("."))


def _check_shares(design: Design, refuse: Any) -> None:
    from tamis.ablate.corrupt import KINDS

    for kind, shares in design.corrupt.items():
        if kind not in KINDS:
            raise refuse("corrupt", f'has no kind "{kind}". {suggest(kind, KINDS, what="kinds:")}'.removesuffix("."))
        if not all(0 < share <= 1 for share in shares):
            raise refuse("corrupt", f"{kind}: shares are above 0 and at most 1, not {list(shares)}")
    for size, copies in design.rehydrate.items():
        if size < 1 or not 1 <= copies <= MOST_COPIES:
            raise refuse("rehydrate", f"takes sizes of 1 and more, and 1 to {MOST_COPIES} copies, not {size}: {copies}")
    for signal, shares in design.ladders.items():
        if not shares or not all(0 < share < 1 for share in shares):
            raise refuse("ladders", f"{signal}: the shares that are kept are between 0 and 1, not {list(shares)}")


def _listed(key: str, value: Any) -> Any:
    if key == "mixes" and isinstance(value, Mapping):
        return {name: [place] if isinstance(place, str) else place for name, place in value.items()}
    single = key in _NAMED and isinstance(value, str) and value not in _WORDS
    if single:
        return [value]
    return (
        {name: [share] if isinstance(share, int | float) else share for name, share in value.items()}
        if key in ("corrupt", "ladders") and isinstance(value, Mapping)
        else value
    )


def _beside(design: Design, folder: Path) -> Design:
    """Relative paths of a file begin beside it."""

    def there(place: str) -> str:
        return place if "://" in place else str(folder / files.home(place))

    return replace(
        design,
        target=design.target if isinstance(design.target, str) else tuple(map(there, design.target)),
        items=tuple(map(there, design.items)),
        mixes={name: tuple(map(there, places)) for name, places in design.mixes.items()},
    )
