"""An ablation from a run folder to a verdict: what is planted is found, nothing is lost, and everything is said."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ablations import design, documents, raw, sifted, target
from test_ablate_trainings import RAW, Echo, field

import tamis
from tamis import files
from tamis.ablate import experiment, ladder, rungs, tell
from tamis.ablate.arms import REHYDRATED
from tamis.ablate.experiment import ablate
from tamis.ablate.held import EACH
from tamis.ablate.pool import gather, highest
from tamis.ablate.prepare import prepare
from tamis.cli import ablate as pages
from tamis.errors import RunError, TamisError
from tamis.progress import Say
from tamis.recipe import Recipe


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A run and a target."""
    folder = tmp_path_factory.mktemp("ablation")
    return sifted(folder), target(folder / "target")


@pytest.fixture(scope="module")
def done(places: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, experiment.Told]:
    """A finished ablation, with ladder and items."""
    run, wanted = places
    folder = tmp_path_factory.mktemp("done")
    pairs = folder / "pairs.jsonl"
    sentences = [str(text) for text in documents(40, junk=0, copies=0, seed=5)["text"].to_pylist()]
    pairs.write_text(
        "".join(json.dumps({"sentence_good": text, "sentence_bad": " ".join(reversed(text.split()))}) + "\n" for text in sentences)
    )
    asked = design(target=(wanted,), items=(str(pairs),), ladders={"text.bytes": (0.5,)})
    return str(folder / "abl"), ablate([run], str(folder / "abl"), asked, jobs=2)


def _rung(told: experiment.Told) -> dict[str, Any]:
    return told.verdict["rungs"]["ngram"]


def test_junk_that_a_stage_drops_is_worth_dropping(done: tuple[str, experiment.Told]) -> None:
    """A third of the text is noise: the recipe and the stage that drops it are adopted, on a target that neither chose."""
    rung = _rung(done[1])
    assert rung["net"]["outcome"] == "adopt"
    assert rung["net"]["facts"]["multiplier"]["low"] > 1.1
    stage = next(one for one in rung["stages"] if one["stage"] == "rules")
    assert stage["outcome"] == "adopt"


def test_a_stage_that_compares_documents_is_not_judged_by_counts(done: tuple[str, experiment.Told]) -> None:
    """Dedup is measured and barred on rung 0."""
    stage = next(one for one in _rung(done[1])["stages"] if one["stage"] == "exact_duplicates")
    assert stage["outcome"] == "not testable"
    assert "compares documents" in stage["because"]


def test_controls_show_what_they_must(done: tuple[str, experiment.Told]) -> None:
    """Spoilt text is found to be worse; text dropped at random shows no more than chance does at its level."""
    rung = _rung(done[1])
    assert rung["control_detected"]
    assert all(one["gain"]["high"] < 0 for one in rung["corrupted"])
    null = next(one for one in rung["controls"] if one["arm"] == "null")
    assert null["gain"]["p"] > 0.001
    assert {one["name"] for one in rung["net"]["facts"]["nothing_expected"]} == {"null", "random"}


def test_an_edit_that_changes_nothing_is_no_arm(done: tuple[str, experiment.Told]) -> None:
    """The corpus is in NFC already, so `unicode` has nothing to show."""
    assert _rung(done[1])["edits"] == []


def test_parts_make_up_the_net(done: tuple[str, experiment.Told]) -> None:
    """net = quality + composition − quantity cost, and at their own sizes fewer bytes cost something."""
    for parts in _rung(done[1])["parts"].values():
        assert parts["net"]["mean"] == pytest.approx(
            parts["quality"]["mean"] + parts["composition"]["mean"] - parts["quantity_cost"]["mean"]
        )
    assert _rung(done[1])["parts"]["own"]["quantity_cost"]["low"] > 0


