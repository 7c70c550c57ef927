"""A mix that is known to be better is found, within bounds, and measured to be better."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ablations import Language

import tamis
from tamis.ablate.mixing import Mixing, _within, mix
from tamis.ablate.shares import Bounds, fitted
from tamis.errors import AblationError, RunError
from tamis.recipe import Recipe

pytest.importorskip("sklearn")


def _texts(languages: list[tuple[str, int, int]], seed: int) -> pa.Table:
    """Documents of languages that share no word: group, its language, how many."""
    draw = random.Random(seed)
    rows = []
    for group, language, count in languages:
        spoken = Language(language)
        rows += [{"text": spoken.text(draw, draw.randint(60, 120)), "source": group} for _ in range(count)]
    draw.shuffle(rows)
    return pa.Table.from_pylist([{"id": f"d{i}", **row} for i, row in enumerate(rows)])


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A run of 60 % noise to the target, and little of what it is made of; and that target."""
    folder = tmp_path_factory.mktemp("mixing")
    for name, languages, seed in (("raw", [("wanted", 7, 500), ("useful", 8, 500), ("useless", 9, 1500), ("rare", 10, 6)], 0), ("target", [("a", 7, 60), ("b", 8, 20)], 1)):
        (folder / name).mkdir()
        pq.write_table(_texts(languages, seed), folder / name / "part.parquet")
    tamis.run(Recipe("test", (tamis.make_stage("rules", min={"text.bytes": 200}),)), [str(folder / "raw")], str(folder / "run"))
    return str(folder / "run"), str(folder / "target")


@pytest.fixture(scope="module")
def found(places: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    """A proposal."""
    out = str(tmp_path_factory.mktemp("mixed") / "mix")
    return out, mix(places[0], out, Mixing("source", (places[1],), runs=48, max_share=0.6), jobs=1)


def test_what_the_target_is_made_of_is_asked_for(found: tuple[str, dict]) -> None:
    """More of its languages and less of the other; shares sum to 1, and lie within the bounds; the rarest groups are one."""
    groups = {one["group"]: one for one in found[1]["groups"]}
    assert set(groups) == {"wanted", "useful", "useless", "(others)"}
    assert groups["useless"]["proposed"] < 0.7 * groups["useless"]["present"]
    assert groups["wanted"]["proposed"] > 1.3 * groups["wanted"]["present"]
    assert sum(one["proposed"] for one in groups.values()) == pytest.approx(1)
    assert all(one["proposed"] <= 0.6 + 1e-9 for one in groups.values())
    assert found[1]["fit"]["usable"]


def test_what_is_foreseen_is_measured(found: tuple[str, dict]) -> None:
    """The proposal is trained against the present mix in folds that share nothing, and is better there."""
    assert found[1]["predicted"]["gain"][1] > 0
    assert found[1]["confirmed"]["gain"]["low"] > 0


def test_runs_are_a_table(found: tuple[str, dict]) -> None:
    """A row a model: shares that sum to 1, the present mix first, and the loss of each domain."""
    table = pl.read_parquet(f"{found[0]}/runs.parquet")
    shares = table.select(pl.col("^share .*$")).to_numpy()
    assert shares.shape[0] == 48
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert abs(shares[0] - [one["present"] for one in found[1]["groups"]]).max() < 0.02
    assert table["loss"].to_list() == pytest.approx(table.select(pl.mean_horizontal("^loss .*$")).to_series().to_list())


def test_the_same_question_has_the_same_answer(places: tuple[str, str], found: tuple[str, dict]) -> None:
    """Asked again, with more jobs, in the same folder."""
    assert mix(places[0], found[0], Mixing("source", (places[1],), runs=48, max_share=0.6), jobs=2) == found[1]


def test_the_command_prints_a_line_for_a_recipe(places: tuple[str, str], found: tuple[str, dict], tmp_path: Path, tamis_command: Callable[..., tuple[int, str, str]]) -> None:
    """Shares by group, what was foreseen and measured, and `rebalance` with the target."""
    words = ("mix", places[0], "-o", str(tmp_path / "m"), "--target", places[1], "--runs", "48", "--max-share", "0.6", "--jobs", "1")
    code, said, _ = tamis_command(*words)
    assert code == 0
    assert "- rebalance: {by: source, unit: bytes, target: {" in said
    assert "the proposal is better" in said
    code, as_json, _ = tamis_command(*words, "--json")
    assert (code, json.loads(as_json)) == (0, found[1])


def test_mistakes_are_sentences(places: tuple[str, str], found: tuple[str, dict], tmp_path: Path) -> None:
    """Bounds that nothing meets, one group, a folder of something else."""
    with pytest.raises(AblationError, match="no mix meets the bounds"):
        mix(places[0], str(tmp_path / "a"), Mixing("source", (places[1],), runs=32, max_share=0.2), jobs=1)
    with pytest.raises(RunError, match="is what is to be examined"):
        mix(places[0], places[0], Mixing("source"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("")
    with pytest.raises(RunError, match="holds files and is not a mix"):
        mix(places[0], str(tmp_path / "b"), Mixing("source"))


def test_a_known_optimum_is_found() -> None:
    """Losses that fall with the logarithm of two shares, one twice as fast: the best mix is two to one, between no corners."""
    draw = np.random.default_rng(0)
    shares = draw.dirichlet([3, 3, 3], 200)
    losses = np.exp(0.5 - np.log(shares + 0.01) @ np.array([[0.1], [0.05], [0.0]]) + 0.002 * draw.standard_normal((200, 1)))
    fit = fitted(shares, losses, np.full(3, 1 / 3), Bounds(np.full(3, 0.05), np.ones(3)), seed=0)
    assert fit.proposed == pytest.approx([0.637, 0.313, 0.05], abs=0.05)
    assert (fit.low <= fit.proposed + 0.02).all()
    assert fit.gain[1] < fit.gain[0] < fit.gain[2] or fit.gain[0] == pytest.approx(fit.gain[1], abs=0.01)
    assert fit.correlation > 0.95


def test_losses_of_chance_are_not_usable() -> None:
    """A regression that does not foresee runs that it did not see says so."""
    draw = np.random.default_rng(1)
    shares = draw.dirichlet([3, 3, 3], 100)
    assert not fitted(shares, 2 + 0.1 * draw.random((100, 2)), np.full(3, 1 / 3), Bounds(np.zeros(3), np.ones(3)), seed=0).usable


def test_shares_are_cut_to_what_there_is() -> None:
    """What is cut off goes to groups with room, and the sum stays 1; where there is no room it is less."""
    assert _within(np.array([0.6, 0.3, 0.1]), np.array([0.4, 1.0, 1.0])) == pytest.approx([0.4, 0.45, 0.15])
    assert _within(np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.2, 0.1])).sum() == pytest.approx(0.7)
