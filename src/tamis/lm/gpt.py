"""Train a small GPT once on a stream of documents, and evaluate it after each of some budgets as if it had been trained for that budget.

The rate rises over the first steps, stays, and falls to zero over the last part of a budget. A budget that is not the last is a branch: the
state is copied where its fall begins, the copy is trained to the budget with a falling rate and evaluated, and the trunk goes on. With budgets at a half, one
and two times T a training costs 2.45 T instead of 3.5 T, and all of them share what they saw.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.errors import require
from tamis.lm.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from tamis.lm.optimise import Learner

IGNORED = -100
_EVALUATED = 4096
"""Tokens that are evaluated at a time; their logits are the largest thing in memory."""


class Diverged(ArithmeticError):
    """A loss that is no number.

    Args:
        tokens: that were seen.
        losses: (tokens, nats a token) up to there, at most 65 of them.
    """

    def __init__(self, tokens: int, losses: Sequence[tuple[int, float]]) -> None:
        curve = ", ".join(f"{value:.2f} at {seen:,}" for seen, value in losses[:: max(1, len(losses) // 8)])
        super().__init__(f"the loss is no number after {tokens:,} tokens; before, in nats a token: {curve}")
        self.tokens, self.losses = tokens, list(losses)

    def __reduce__(self) -> tuple[type[Diverged], tuple[int, list[tuple[int, float]]]]:
        """It crosses from one process to another."""
        return type(self), (self.tokens, self.losses)


@dataclass(frozen=True)
class Settings:
    """Size and training of a model; everything that its losses depend on, beside the text and the seed.

    Args:
        width: of the residual stream, a multiple of `head`.
        layers: blocks.
        vocabulary: token ids.
        context: tokens that a model sees at once; documents are packed without gaps, and one that begins is marked.
        rows: contexts in a step.
        head: width of an attention head.
        matrices, embedding, unembedding: rates of Muon, and of Adam for the embedding and the head.
        rising: steps over which the rate rises.
        falling: share of a budget over which it falls to zero, linearly.

    Source:
        Measured at width 64 in 2 layers on 200,000 tokens of web text, vocabulary 2048, bits a byte: 3.111; with Muon's rate .0025 3.105, .01
        3.151, .02 about 3.25; with the head's rate .005 3.162; the embedding's .05 3.136. 4 contexts of 256 are as good (3.152 against 3.151 at .01) and
        take a tenth longer. benchmarks/gpt_speed.py has the speed. Elsewhere: steps of 1,024 tokens beat larger ones at equal tokens, and a
        fall over 30 % beats a cosine.
    """

    width: int
    layers: int
    vocabulary: int
    context: int = 128
    rows: int = 8
    head: int = 32
    matrices: float = 0.005
    embedding: float = 0.1
    unembedding: float = 0.01
    rising: int = 16
    falling: float = 0.3

    @property
    def hidden(self) -> int:
        """Parameters of all blocks, without the tables by token."""
        return 12 * self.layers * self.width**2

    @property
    def flops(self) -> int:
        """Floating-point operations of a token in training: 6 a parameter that multiplies, and those of attention."""
        return 6 * (self.hidden + self.vocabulary * self.width) + 6 * self.layers * self.context * self.width

    @property
    def step(self) -> int:
        """Tokens of a step."""
        return self.rows * self.context


def curve(
    settings: Settings, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int, device: str = "cpu"
) -> np.ndarray:
    """Bits of held-out documents after each budget, each budget with a rate that has fallen to zero.

    Uses one thread; the same arguments give the same bits, to the last one, on one kind of processor.

    Args:
        settings: size and rates.
        stream: documents in order; what is beyond the last budget is not looked at.
        budgets: tokens, ascending, above 0 and at most those of the stream.
        held: documents to evaluate, each by itself in pieces of a context.
        first: i64[n], the token of each from which on it is scored.
        seed: of initialisation, which is drawn on the processor whatever the device.
        device: "cpu" or "cuda".

    Returns:
        f64[len(budgets), n].

    Raises:
        MissingPackage: torch is not installed.
        Diverged: a loss is no number.
    """
    require("torch", needed_by="a GPT rung", extra="torch")
    from tamis.lm.optimise import Learner
    from tamis.lm.transformer import initialised, rotary

    rates = {"matrices": settings.matrices, "embedding": settings.embedding, "head": settings.unembedding}
    with _one_thread(), repeatable_attention(device):
        cosines, sines = rotary(settings.context, settings.head)
        turns = cosines.to(device), sines.to(device)
        windows = Windows.of(held, first, settings).on(device)
        weights = initialised(settings.width, settings.layers, settings.vocabulary, seed)
        trunk = Learner({name: tensor.detach().to(device).requires_grad_() for name, tensor in weights.items()}, rates)
        inputs, targets = _pairs(stream, settings.vocabulary)
        training = _Training(settings, inputs.to(device), targets.to(device), turns)
        found = np.empty((len(budgets), len(held)))
        for i, budget in enumerate(budgets):
            steps = math.ceil(budget / settings.step)
            fall = max(0, steps - max(1, round(settings.falling * steps)))
            training.run(trunk, fall, len(training.inputs))
            branch = trunk.copy() if i + 1 < len(budgets) else trunk
            training.run(branch, steps, budget, falls_from=fall)
            found[i] = windows.bits(branch.weights, turns)
            if not np.isfinite(found[i]).all():  # the last step broke it, and no loss was asked for since
                raise training.diverged(budget)
    return found


class _Training:
    """Steps along one stream.

    Args:
        settings: of the model.
        inputs, targets: i64[t]; each token is foreseen from the one before, the first of a document from the mark of a beginning.
        turns: see `transformer.rotary`.
    """

    def __init__(self, settings: Settings, inputs: Tensor, targets: Tensor, turns: tuple[Tensor, Tensor]) -> None:
        self.settings, self.inputs, self.targets, self.turns = settings, inputs, targets, turns
        self.seen: list[tuple[int, float]] = []

    def run(self, learner: Learner, until: int, end: int, *, falls_from: int | None = None) -> None:
        """Steps up to number `until`, of tokens before `end`; the rate falls from a step on, to zero after the last."""
        from tamis.lm.transformer import nats

        while learner.steps < until:
            number = learner.steps
            inputs, targets = self._batch(number, end)
            loss = nats(learner.weights, inputs, targets, self.turns).sum() / int((targets != IGNORED).sum())
            self._watch(number, loss.item())
            share = min(1.0, (number + 1) / self.settings.rising)
            if falls_from is not None:
                share *= (until - number) / (until - falls_from)
            learner.step(loss, share)

    def _batch(self, number: int, end: int) -> tuple[Tensor, Tensor]:
        """The rows of a step; the last step of a budget may be short of tokens, and asks nothing of the rest."""
        from torch.nn.functional import pad

        start, shape = number * self.settings.step, (-1, self.settings.context)
        inputs, targets = (one[start : min(start + self.settings.step, end)] for one in (self.inputs, self.targets))
        missing = -len(inputs) % self.settings.context
        return pad(inputs, (0, missing)).view(shape), pad(targets, (0, missing), value=IGNORED).view(shape)

    def diverged(self, tokens: int) -> Diverged:
        """What is to be raised after so many tokens."""
        return Diverged(tokens, self.seen[:: max(1, len(self.seen) // 64)])

    def _watch(self, number: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise self.diverged(number * self.settings.step)
        self.seen.append((number * self.settings.step, loss))


@dataclass(frozen=True)
class Windows:
    """Held-out documents in pieces of a context, those of a length together.

    Args:
        batches: inputs i64[rows, columns], targets (`IGNORED` where nothing is asked), document of each row.
        documents: how many there are.
    """

    batches: Sequence[tuple[Tensor, Tensor, np.ndarray]]
    documents: int

    @staticmethod
    def of(held: Tokens, first: np.ndarray, settings: Settings) -> Windows:
        """Cut; a piece that continues a document sees the last token of the piece before, and no more."""
        inputs, targets = _pairs(held, settings.vocabulary)
        for start, asked in zip(held.starts[:-1].tolist(), np.asarray(first).tolist(), strict=True):
            targets[start : start + asked] = IGNORED
        pieces = [
            (min(settings.context, stop - at), at, document)
            for document, (start, stop) in enumerate(zip(held.starts[:-1].tolist(), held.starts[1:].tolist(), strict=True))
            for at in range(start, stop, settings.context)
        ]
        batches = []
        for some in _in_batches(sorted(pieces)):
            longest = some[-1][0]
            batches.append(
                (_stacked(inputs, some, longest, 0), _stacked(targets, some, longest, IGNORED), np.array([one[2] for one in some]))
            )
        return Windows(batches, len(held))

    def on(self, device: str) -> Windows:
        """The same, for weights that are there."""
        return Windows([(inputs.to(device), targets.to(device), document) for inputs, targets, document in self.batches], self.documents)

    def bits(self, weights: dict[str, Tensor], turns: tuple[Tensor, Tensor]) -> np.ndarray:
        """f64[n], of each document."""
        import torch

        from tamis.lm.transformer import nats

        found = np.zeros(self.documents)
        with torch.no_grad():
            for inputs, targets, document in self.batches:
                rows = nats(weights, inputs, targets, turns).view(inputs.shape).double().sum(dim=1).cpu().numpy()
                found += np.bincount(document, rows, self.documents)
        return found / math.log(2)


def _in_batches(pieces: Sequence[tuple[int, int, int]]) -> Iterator[Sequence[tuple[int, int, int]]]:
    begin = 0
    for i in range(len(pieces)):
        if i + 1 == len(pieces) or (i + 2 - begin) * pieces[i + 1][0] > _EVALUATED:
            yield pieces[begin : i + 1]
            begin = i + 1


def _stacked(values: Tensor, pieces: Sequence[tuple[int, int, int]], columns: int, filler: int) -> Tensor:
    import torch

    rows = torch.full((len(pieces), columns), filler, dtype=torch.int64)
    for row, (length, at, _) in zip(rows, pieces, strict=True):
        row[:length] = values[at : at + length]
    return rows


def _pairs(tokens: Tokens, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Each token, and what it is foreseen from: the one before, or the mark of a beginning, which is the id after the last."""
    import torch

    ids = tokens.ids.astype(np.int64)
    inputs = np.concatenate([[vocabulary], ids[:-1]])[: len(ids)]
    inputs[tokens.starts[:-1][tokens.lengths > 0]] = vocabulary
    return torch.from_numpy(inputs), torch.from_numpy(ids.copy())


@contextmanager
def repeatable_attention(device: str) -> Iterator[None]:
    """On a GPU the plain products, for the faster ways to attend add up in an order that changes; elsewhere nothing."""
    if device == "cpu":
        yield
        return
    from torch.nn.attention import SDPBackend, sdpa_kernel

    # Read when cuBLAS is first used, which is later than this in a process of its own.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with sdpa_kernel(SDPBackend.MATH):
        yield


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread and repeatable algorithms, and afterwards what was there before."""
    import torch

    deterministic: Any = torch.utils.deterministic
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), deterministic.fill_uninitialized_memory
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # Every result is written before it is read; to fill it first takes a tenth of the time.
    deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        deterministic.fill_uninitialized_memory = before[2]
