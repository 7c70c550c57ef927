"""GPT rungs in an ablation: on which arms, folds and tokens, in which processes, and what is said without torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from ablations import design, sifted, target
from odd_rungs import Odd
from test_ablate_trainings import RAW, field

from tamis import files
from tamis.ablate import experiment, ladder, rungs, tell
from tamis.ablate.apart import Processes
from tamis.ablate.design import PROFILE_RUNGS, Design, with_options
from tamis.ablate.experiment import ablate
from tamis.ablate.held import Held, HeldSet
from tamis.ablate.pool import gather
from tamis.ablate.prepare import Prepared, prepare
from tamis.ablate.trainings import Training, carry_out
from tamis.cli import ablate as pages
from tamis.errors import MissingPackage, RecipeError, RunError
from tamis.lm.gpt import Settings
from tamis.lm.tokens import Tokens
from tamis.progress import Say

STREAM, HELD = Tokens.of([[1, 2, 3], [4, 5]]), Tokens.of([[1]])


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A run and a target."""
    folder = tmp_path_factory.mktemp("ladder")
    return sifted(folder), target(folder / "target")


@pytest.fixture(scope="module")
def made(places: tuple[str, str]) -> tuple[Prepared, Design]:
    """Everything that trainings share, and its design; the rungs that it is for want torch."""
    pytest.importorskip("torch")
    asked = design(target=(places[1],), corrupt={"boilerplate": (0.2, 0.5)}, gpt_folds=3)
    return prepare(gather([places[0]], asked, 1), asked, 1, Say()), asked


def _step(made: tuple[Prepared, Design], name: str) -> ladder.Step:
    return ladder.steps(made[0], rungs.rungs_of([name], 512), made[1])[0]


