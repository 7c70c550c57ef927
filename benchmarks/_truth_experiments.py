"""The experiments of `ablation_truths.py`, each against a truth that is known beforehand; every repeat draws folds and arms anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from _truths import Ground
from tamis.ablate.corrupt import Draws, boilerplate, corrupt
from tamis.ablate.decomposition import TERMS, Decomposition, decompose
from tamis.ablate.draws import ranks
from tamis.ablate.families import sign_flip
from tamis.ablate.multiplier import Multiplier, multiplier
from tamis.ablate.statistics import binomial_interval, detectable_effect, paired, unpaired
from tamis.ablate.strata import matched_subset, random_subset
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens

T = 100_000
FOLDS = 8
GRID = (0.5, 2**-0.5, 1.0, 2**0.5, 2.0)
SHARES = (0.1, 0.3)
HARM = ("shuffled words", "repeated phrases", "boilerplate", "gibberish")
PILOT = 200
STEPS = 7
"""Halvings of the share of junk; the last is a hundredth."""


@dataclass(frozen=True)
class Truth:
    """A line of the table.

    Attributes:
        promise: what should be, in words.
        wanted: the bounds it should lie in, in words.
        measured: the figure, with its interval where it has one.
        kept: whether it lies there; None: told, not promised.
    """

    promise: str
    wanted: str
    measured: str
    kept: bool | None


def rate(promise: str, hits: int, trials: int, least: float, most: float) -> Truth:
    """A rate with its exact interval."""
    low, high = binomial_interval(hits, trials)
    wanted = f"{least:.0%} to {most:.0%}" if most < 1 else f"at least {least:.0%}"
    return Truth(promise, wanted, f"{hits / trials:.1%} of {trials:,} ({low:.1%} to {high:.1%})", least <= hits / trials <= most)


def coverage(ground: Ground, repeats: int) -> list[Truth]:
    """A clean stream cut to (1 − p)·T against one of T: text of which a share p is worth nothing. The multiplier is 1/(1 − p)."""
    held, logs, nested = dict.fromkeys(SHARES, 0), {p: list[float]() for p in SHARES}, {p: list[float]() for p in SHARES}
    budgets = sorted({T, *(round((1 - p) * share * T) for p in SHARES for share in GRID)})
    for repeat in range(repeats):
        parts = [_disjoint(ground, rows, (budgets[-1], T), repeat) for rows in ground.draw(6 * T, FOLDS, repeat)]
        reference = np.stack([ground.losses(ground.tokens.take(one), budgets) for one, _ in parts])
        arm = np.array([ground.loss(other, T) for _, other in parts])
        for p in SHARES:
            curve = reference[:, [budgets.index(round((1 - p) * share * T)) for share in GRID]]
            found = multiplier(curve, np.array(GRID), arm, 1.0)
            held[p] += _inside(found, 1 / (1 - p))
            logs[p].append(math.log((found.value or (found.delta or (1.0,))[0]) * (1 - p)))
            nested[p].append((multiplier(curve, np.array(GRID), reference[:, budgets.index(T)], 1.0).value or math.nan) * (1 - p) - 1)
    said = []
    for p in SHARES:
        mean, error = float(np.mean(logs[p])), float(np.std(logs[p]) / math.sqrt(repeats))
        low, middle, high = (float(one) for one in np.quantile(nested[p], [0.025, 0.5, 0.975]))
        average, spread = float(np.mean(nested[p])), float(np.std(nested[p]) / math.sqrt(repeats))
        said += [
            rate(f"p = {p}: the 95 % interval holds 1/(1 − p); arm and reference on disjoint documents", held[p], repeats, 0.90, 0.98),
            Truth(
                f"p = {p}: bias of the logarithm of the multiplier", "within ± .02", f"{mean:+.4f} ± {1.96 * error:.4f}", abs(mean) <= 0.02
            ),
            Truth(
                f"p = {p}: on nested documents the estimate is, on average, that far from 1/(1 − p)",
                "within ± 2 %",
                f"{average:+.2%} ± {1.96 * spread:.2%}; 95 % of {repeats:,} lie in {low:+.1%} to {high:+.1%}, half below {middle:+.1%}",
                abs(average) <= 0.02,
            ),
        ]
    return said


def null(ground: Ground, repeats: int) -> list[Truth]:
    """Two arms between which there is no difference but chance: halves of each fold, and a stage that drops half at random."""
    kinds = {
        "halves of every fold, disjoint documents, paired t": 0,
        "the same, Welch's t": 0,
        "a stage that drops half at random against raw, shared documents, paired t": 0,
        "the same, exact sign flips": 0,
        "any of three arms against raw, max-T": 0,
    }
    for repeat in range(repeats):
        losses = []
        for rows in ground.draw(3.5 * T, FOLDS, repeat):
            one, other = _disjoint(ground, rows, (T, T), repeat)
            third = rows[ranks(ground.key[rows], repeat, 3) < 2**63]
            losses.append([ground.loss(arm, T) for arm in (rows, one, other, third)])
        raw, one, other, third = np.array(losses).T
        family = sign_flip(np.stack([raw - one, raw - other, raw - third], axis=1))
        tests = (paired(one - other).p, unpaired(one, other).p, paired(raw - third).p, family.p[2], min(family.adjusted))
        for kind, p in zip(kinds, tests, strict=True):
            kinds[kind] += p < 0.05
    said = [rate(f"{kind}: false positives", hits, repeats, 0.03, 0.07) for kind, hits in kinds.items()]
    first, third = list(kinds.values())[:3:2]
    return [rate("all paired t tests of A/A pairs: false positives", first + third, 2 * repeats, 0.03, 0.07), *said]


def overlap(ground: Ground, repeats: int) -> list[Truth]:
    """A pool too small for folds: each of eight seeds has a random half of it, and a stage drops a random half of the pool."""
    naive = corrected = 0
    for repeat in range(repeats):
        pool = ground.draw(10 * T, 1, repeat)[0]
        dropped = ranks(ground.key[pool], repeat, 5) < 2**63
        differences = []
        for seed in range(FOLDS):
            inside = ranks(ground.key[pool], repeat, 6, seed) < 2**63
            differences.append(ground.loss(pool[inside & dropped], T) - ground.loss(pool[inside & ~dropped], T))
        naive += paired(differences).significant
        corrected += paired(differences, overlap=0.5).significant
    low, high = binomial_interval(naive, repeats)
    told = Truth(
        "subsamples of half a pool, plain t: false positives",
        "told",
        f"{naive / repeats:.1%} of {repeats:,} ({low:.1%} to {high:.1%})",
        None,
    )
    return [told, rate("the same with the variance of Nadeau and Bengio: false positives", corrected, repeats, 0.0, 0.07)]


def power(ground: Ground, repeats: int) -> list[Truth]:
    """Two arms on disjoint documents, a share of one replaced by junk, so much that the gap is the detectable effect of eight folds."""
    junk = _junk(ground)

    def pair(rows: np.ndarray, seed: int, share: float) -> tuple[float, float]:
        one, other = _disjoint(ground, rows, (T, T), seed)
        return ground.loss(one, T), float(ground.losses(_spoilt(ground, other, junk, share), [T])[0])

    drawn = ground.draw(3.5 * T, PILOT, -1)
    clean = np.array([pair(rows, -1, 0.0)[0] for rows in drawn])
    least, most, share, gap, stated = 0.0, 0.9, 0.0, 0.0, detectable_effect(1.0, FOLDS)
    for _ in range(STEPS):
        share = (least + most) / 2
        differences = np.array([pair(rows, -1, share)[1] for rows in drawn]) - clean
        gap, stated = float(differences.mean()), detectable_effect(float(differences.std(ddof=1)), FOLDS)
        least, most = (share, most) if gap < stated.effect else (least, share)
    hits, ranges = 0, []
    for repeat in range(repeats):
        losses = np.array([pair(rows, repeat, share) for rows in ground.draw(3.5 * T, FOLDS, repeat)])
        found = paired(losses[:, 1] - losses[:, 0])
        hits += found.significant
        ranges.append(detectable_effect(found.sd, FOLDS).effect / stated.effect)
    low, high = np.quantile(ranges, [0.025, 0.975])
    promise = f"junk of {share:.0%} of the text, {gap:.4f} bits per byte over {PILOT} folds, where {stated.effect:.4f} is detectable by {FOLDS}: found"
    spread = Truth(
        f"the detectable effect as {FOLDS} folds alone would state it, over the one of {PILOT}",
        "told",
        f"{low:.2f} to {high:.2f} in 95 % of {repeats:,}",
        None,
    )
    return [rate(promise, hits, repeats, 0.65, 0.92), spread]


def decomposition(ground: Ground, repeats: int) -> list[Truth]:
    """A stage that drops a random half, a source, or what was spoilt within strata: each is one term and no other."""
    return [*_own_sizes(ground, repeats), *_source(ground, max(2, repeats // 4)), *_strata(ground, max(2, repeats // 4))]


def _own_sizes(ground: Ground, repeats: int) -> list[Truth]:
    counts = dict.fromkeys(("quality", "composition", "quantity_cost"), 0)
    for repeat in range(repeats):
        losses = []
        for rows in ground.draw(2 * T, FOLDS, repeat):
            kept = ranks(ground.key[rows], repeat, 7) < 2**63
            losses.append([ground.loss(arm) for arm in _four(ground, rows, kept, repeat)])
        found = decompose(*np.array(losses).T)
        for term in counts:
            counts[term] += getattr(found, term).significant
    return [
        rate("a random half, at own sizes: the interval of the quantity cost excludes 0", counts["quantity_cost"], repeats, 0.95, 1.0),
        rate("a random half, at own sizes: quality rejects 0", counts["quality"], repeats, 0.0, 0.1),
        rate("a random half, at own sizes: composition rejects 0", counts["composition"], repeats, 0.0, 0.1),
    ]


def _source(ground: Ground, repeats: int) -> list[Truth]:
    source, found = _strongest(ground), list[Decomposition]()
    for repeat in range(repeats):
        losses, same = [], []
        for rows in ground.draw(10 * T, FOLDS, repeat):
            streams = [ground.cut(arm, T) for arm in _four(ground, rows, ground.source[rows] != source, repeat)]
            same.append(np.array_equal(streams[2], streams[3]))
            losses.append([ground.loss(stream, T) for stream in streams])
        found.append(decompose(*np.array(losses).T, same={"quality": same}))
    missing = sum(one.quality.by_construction for one in found)
    return [
        _term(found, "composition", f'the source "{source}" dropped, at equal tokens: composition rejects 0', 0.8, 1.0),
        rate("the same: quality is 0 by construction, or does not reject 0", missing + _quiet(found, "quality"), repeats, 0.9, 1.0),
        _term(found, "quantity_cost", "the same: quantity rejects 0", 0.0, 0.1),
    ]


def _strongest(ground: Ground) -> str:
    """The source whose absence is seen best, in folds of its own; it must be detectable by eight."""
    drawn = ground.draw(3.5 * T, PILOT // 5, -1)
    raw = np.array([ground.loss(rows, T) for rows in drawn])
    seen = {}
    for source in np.unique(ground.source).tolist():
        arms = [rows[ground.source[rows] != source] for rows in drawn]
        if min(ground.tokens.lengths[arm].sum() for arm in arms) >= T and any(
            len(arm) < len(rows) for arm, rows in zip(arms, drawn, strict=True)
        ):
            gain = paired(raw - np.array([ground.loss(arm, T) for arm in arms]))
            seen[source] = abs(gain.mean) / detectable_effect(gain.sd, FOLDS).effect
    strongest = max(seen, key=lambda source: seen[source])
    assert seen[strongest] > 1, "no source has an effect that eight folds detect"
    return str(strongest)


def _strata(ground: Ground, repeats: int) -> list[Truth]:
    junk, found = _junk(ground), list[Decomposition]()
    for repeat in range(repeats):
        losses = []
        for rows in ground.draw(10 * T, FOLDS, repeat):
            spoilt = ranks(ground.key[rows], repeat, 8) < 0.3 * 2**64
            bad = set(rows[spoilt].tolist())
            arms = _four(ground, rows, ~spoilt, repeat)
            losses.append(
                [float(ground.losses(_replaced(ground, arm, junk, np.array([row in bad for row in arm.tolist()])), [T])[0]) for arm in arms]
            )
        found.append(decompose(*np.array(losses).T))
    quality, composition = (np.array([getattr(one, term).mean for one in found]) for term in ("quality", "composition"))
    share, error = composition.mean() / quality.mean(), composition.std(ddof=1) / math.sqrt(repeats) / quality.mean()
    return [
        _term(found, "quality", "30 % spoilt within strata, dropped, at equal tokens: quality rejects 0", 0.8, 1.0),
        Truth(
            "the same: composition, as a share of quality", "within ± 20 %", f"{share:+.1%} ± {1.96 * error:.1%}", bool(abs(share) < 0.2)
        ),
        _term(found, "quantity_cost", "the same: quantity rejects 0", 0.0, 0.1),
    ]


def corruption(ground: Ground, repeats: int) -> list[Truth]:
    """Documents spoilt where they stand: what clean text is worth against that rises with their share."""
    texts, tokenizer = ground.texts(), Tokenizer(ground.tokenizer)
    budgets = [round(share * T) for share in GRID]
    said = []
    for kind in HARM:
        found: dict[float, list[Multiplier]] = {p: [] for p in SHARES}
        for repeat in range(repeats):
            drawn = ground.draw(3 * T, FOLDS, repeat)
            clean = np.array([ground.loss(ground.cut(rows, T), T) for rows in drawn])
            for p in SHARES:
                streams = []
                for rows in drawn:
                    made, _ = corrupt(texts.take(pa.array(ground.row[ground.cut(rows, round(2.4 * T))])), kind, p, seed=repeat)
                    streams.append(tokenizer.encode(made))
                found[p].append(multiplier(np.stack([ground.losses(one, budgets) for one in streams]), budgets, clean, T))
        excluded = sum(one.low is not None and one.low > 1 for one in found[0.3])
        rises = sum(_guess(b) > _guess(a) for a, b in zip(found[0.1], found[0.3], strict=True))
        above = sum(one.low is not None and one.low > 1 / 0.7 for one in found[0.3])
        middles = [_shown(found[p]) for p in SHARES]
        said += [
            rate(f"{kind}, paired: at 30 % the interval excludes 1", excluded, repeats, 0.95, 1.0),
            rate(f"{kind}: the multiplier is larger at 30 % than at 10 %", rises, repeats, 0.95, 1.0),
            Truth(f"{kind}: median multiplier at 10 % and at 30 % (worthless text: 1.11 and 1.43)", "told", " and ".join(middles), None),
            Truth(
                f"{kind}: at 30 % the whole interval lies above 1.43, so that the text is called harmful",
                "told",
                f"{above} of {repeats}",
                None,
            ),
        ]
    return said


EXPERIMENTS: dict[str, tuple[str, Callable[[Ground, int], list[Truth]], int]] = {
    "coverage": ("The multiplier of text cut to (1 − p)·T", coverage, 400),
    "null": ("No difference: A/A", null, 1000),
    "overlap": ("No difference, in a pool too small for folds", overlap, 200),
    "power": ("A gap of the detectable effect", power, 200),
    "decomposition": ("Decomposition", decomposition, 200),
    "corruption": ("Known corruption", corruption, 12),
}
"""Name → heading, function, repeats."""


def _disjoint(ground: Ground, rows: np.ndarray, tokens: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two arms of a fold that share no document, of at least so many tokens each."""
    rank = ranks(ground.key[rows], seed, 2)
    first = rank < tokens[0] / sum(tokens) * 2**64
    one, other = ground.cut(rows[first], tokens[0]), ground.cut(rows[~first], tokens[1])
    assert all(ground.tokens.lengths[arm].sum() >= wanted for arm, wanted in zip((one, other), tokens, strict=True))
    return one, other


