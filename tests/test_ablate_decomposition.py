"""Net gain = quality + composition − quantity cost: each term is the difference it names, with an interval over folds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.ablate.decomposition import TERMS, decompose, decompose_domains
from tamis.ablate.statistics import paired
from tamis.errors import AblationError

Array = np.ndarray


def arms(seed: int, *, folds: int = 6, redraws: int = 4, domains: int = 3) -> list[Array]:
    """Losses of raw, random, random of equal mix and curated; the random ones with redraws."""
    random = np.random.default_rng(seed)
    return [
        random.normal(2.5, 0.1, shape)
        for shape in ((folds, domains), (folds, redraws, domains), (folds, redraws + 1, domains), (folds, domains))
    ]


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 4), st.integers(1, 3))
def test_the_terms_add_up(seed: int, folds: int, redraws: int, domains: int) -> None:
    """Whatever the losses, the net gain is the sum of its terms."""
    found = decompose(*arms(seed, folds=folds, redraws=redraws, domains=domains))
    assert found.net.mean == pytest.approx(found.quality.mean + found.composition.mean - found.quantity_cost.mean, abs=1e-12)


def test_every_term_by_hand() -> None:
    """Losses 2.6 (raw), 2.7 (random), 2.65 (equal mix), 2.5 (curated): .15 from quality, .05 from composition, .1 is the cost."""
    wobble = np.array([-0.01, 0.0, 0.01])
    found = decompose(2.6 + wobble, 2.7 - wobble, 2.65 + 2 * wobble, 2.5 - 2 * wobble)
    means = {term: getattr(found, term).mean for term in TERMS}
    assert means == pytest.approx({"net": 0.1, "quality": 0.15, "composition": 0.05, "quantity_cost": 0.1})
    assert {term: getattr(found, term).sd for term in TERMS} == pytest.approx(
        {"net": 0.03, "quality": 0.04, "composition": 0.03, "quantity_cost": 0.02}
    )


def test_terms_are_paired_over_folds() -> None:
    """Each term is the paired estimate of macro-averaged, redraw-averaged losses."""
    raw, random, mixed, curated = arms(3)
    macro = [raw.mean(axis=1), random.mean(axis=(1, 2)), mixed.mean(axis=(1, 2)), curated.mean(axis=1)]
    found = decompose(raw, random, mixed, curated, level=0.9, overlap=0.2)
    assert dataclasses.astuple(found.quality) == pytest.approx(dataclasses.astuple(paired(macro[2] - macro[3], level=0.9, overlap=0.2)))
    assert dataclasses.astuple(found.quantity_cost) == pytest.approx(
        dataclasses.astuple(paired(macro[1] - macro[0], level=0.9, overlap=0.2))
    )


def test_without_domains_or_redraws() -> None:
    """One loss a fold will do, and so will one draw: an axis of length one changes nothing."""
    raw, random, mixed, curated = arms(4, redraws=1, domains=1)
    bare = decompose(raw[:, 0], random[:, 0, 0], mixed[:, :, 0], curated[:, 0])
    assert bare == decompose(raw, random, mixed, curated) == decompose_domains(raw, random[:, 0], mixed, curated)[0]


def test_domains_average_to_the_whole() -> None:
    """The macro average of the domains' terms is the term of the macro average."""
    found, whole = decompose_domains(*arms(5)), decompose(*arms(5))
    for term in TERMS:
        assert np.mean([getattr(one, term).mean for one in found]) == pytest.approx(getattr(whole, term).mean, abs=1e-12)


def test_a_term_between_the_same_documents_is_zero_by_construction() -> None:
    """At equal tokens a random subset may be the raw stream itself: the quantity term is then 0, and printed so."""
    raw, _, mixed, curated = arms(6)
    found = decompose(raw, raw, mixed, curated, same={"quantity_cost": np.ones(6, bool)})
    assert (found.quantity_cost.mean, found.quantity_cost.by_construction, found.quality.by_construction) == (0.0, True, False)
    with pytest.raises(AblationError, match="Random and raw differ by the same amount in every fold"):
        decompose(raw, raw, mixed, curated)


@pytest.mark.parametrize(
    ("change", "settings", "sentence"),
    [
        (
            {3: np.ones((6, 2))},
            {},
            "The arms have other folds or domains: raw (6, 3), random (6, 3), random of equal mix (6, 3), curated (6, 2).",
        ),
        (
            {0: np.ones((5, 3))},
            {},
            "The arms have other folds or domains: raw (5, 3), random (6, 3), random of equal mix (6, 3), curated (6, 3).",
        ),
        ({1: np.ones(6)}, {}, "The losses of random have 1 dimensions, not 2."),
        ({0: np.float64(2.5)}, {}, "Losses are given by fold, or by fold and domain; those of raw have 0 dimensions."),
        (
            {2: np.full((6, 2, 3), np.nan)},
            {},
            "Random of equal mix: no loss in fold 0, 1, 2, 3, 4 …. A run that died is not left out of a mean.\nFix: repeat the command.",
        ),
        (
            {},
            {"same": {"quantity": np.ones(6, bool)}},
            'There is no term "quantity"; the terms are net, quality, composition, quantity_cost.',
        ),
    ],
)
def test_one_clear_sentence(change: dict[int, Array], settings: dict[str, object], sentence: str) -> None:
    """Arms that cannot be set against each other are an error that says what was seen."""
    losses = [change.get(i, arm) for i, arm in enumerate(arms(7))]
    with pytest.raises(AblationError) as caught:
        decompose(*losses, **settings)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


def test_domains_need_domains() -> None:
    """A decomposition by domain of losses without domains is refused."""
    with pytest.raises(AblationError, match="needs losses by fold and domain"):
        decompose_domains(*(np.ones(6) for _ in range(4)))