def test_gpts_are_trained_on_fewer_arms_and_folds(made: tuple[Prepared, Design]) -> None:
    """Raw, curated, one draw of each control, the worst corruption, the repeated text; stages by choice; the first folds; a curve."""
    step = _step(made, "gpt-32")
    assert [arm.name for arm in step.arms] == ["raw", "curated", "random", "matched", "boilerplate 0.5", "curated again"]
    assert {arm.redraws for arm in step.arms} == {1}
    assert [arm.name for arm in step.choice] == ["without rules", "without exact_duplicates"]
    listed = step.trainings(["without rules"])
    assert {one.fold for one in listed} == {0, 1, 2}
    assert len(listed) == 21
    whole = step.field.tokens
    assert step.field.budgets(step.arms[0])[:3] == [whole // 4, whole // 2, whole]
    assert step.field.budgets(step.arms[2]) == [whole]
    assert step.field.budgets(step.arms[5]) == [whole // 4, whole // 2, whole, 2 * whole]
    assert step.facts()["left_out"] == ladder.LEFT_OUT
    assert step.facts()["repeated"] == whole // 4


def test_repeats_are_tried_on_the_cheapest_gpt_alone(made: tuple[Prepared, Design]) -> None:
    """Not on the next, nor at other rates."""
    several = ladder.steps(made[0], rungs.rungs_of(["gpt-32", "gpt-64", "gpt-32 slow"], 512), made[1])
    assert [any(arm.kind == "repeat" for arm in step.arms) for step in several] == [True, False, False]


def test_tokens_are_capped_by_parameters_and_by_folds(made: tuple[Prepared, Design]) -> None:
    """Ten a hidden parameter, so that the curve ends at twenty; fewer where folds hold no more. What is evaluated is a fifth of that."""
    small = _step(made, "gpt-32")
    assert small.field.tokens == made[0].field.tokens // 4 * 4 < 245_760
    rich = replace(made[0], field=replace(made[0].field, tokens=10**9), tokens=dict.fromkeys(made[0].tokens, 10**9))
    assert [one.field.tokens for one in ladder.steps(rich, rungs.rungs_of(["gpt-32", "gpt-64"], 512), made[1])] == [245_760, 983_040]
    longest = int(made[0].field.held.tokens.lengths.max())
    assert small.field.held.tokens.total <= ladder.EVALUATED * small.field.tokens + 10 * longest


def test_other_rates_are_tried_on_raw_and_curated_alone(made: tuple[Prepared, Design]) -> None:
    """Four times slower and faster than gpt-32, at one budget."""
    slow = _step(made, "gpt-32 slow")
    assert [arm.name for arm in slow.arms] == ["raw", "curated"]
    assert slow.choice == ()
    assert slow.field.budgets(slow.arms[0]) == [slow.field.tokens]
    plain = _step(made, "gpt-32").rung.settings
    assert slow.rung.settings["matrices"] == plain["matrices"] / 4
    assert _step(made, "gpt-32 fast").rung.settings["embedding"] == plain["embedding"] * 4


def test_how_long_it_will_take_is_said_before(made: tuple[Prepared, Design]) -> None:
    """Operations of the last budget of each arm and of the falls of its branches, in every fold; counts cost next to none."""
    step = _step(made, "gpt-32")
    one = replace(step, arms=step.arms[:1], choice=())
    first, second, last = one.field.budgets(one.arms[0])[-3:]
    before = one.field.budgets(one.arms[0])[:-3]
    tokens = last + 0.3 * (first + second + sum(before))
    assert one.operations == round(3 * tokens * Settings(32, 2, 512).flops)
    counts = ladder.steps(made[0], rungs.rungs_of(["ngram"], 512), made[1])
    assert ladder.foreseen(counts, 2) is None
    hour = replace(one, folds=round(3 * 4 * 3600 * ladder.SPEED / one.operations))
    assert ladder.foreseen([*counts, hour], 2) == "GPTs: 4.0 hours of one processor (gpt-32 4.0 hours), 2.0 hours with 2 of them, where one does 30 GFLOP/s."


def _told(arm: str, p: float, *, barred: str | None = None, same: bool = False) -> dict[str, Any]:
    return {"arm": arm, "facts": {"barred": barred, "gain": {"p": p, "by_construction": same}}}


def test_the_choice_follows_the_rule_of_the_plan(made: tuple[Prepared, Design]) -> None:
    """Stages that rung 0 may not judge first, then by p; none whose documents are the same; four at most."""
    step = _step(made, "gpt-32")
    many = replace(step, choice=tuple(replace(step.choice[0], name=name) for name in "abcdefg"))
    stages = [_told("a", 0.5), _told("b", 0.01), _told("c", 0.9, barred="it counts"), _told("d", 0.01), _told("e", 0.0, same=True), _told("f", 0.2)]
    assert ladder.left_out(many, stages) == ["c", "b", "d", "f"]
    assert ladder.left_out(many, [*stages, {"arm": "g", "withheld": "it died"}]) == ["c", "b", "d", "f"]
    assert ladder.left_out(many, None) == ["a", "b", "c", "d"]


def test_a_sample_of_held_out_documents_is_even() -> None:
    """Half target and half raw, of each domain as much; of a domain whose documents are all too long the shortest; sets stay sets."""
    draw = np.random.default_rng(0)
    tokens = Tokens.of([draw.integers(0, 99, 400 if i == 30 else 300 if i == 31 else 10).tolist() for i in range(200)])
    domain = np.array(["a"] * 30 + ["b"] * 2 + ["a"] * 68, object)
    raw = np.arange(100, 200)
    held = Held(
        tokens,
        np.zeros(200, np.int64),
        [HeldSet("target", np.arange(100), domain, np.full(100, 30)), HeldSet("raw", raw, np.full(100, "web", object), np.full(100, 30)), HeldSet("kept", raw[::2], np.full(50, "web", object), np.full(50, 30))],
    )
    some = held.sampled(400)
    target_set, raw_set, kept = some.sets
    assert [len(one.rows) for one in (target_set, raw_set)] == [11, 20]
    assert some.tokens.lengths[target_set.rows[target_set.domain == "b"]].tolist() == [300]
    assert set(kept.rows) <= set(raw_set.rows)
    before = {held.tokens[row].tobytes() for row in raw}
    assert all(some.tokens[row].tobytes() in before for row in raw_set.rows)
    again = held.sampled(400)
    assert np.array_equal(again.tokens.ids, some.tokens.ids)


def test_trainings_apart_run_in_other_processes() -> None:
    """With what of the stream they need; what they raise comes back as it was."""
    with Processes(2) as processes:
        found, seconds = processes.timed(Odd(), STREAM, [2, 4], HELD, np.zeros(1, np.int64), 7)
        assert found[:, 1:].tolist() == [[4, 2, 7], [4, 4, 7]]
        assert os.getpid() not in found[:, 0]
        assert seconds >= 0
        with pytest.raises(ArithmeticError, match="the loss is no number"):
            processes.timed(Odd("fail"), STREAM, [2], HELD, np.zeros(1, np.int64), 0)


def test_a_killed_process_is_one_sentence() -> None:
    """Not a training that died for reasons of its own: it may be the memory."""
    with Processes(1) as processes, pytest.raises(RunError, match=r"was killed, perhaps because memory ran out.*\nFix: .* fewer --jobs"):
        processes.timed(Odd("die"), STREAM, [2], HELD, np.zeros(1, np.int64), 0)


@pytest.mark.slow
def test_processes_end_with_their_parent() -> None:
    """When the command is killed outright, what it began does not go on."""
    code = "import numpy as np\nfrom test_ablate_ladder import *\nif __name__ == '__main__':\n    with Processes(1) as some: some.timed(Odd('wait'), STREAM, [2], HELD, np.zeros(1, np.int64), 0)"
    script = Path(__file__).parent / "wait_for_ever.py"
    script.write_text(code)
    try:
        with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            parent.kill()
        deadline = time.monotonic() + 20
        while _lives(child) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not _lives(child)
    finally:
        script.unlink()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _lives(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return status.exists() and "Z (zombie)" not in status.read_text()


def test_what_diverged_is_said_with_its_curve(tmp_path: Path) -> None:
    """In another process: who, at how many tokens, and how the loss went until then; the other trainings go on."""
    pytest.importorskip("torch")
    wild = rungs.GPTRung("gpt-32", Settings(32, 1, 64, embedding=np.inf), gate=True)
    calm = replace(wild, gpt=Settings(32, 1, 64))
    given = replace(field(), tokens=200, own={})
    found, died = carry_out(given, [Training(wild, RAW, 0), Training(calm, RAW, 1)], str(tmp_path), 1, Say())
    assert found["seed"].unique().to_list() == [1]
    (one,) = died
    assert (one["arm"], one["seed"], one["rung"]) == ("raw", 0, "gpt-32")
    assert one["error"].startswith("Diverged: the loss is no number after ")
    assert one["losses"][0] == (0, pytest.approx(np.log(64), abs=0.01))


def test_a_profile_without_torch_is_rung_0_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No error; one sentence with the way out. With torch all of the profile's rungs are trained."""
    assert rungs.resolved("profile", PROFILE_RUNGS["smoke"]) == (["ngram"], None)
    monkeypatch.setattr(rungs, "installed", lambda _: "2.13")
    assert rungs.resolved("profile", PROFILE_RUNGS["standard"]) == (["ngram", "gpt-32", "gpt-64"], None)
    monkeypatch.setattr(rungs, "installed", lambda _: None)
    names, said = rungs.resolved("profile", PROFILE_RUNGS["standard"])
    assert names == ["ngram"]
    assert said == (
        'The rungs gpt-32, gpt-64 are left out, for the package "torch" is not installed: counts of n-grams judge alone. '
        'Fix: pip install "tamis[torch]".'
    )


def test_a_rung_asked_for_by_name_wants_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its absence is an error, before anything is read."""
    monkeypatch.setattr(rungs, "installed", lambda _: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert rungs.resolved(["gpt-64"], PROFILE_RUNGS["standard"]) == (["gpt-64"], None)
    with pytest.raises(MissingPackage, match=r'the rung "gpt-64" needs the package "torch", which is not installed.\nFix: pip install "tamis\[torch\]"'):
        rungs.rungs_of(["ngram", "gpt-64"], 512)


class _Torch:
    """As much of torch as is asked where GPTs are to be trained."""

    def __init__(self, *, sees: bool) -> None:
        self.cuda = self
        self.sees = sees

    def is_available(self) -> bool:
        return self.sees

    def get_device_name(self) -> str:
        return "Card 9"


@pytest.mark.parametrize(
    ("asked", "version", "sees", "found"),
    [
        ("auto", "2.13.0", True, ("cuda", "Card 9")),
        ("auto", "2.13.0", False, ("cpu", None)),
        ("auto", "2.13.0+cpu", True, ("cpu", None)),
        ("auto", None, True, ("cpu", None)),
        ("cpu", "2.13.0", True, ("cpu", None)),
        ("cuda", "2.13.0", True, ("cuda", "Card 9")),
    ],
)
def test_a_gpu_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch, asked: str, version: str | None, sees: Any, found: Any) -> None:
    """Unless the plan says otherwise; which one it is belongs to the settings, and so to the plan and to the names of trainings."""
    monkeypatch.setattr(rungs, "installed", lambda _: version)
    monkeypatch.setitem(sys.modules, "torch", _Torch(sees=sees))
    assert rungs.device_of(asked) == found
    if version is not None:
        gpt, counts = rungs.rungs_of(["gpt-32", "ngram"], 512, asked)[::-1]
        assert (gpt.device, counts.device) == (found[0], "cpu")
        assert gpt.settings.get("card") == found[1]
        assert ("device" in gpt.settings) == (found[0] == "cuda")


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for by name it must be there, whatever the build of torch says; counts do not want it."""
    monkeypatch.setattr(rungs, "installed", lambda _: "2.13.0+cpu")
    monkeypatch.setitem(sys.modules, "torch", _Torch(sees=False))
    with pytest.raises(RecipeError, match=r'the plan asks for device "cuda", and torch sees no GPU.\nFix: say `device: auto`, or install a torch with CUDA\.'):
        rungs.rungs_of(["ngram", "gpt-32"], 512, "cuda")
    assert [rung.device for rung in rungs.rungs_of(["ngram"], 512, "cuda")] == ["cpu"]


def test_full_is_more_of_standard() -> None:
    """A third GPT, other rates, a larger pool."""
    full = with_options(Design(), profile="full")
    assert full.pool == 300_000_000
    assert set(PROFILE_RUNGS["full"]) - set(PROFILE_RUNGS["standard"]) == {"gpt-96", "gpt-32 slow", "gpt-32 fast"}


@pytest.fixture(scope="module")
def climbed(places: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, experiment.Told]:
    """An ablation with a GPT and its other rates."""
    pytest.importorskip("torch")
    out = str(tmp_path_factory.mktemp("climbed") / "abl")
    return out, ablate([places[0]], out, _climb(places), jobs=2)


def _climb(places: tuple[str, str]) -> Design:
    return design(target=(places[1],), rungs=("ngram", "gpt-32", "gpt-32 slow", "gpt-32 fast"), target_flops=1e21)


@pytest.mark.slow
def test_a_gpt_agrees_with_rung_0_on_what_is_known(climbed: tuple[str, experiment.Told]) -> None:
    """Junk and spoilt text are found to be worse by both, wherever both are certain."""
    across = climbed[1].verdict["across"]
    states = {subject["subject"]: subject["agreement"][0]["state"] for subject in across["subjects"] if subject["agreement"]}
    assert states["the recipe"] == states["rules"] == states["boilerplate 0.5"] == "confirmed"
    assert "reversed" not in states.values()


@pytest.mark.slow
def test_stages_that_compare_documents_are_judged_by_a_gpt(climbed: tuple[str, experiment.Told]) -> None:
    """On rung 0 they are barred; a GPT sees order and learns from repeats, so it says what it found."""
    stages = {name: next(one for one in rung["stages"] if one["stage"] == "exact_duplicates") for name, rung in climbed[1].verdict["rungs"].items() if rung["stages"]}
    assert "cannot judge" in stages["ngram"]["because"]
    assert stages["gpt-32"]["facts"]["barred"] is None
    assert "exact_duplicates, judged by gpt-32" in pages.page(tell.told(climbed[1]))


@pytest.mark.slow
def test_repeats_are_told(climbed: tuple[str, experiment.Told]) -> None:
    """Losses of 1, 2, 4 and 8 epochs beside fresh text; the first epoch is the fresh text itself."""
    found = climbed[1].verdict["across"]["repeats"]
    assert [one["epochs"] for one in found["epochs"]] == [1, 2, 4, 8]
    assert found["epochs"][0]["loss"] == found["epochs"][0]["fresh"]
    assert found["epochs"][2]["loss"] < found["epochs"][0]["loss"]
    assert "seen 8 times" in pages.page(tell.told(climbed[1]))


@pytest.mark.slow
def test_what_gpts_cannot_say_is_said(climbed: tuple[str, experiment.Told]) -> None:
    """No trend from one size, decades to the user's scale, no multiplier for benchmarks; the rates of learning that were tried."""
    across = climbed[1].verdict["across"]
    assert {one["trend"]["label"] for one in across["subjects"]} == {"undetermined"}
    assert across["decades"]["beyond"] > 8
    assert set(across["gate"]["gains"]) == {"gpt-32", "gpt-32 slow", "gpt-32 fast", "each at its best"}
    page = pages.page(tell.told(climbed[1])).replace("\n", " ")
    assert "nothing is extrapolated there" in page
    assert "gpt-32, gains by difficulty" in page
    assert "at other rates" in page or "at another rate" in page
    shown = experiment.results_of(climbed[0]).filter(pl.col("rung") == "gpt-32")
    assert (shown["cpu_seconds"] > 0).all()


@pytest.mark.slow
def test_charts_have_what_the_tables_have(climbed: tuple[str, experiment.Told]) -> None:
    """Multipliers by rung, losses of raw and curated text, the trend of the recipe; the verdict at the head is that of rung 0."""
    told = climbed[1]
    drawn = tell.for_report(told)
    net = told.verdict["rungs"]["ngram"]["net"]
    assert net["because"] in drawn["line"]
    recipe = [one for one in drawn["rungs"] if one["name"] == "the recipe"]
    assert [one["rung"] for one in recipe] == ["ngram", "gpt-32"]
    assert recipe[0]["value"] == net["facts"]["multiplier"]["value"]
    assert {one["arm"] for one in drawn["losses"] if one["rung"] == "gpt-32"} >= {"raw", "curated", "random", "matched", "boilerplate 0.5", "curated again"}
    assert [one["rung"] for one in drawn["trend"]] == ["gpt-32"]
    assert drawn["trend"][0]["value"] == pytest.approx(recipe[1]["value"], rel=0.2)
    assert "what rung 0 found of" in pages.page(tell.told(told))


@pytest.mark.slow
def test_a_killed_ladder_is_finished_to_the_same_numbers(places: tuple[str, str], climbed: tuple[str, experiment.Told], tmp_path: Path) -> None:
    """Killed outright in the middle of the GPTs, with another number of jobs: the same command ends with the same bytes."""
    out = str(tmp_path / "abl")
    code = (
        "import sys\nfrom test_ablate_ladder import _climb, ablate\n"
        "if __name__ == '__main__':\n    ablate([sys.argv[1]], sys.argv[3], _climb((sys.argv[1], sys.argv[2])), jobs=1)\n"
    )
    script = tmp_path / "climb.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, str(script), *places, out], env={**os.environ, "PYTHONPATH": ":".join(sys.path)}) as command:
        folder = Path(out) / "trainings"
        while command.poll() is None and len(list(folder.glob("gpt-32-*"))) < 5:
            time.sleep(0.2)
        assert command.poll() is None
        command.kill()
    assert not files.exists(f"{out}/verdict.json")
    ablate([places[0]], out, _climb(places), jobs=2)
    whole = experiment.results_of(climbed[0]).drop("cpu_seconds")
    assert experiment.results_of(out).drop("cpu_seconds").equals(whole)