def _four(ground: Ground, rows: np.ndarray, kept: np.ndarray, seed: int) -> list[np.ndarray]:
    """Raw, random, random of equal mix, curated, as documents of a fold in their order."""
    size, rank = ground.size[rows], [ranks(ground.key[rows], seed, 9, draw) for draw in (0, 1)]
    there = np.ones(len(rows), bool)
    matched = matched_subset(size, there, kept.astype(np.uint8), ground.source[rows].tolist(), rank[1]).subset
    return [rows, rows[random_subset(size, there, float(size[kept].sum()), rank[0])], rows[matched], rows[kept]]


def _junk(ground: Ground) -> np.ndarray:
    """Token ids of menus and cookie notices."""
    made = Tokenizer(ground.tokenizer).encode(pa.array([boilerplate("x" * 1_000_000, Draws(1))]))
    return made.ids


def _spoilt(ground: Ground, rows: np.ndarray, junk: np.ndarray, share: float) -> Tokens:
    return _replaced(ground, rows, junk, ranks(ground.key[rows], 4) < share * 2**64)


def _replaced(ground: Ground, rows: np.ndarray, junk: np.ndarray, bad: np.ndarray) -> Tokens:
    """The documents as tokens, those that are bad replaced by as many tokens of junk."""
    stream = ground.tokens.take(rows)
    ids = stream.ids.copy()
    for i in np.flatnonzero(bad):
        start, stop = stream.starts[i], stream.starts[i + 1]
        begin = int(ground.key[rows[i]] % np.uint64(len(junk) // 2))
        ids[start:stop] = np.resize(junk[begin:], stop - start)
    return Tokens(ids, stream.starts)


def _inside(found: Multiplier, truth: float) -> bool:
    return (found.low is None or found.low <= truth) and (found.high is None or found.high >= truth)


def _guess(found: Multiplier) -> float:
    return found.value or (found.largest if found.state == "at least" else found.smallest)


def _shown(found: list[Multiplier]) -> str:
    middle = float(np.median([_guess(one) for one in found]))
    return f"at least {middle:.2f}" if math.isclose(middle, GRID[-1]) else f"{middle:.2f}"


def _term(found: list[Decomposition], term: str, promise: str, least: float, most: float) -> Truth:
    assert term in TERMS
    return rate(promise, sum(getattr(one, term).significant for one in found), len(found), least, most)


def _quiet(found: list[Decomposition], term: str) -> int:
    return sum(not getattr(one, term).significant and not getattr(one, term).by_construction for one in found)