def test_results_have_a_row_for_each_training_and_measure(done: tuple[str, experiment.Told]) -> None:
    """results.parquet: every arm in every fold, with tokens, bytes and CPU seconds; losses are what the verdict's mean is made of."""
    rows = experiment.results_of(done[0])
    told = done[1]
    folds = told.plan["prepared"]["folds"]["count"]
    for arm in told.plan["prepared"]["arms"]:
        here = rows.filter(pl.col("arm") == arm["arm"])
        assert here.select("seed", "redraw").n_unique() == folds * arm["redraws"]
    assert rows.select(pl.col("tokens", "bytes", "documents").min()).row(0) > (0, 0, 0)
    assert rows["value"].is_finite().all()
    at = told.plan["prepared"]["folds"]["tokens"]
    means = rows.filter((pl.col("at") == "equal") & (pl.col("budget") == at) & (pl.col("set") == "target") & (pl.col("by") == "set"))
    by_arm = dict(means.group_by("arm").agg(pl.col("value").mean()).iter_rows())
    assert by_arm["raw"] - by_arm["curated"] == pytest.approx(_rung(told)["net"]["facts"]["gain"]["mean"])


def test_items_that_say_nothing_are_barred(done: tuple[str, experiment.Told]) -> None:
    """Each score has its fitness; reversed sentences are told from good ones, and a score that is unfit says why."""
    items = _rung(done[1])["items"]
    assert {one["measure"] for one in items} >= {"gold_bits_per_byte", "accuracy"}
    assert all(one["fit"] != bool(one["reason"]) for one in items)


def test_who_gains_and_what_a_benchmark_gains_is_measured(done: tuple[str, experiment.Told]) -> None:
    """Fifths of the target and of the items by difficulty, and the line to each set of items: a number, or why there is none."""
    rung = _rung(done[1])
    assert set(rung["difficulty"]) == {"target", "pairs"}
    fifths = rung["difficulty"]["target"]["fifths"]
    assert [one["documents"] for one in fifths] == [12] * 5
    mean = np.mean([one["gain"]["mean"] for one in fifths])
    rows = experiment.results_of(done[0]).filter((pl.col("measure") == EACH) & (pl.col("set") == "target")).group_by("arm").agg(pl.col("value").mean())
    means = dict(rows.iter_rows())
    assert set(means) == {"raw", "curated"}
    assert means["raw"] - means["curated"] == pytest.approx(mean)
    (shift,) = rung["line_shift"]
    assert shift["set"] == "pairs"
    assert ("withheld" in shift) != ("label" in shift)
    assert "by fifths of difficulty" in pages.page(tell.told(done[1]))


def test_copies_that_no_stage_gives_are_no_arm(places: tuple[str, str]) -> None:
    """A recipe whose duplicates are exact has nothing to rehydrate; the arm is left out, and that is said."""
    pool = gather([places[0]], design(rehydrate={1: 1, 2: 2}), 1)
    assert REHYDRATED not in pool.mixes
    assert pool.notes == ("There is no rehydrated arm: no stage of the recipe takes keep_copies.",)


def test_rehydrated_documents_have_copies_by_the_size_of_their_cluster(tmp_path: Path) -> None:
    """A document that stands for two has two copies, all else is the curated mix; counts are not trained on it."""
    stages = (tamis.make_stage("rules", min={"quality": 0.5}), tamis.make_stage("near_duplicates"))
    tamis.run(Recipe("test", stages), [raw(tmp_path / "raw", n=400, copies=0.2)], str(tmp_path / "run"))
    pool = gather([str(tmp_path / "run")], design(rehydrate={1: 1, 2: 2}), 1)
    texts, curated, copies = pool.texts.to_pylist(), pool.mixes["curated"], pool.mixes[REHYDRATED]
    many = Counter(texts)
    assert [int(copies[i]) for i in np.flatnonzero(curated)] == [min(2, many[texts[i]]) for i in np.flatnonzero(curated)]
    assert (copies[curated == 0] == 0).all()
    assert copies.max() == 2
    asked = design(rehydrate={1: 1, 2: 2})
    made = prepare(pool, asked, 1, Say())
    assert REHYDRATED in {arm.name for arm in made.arms}
    (step,) = ladder.steps(made, rungs.rungs_of(["ngram"], 512), asked)
    assert REHYDRATED not in {arm.name for arm in step.arms}


