"""Scores of evaluation items from a model's bits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from tamis.ablate.items import ItemSet

VERSION = 1
"""Raised when any score means something else; scores of two versions are never compared (DCLM's CORE of before and after September 2025
differ by a bug in its baselines alone)."""

TIE = 1e-9
"""Options whose scores differ by less, in bits, are equally likely: sums of the same bits in another order differ by about 1e-13."""


class Measured(NamedTuple):
    """A measure of every item.

    Args:
        values: f64[items].
        chance: f64[items], what a model that knows nothing reaches; None where there is no such level.
    """

    values: np.ndarray
    chance: np.ndarray | None


def scores(items: ItemSet, bits: np.ndarray) -> pl.DataFrame:
    """Score a set, and each group of its items.

    | measure | better | unit | what |
    | --- | --- | --- | --- |
    | gold_bits_per_byte | lower | bits a byte | bits of the gold continuation over its UTF-8 bytes, mean over items; the primary one |
    | gold_share | higher | share | probability of the gold option over that of all options |
    | accuracy | higher | share | items whose gold option is the likeliest; of k options equally likely, 1/k of an item |
    | centred_accuracy | higher | at most 1 | (accuracy - chance) / (1 - chance): 0 is chance, below it is worse than chance |
    | margin | higher | bits, or bits a byte | how much less likely the likeliest wrong option is than the gold one |

    Options of "choice" are compared by bits a byte, or the shortest would win; then `gold_share` compares mean probabilities a byte. Those of
    "schema", whose scored text is the same, and "pairs" are compared by their bits, as BLiMP's sentences are. Where there is nothing to choose
    ("continuation"), there is the first measure alone.

    Args:
        items: the set.
        bits: f64[n], of the continuation of each option, in the order of `items.sequences`; finite.

    Returns:
        set, by ("set", or what its items are grouped by), group (name of the set, or of the group), measure: string. better: "lower" or
        "higher". value: f64, mean over items. se: f64, standard error of that mean by item, null for one item. items: u32. chance: f64, null
        where there is no such level. version: u8, `VERSION`. Groups in the order of their names.

    Source:
        Gold-answer bits a byte and normalised probabilities: DataDecide (arXiv:2504.11393), Signal and Noise (arXiv:2508.13144): likelihoods of the
        gold answer predict which data is better where accuracy does not yet move. Normalisation by bytes: OLMES (arXiv:2406.08446) by characters;
        bytes need no tokenizer either. Whole sentences: BLiMP (arXiv:1912.00582). Centred: DCLM's CORE (arXiv:2406.11794).
    """
    bits = np.asarray(bits, np.float64)
    assert bits.shape == (len(items.sequences),), f"{items.name}: {bits.shape} bits for {len(items.sequences)} options"
    assert np.isfinite(bits).all(), f"{items.name}: bits are not finite"
    measured = per_item(items, bits)
    tables = [_table(items, "set", [items.name] * len(items), measured)]
    tables += [_table(items, by, names, measured) for by, names in items.groups.items()]
    return pl.concat(tables)


def per_item(items: ItemSet, bits: np.ndarray) -> dict[str, Measured]:
    """Every measure but the centred accuracy, which is of a mean, for each item; see `scores`."""
    sequences = items.sequences
    gold = sequences.is_gold
    per_byte = bits / sequences.scored_bytes()
    measured = {"gold_bits_per_byte": Measured(per_byte[gold], None)}
    if items.kind == "continuation":
        return measured
    compared = per_byte if items.kind == "choice" else bits
    begins = np.flatnonzero(np.diff(sequences.items, prepend=-1))
    options = np.diff(begins, append=len(sequences)).astype(np.float64)
    beyond = compared - np.minimum.reduceat(compared, begins)[sequences.items]
    best = beyond <= TIE
    right = best[gold] / np.add.reduceat(best.astype(np.float64), begins)
    weights = np.exp2(-beyond)
    wrong = np.minimum.reduceat(np.where(gold, np.inf, compared), begins)
    measured["gold_share"] = Measured(weights[gold] / np.add.reduceat(weights, begins), 1 / options)
    measured["accuracy"] = Measured(right, 1 / options)
    # Of many wrong options the likeliest is ahead of the gold one by chance alone, by how much depends on the model.
    measured["margin"] = Measured(wrong - compared[gold], np.zeros(len(items)) if options.max() == 2 else None)
    return measured


def _table(items: ItemSet, by: str, names: list[str], measured: dict[str, Measured]) -> pl.DataFrame:
    """The rows of one grouping: of each group every measure."""
    groups, codes = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    counts = np.bincount(codes, minlength=len(groups))
    rows = []
    for measure, (values, chance) in measured.items():
        means, errors = _means(values, codes, counts)
        level = None if chance is None else _means(chance, codes, counts)[0]
        rows.append((measure, means, errors, level))
        if measure == "accuracy" and level is not None:
            rows.append(("centred_accuracy", (means - level) / (1 - level), errors / (1 - level), np.zeros(len(groups))))
    return pl.concat(
        pl.DataFrame(
            {
                "set": [items.name] * len(groups),
                "by": [by] * len(groups),
                "group": groups.tolist(),
                "measure": [measure] * len(groups),
                "better": ["lower" if measure == "gold_bits_per_byte" else "higher"] * len(groups),
                "value": means,
                "se": pl.Series(errors, dtype=pl.Float64).fill_nan(None),
                "items": counts.astype(np.uint32),
                "chance": pl.Series([None] * len(groups) if level is None else level, dtype=pl.Float64),
                "version": np.full(len(groups), VERSION, np.uint8),
            }
        )
        for measure, means, errors, level in rows
    )


def _means(values: np.ndarray, codes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and its standard error, by group; the error of a single value is NaN."""
    means = np.bincount(codes, values, minlength=len(counts)) / counts
    squares = np.bincount(codes, (values - means[codes]) ** 2, minlength=len(counts))
    with np.errstate(invalid="ignore", divide="ignore"):
        return means, np.sqrt(squares / (counts - 1) / counts)