def test_what_is_told_is_what_was_found(done: tuple[str, experiment.Told], tamis_command: Callable[..., tuple[int, str, str]]) -> None:
    """`--explain` says again what the command said; `--json` is verdict.json."""
    page = pages.page(tell.told(done[1]))
    assert tamis_command("ablate", "--explain", "-o", done[0]) == (0, page + "\n", "")
    code, said, _ = tamis_command("ablate", "--explain", "--json", "-o", done[0])
    assert code == 0
    assert json.loads(said) == files.read_json(f"{done[0]}/verdict.json")
    assert "ADOPT" in page
    assert "×" in page


def test_the_plan_is_written_before_the_first_training(places: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first model is trained the plan is there, with its hash; and a changed plan makes what follows exploratory."""
    run, wanted = places
    out, seen = str(tmp_path / "abl"), []
    train = rungs.NGramRung.train

    def watched(*arguments: Any) -> np.ndarray:
        seen.append(files.exists(f"{out}/plan.json"))
        return train(*arguments)

    monkeypatch.setattr(rungs.NGramRung, "train", watched)
    first = ablate([run], out, design(target=(wanted,)), jobs=1)
    assert seen
    assert all(seen)
    assert not first.verdict["exploratory"]
    again = ablate([run], out, design(target=(wanted,)), jobs=1)
    assert (again.plan, again.verdict["exploratory"]) == (first.plan, False)
    trained = len(seen)
    changed = ablate([run], out, design(target=(wanted,), corrupt={"boilerplate": (0.5, 0.6)}), jobs=1)
    assert changed.verdict["exploratory"]
    assert len(seen) - trained == changed.plan["prepared"]["folds"]["count"]  # the new arm alone
    assert files.read_json(f"{out}/plan.json")["hash"] == first.plan["hash"]
    assert "EXPLORATORY" in pages.page(tell.told(changed))


def test_a_killed_ablation_is_finished_by_the_same_command(
    places: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at any training, with any number of jobs, it ends with the same bytes, and nothing is trained twice."""
    run, wanted = places
    asked = design(target=(wanted,))
    ablate([run], str(tmp_path / "whole"), asked, jobs=1)
    train, lock, calls = rungs.NGramRung.train, threading.Lock(), iter(range(10_000))

    def killed(*arguments: Any) -> np.ndarray:
        with lock:
            number = next(calls)
        if number == 17:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(rungs.NGramRung, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        ablate([run], str(tmp_path / "abl"), asked, jobs=2)
    assert not files.exists(f"{tmp_path}/abl/verdict.json")
    ablate([run], str(tmp_path / "abl"), asked, jobs=2)
    whole = experiment.results_of(str(tmp_path / "whole")).drop("cpu_seconds")
    assert experiment.results_of(str(tmp_path / "abl")).drop("cpu_seconds").equals(whole)
    assert next(calls) <= len(files.listing(f"{tmp_path}/abl/trainings")) + 4  # the killed one, and those of the other thread


def test_a_training_that_dies_is_reported_and_left_out_of_no_mean(
    places: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rests on it is withheld, the rest is said; the next time it is tried again."""
    run, wanted = places
    train, died = rungs.NGramRung.train, []

    def frail(self: Any, stream: Any, budgets: Any, held: Any, first: Any, seed: int) -> np.ndarray:
        if seed == 3 and not died:
            died.append(seed)
            raise ValueError("out of luck")
        return train(self, stream, budgets, held, first, seed)

    monkeypatch.setattr(rungs.NGramRung, "train", frail)
    asked = design(target=(wanted,))
    told = ablate([run], str(tmp_path / "abl"), asked, jobs=1)
    assert [(one["arm"], one["seed"], one["error"]) for one in told.verdict["died"]] == [("raw", 3, "ValueError: out of luck")]
    assert "no loss in fold 3" in _rung(told)["net"]["withheld"]
    assert "withheld" in pages.page(tell.told(told))
    again = ablate([run], str(tmp_path / "abl"), asked, jobs=1)
    assert again.verdict["died"] == []
    assert _rung(again)["net"]["outcome"] == "adopt"


def test_where_every_training_dies_nothing_is_concluded(tmp_path: Path) -> None:
    """However few they were: why the last one died is said, and what to do."""

    class Broken(Echo):
        def train(self, *arguments: Any) -> Any:
            raise ValueError("no luck at all")

    step = ladder.Step(cast(Any, Broken()), field(), 2, (RAW,))
    with pytest.raises(RunError) as error:
        experiment.climb([step], {}, str(tmp_path), 1, Say())
    assert str(error.value) == f"every training died, the last of: ValueError: no luck at all\nFix: see run.log in {tmp_path}, and repeat the command."


@pytest.mark.parametrize(
    ("share", "kept"),
    [(0.1, [3]), (0.2, [3]), (0.21, [1, 2, 3]), (0.3, [1, 2, 3]), (0.6, [1, 2, 3]), (0.61, [0, 1, 2, 3]), (0.9, [0, 1, 2, 3])],
)
def test_a_ladder_holds_a_share_of_the_bytes(share: float, kept: list[int]) -> None:
    """From the highest value on, all of equal values; a document without a value is in none, however large the share."""
    values = np.array([1.0, 2.0, 2.0, 3.0, np.nan])
    size = np.array([20, 20, 20, 20, 20])
    assert np.flatnonzero(highest(values, size, share)).tolist() == kept


def test_without_a_target_nothing_is_adopted(places: tuple[str, str], tmp_path: Path) -> None:
    """A held-out set that the verdicts under test chose judges nothing: what is found is a fit to its own selection."""
    told = ablate([places[0]], str(tmp_path / "abl"), design(), jobs=2)
    rung = _rung(told)
    assert rung["primary"] == "raw"
    assert rung["net"]["label"] == "fit to its own selection"
    assert {one["outcome"] for one in [rung["net"], *rung["stages"]]} <= {"not testable"}


def test_planted_contamination_leaves_every_arm(places: tuple[str, str], tmp_path: Path) -> None:
    """Documents of the pool that hold text of the target are in no arm, and counted."""
    texts = [row["text"] for row in documents().to_pylist() if row["quality"]][:20]
    pq.write_table(pa.table({"text": texts}), tmp_path / "leaked.parquet")
    told = ablate([places[0]], str(tmp_path / "abl"), design(target=(str(tmp_path / "leaked.parquet"),)), jobs=2)
    assert told.plan["prepared"]["overlap"][0]["documents"] >= 20
    assert any("stood in the pool" in note for note in told.verdict["notes"])


def test_any_shards_can_be_mixes(tmp_path: Path) -> None:
    """Without a run: raw shards against shards of good text alone."""
    folder = tmp_path / "good"
    folder.mkdir()
    pq.write_table(documents(700, junk=0, copies=0, seed=3), folder / "good.parquet")
    asked = design(target=(target(tmp_path / "target"),), mixes={"good": (str(folder),)})
    told = ablate([raw(tmp_path / "raw")], str(tmp_path / "abl"), asked, jobs=2)
    mix = _rung(told)["mixes"][0]
    assert mix["arm"] == "good"
    assert mix["gain"]["low"] > 0


def test_small_pools_are_subsampled_with_a_warning(tmp_path: Path) -> None:
    """Too few documents for six folds: subsamples that overlap, wider intervals, and a note that says so."""
    run = sifted(tmp_path, n=110)
    told = ablate([run], str(tmp_path / "abl"), design(target=(target(tmp_path / "target"),)), jobs=2)
    assert told.plan["prepared"]["folds"]["overlap"] > 0
    assert any("too small" in note for note in told.verdict["notes"])
    assert _rung(told)["net"]["facts"]["gain"]["low"] < _rung(told)["net"]["facts"]["gain"]["mean"]


def _mistakes() -> Iterator[Any]:
    yield pytest.param({"n": 24}, {}, "a fold needs", id="a mix smaller than one fold")
    yield pytest.param({"junk": 0.0, "copies": 0.0}, {}, "hold the same documents", id="identical mixes")
    yield pytest.param({}, {"domain": "colour"}, 'no column "colour"', id="unknown column")
    yield pytest.param({}, {"ladders": {"rules.nothing": (0.5,)}}, 'no signal "rules.nothing"', id="unknown signal")


@pytest.mark.parametrize(("corpus", "changes", "said"), list(_mistakes()))
def test_a_mistake_is_one_sentence(tmp_path: Path, corpus: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    """Where, what, and how to mend it; and nothing was trained."""
    run = sifted(tmp_path, **corpus)
    with pytest.raises(TamisError, match=said):
        ablate([run], str(tmp_path / "abl"), design(**changes), jobs=1)
    assert not files.exists(f"{tmp_path}/abl/trainings")


def test_a_folder_that_is_something_else_is_left_alone(
    places: tuple[str, str], tmp_path: Path, tamis_command: Callable[..., tuple[int, str, str]]
) -> None:
    """The run itself, a folder of other files, shards without mixes, and what an older tamis concluded are refused with exit code 2."""
    (tmp_path / "mine.txt").write_text("precious")
    for name in ("plan", "verdict"):
        files.write_json(f"{tmp_path}/old/{name}.json", {"hash": ""})
    for words in (
        (places[0], "-o", places[0]),
        (places[0], "-o", tmp_path),
        (places[1], "-o", tmp_path / "new"),
        ("--explain", "-o", tmp_path / "new"),
        ("--explain", "-o", tmp_path / "old"),
        ("-o", tmp_path / "new"),
    ):
        code, out, err = tamis_command("ablate", *words)
        assert (code, out) == (2, "")
        assert err.startswith("Error: ")
        assert "Fix: " in err


def test_text_that_a_classifier_learned_from_judges_nothing(
    places: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held-out documents are disjoint from the training text of models under test; a target that is not is refused."""
    from tamis.ablate import pool as pools
    from tamis.documents import utf8
    from tamis.kernels.hashing import murmur128

    def hashes(texts: Any) -> np.ndarray:
        return np.sort(murmur128(*utf8(pa.array(texts, pa.large_string())))[0])

    table = documents()
    learned = hashes(table["text"].to_pylist()[:800])
    monkeypatch.setattr(pools, "learned", lambda _: {"edu.bin": learned})
    made: list[Any] = []
    prepare = experiment.prepare
    monkeypatch.setattr(experiment, "prepare", lambda *arguments: made.append((arguments[0], prepare(*arguments))) or made[-1][1])
    ablate([places[0]], str(tmp_path / "abl"), design(target=(places[1],)), jobs=2)
    prepared = made[0][1]
    raw_set = next(one for one in prepared.field.held.sets if one.name == "raw")
    held = {prepared.tokenizer.decode(prepared.field.held.tokens[row]) for row in raw_set.rows}
    assert held <= set(table["text"].to_pylist()[800:])
    (tmp_path / "seen").mkdir()
    pq.write_table(table.slice(0, 10).select(["text", "source"]), tmp_path / "seen" / "target.parquet")
    with pytest.raises(TamisError, match=r"training text of edu\.bin"):
        ablate([places[0]], str(tmp_path / "other"), design(target=(str(tmp_path / "seen"),)), jobs=2)
