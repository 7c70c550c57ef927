"""Ways to train a model on a stream and to evaluate it. Rung 0 counts n-grams; the rungs of GPTs fit the same protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

import numpy as np

from tamis.errors import RecipeError, require
from tamis.lm.gpt import Settings, curve
from tamis.lm.tokens import Tokens

GPTS = {"gpt-32": (32, 2), "gpt-64": (64, 2), "gpt-96": (96, 3), "gpt-128": (128, 4)}
"""Width and layers: 25, 98, 332 and 786 thousand hidden parameters. The last one is in no profile: hours a fold."""
GATES = {"gpt-32 slow": ("gpt-32", 0.25), "gpt-32 fast": ("gpt-32", 4.0)}
"""The same model at other rates: proxies may rank texts by how well a rate suits them (Wang et al. 2025, arXiv:2512.24503)."""


class Rung(Protocol):
    """One size of model, one way to train it."""

    @property
    def name(self) -> str:
        """In results."""
        ...

    @property
    def settings(self) -> dict[str, object]:
        """Everything that changes its losses, for the plan and for the names of trainings."""
        ...

    @property
    def order_blind(self) -> bool:
        """It counts, and so cannot judge repeats: stages that compare documents are measured and not judged."""
        ...

    @property
    def apart(self) -> bool:
        """Each training wants a process of its own, with one thread; else they run side by side in threads."""
        ...

    @property
    def device(self) -> str:
        """ "cpu", or "cuda": then one training at a time."""
        ...

    def train(self, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int) -> np.ndarray:
        """Train on a stream once, from its beginning, and evaluate on the way.

        Args:
            stream: documents in order.
            budgets: tokens after which to evaluate, ascending, at most those of the stream.
            held: documents to evaluate.
            first: i64[n], the token of each from which on it is scored.
            seed: of initialisation and whatever else is drawn.

        Returns:
            f64[len(budgets), n], bits of each held document.
        """
        ...


@dataclass(frozen=True)
class NGramRung:
    """Rung 0: an interpolated Kneser-Ney 4-gram, see `tamis.lm.ngram`. It draws nothing, so the seed changes nothing."""

    vocabulary: int
    order: int = 4

    name: str = "ngram"
    order_blind: bool = True
    apart: bool = False
    device: str = "cpu"

    @property
    def settings(self) -> dict[str, object]:
        """Vocabulary, order and discounts."""
        from tamis.lm import ngram

        return {"rung": self.name, "vocabulary": self.vocabulary, "order": self.order, "discounts": list(ngram.DISCOUNTS)}

    def train(self, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int) -> np.ndarray:
        """Counts add: one pass over the stream, an evaluation at each budget."""
        from tamis.lm.ngram import NGram

        del seed
        return NGram(self.vocabulary, order=self.order).curve(stream, budgets, held, first)


@dataclass(frozen=True)
class GPTRung:
    """A small GPT, see `tamis.lm.gpt`: it sees order and learns from repeats. The seed is that of its first weights.

    Args:
        name: in results, one of `GPTS` or `GATES`.
        gpt: size and training.
        gate: it asks whether what another rung finds holds at other rates.
        device: "cpu" or "cuda".
        card: which GPU; another kind may give other last bits.
    """

    name: str
    gpt: Settings
    gate: bool = False
    device: str = "cpu"
    card: str | None = None

    order_blind: bool = False
    apart: bool = True

    @property
    def settings(self) -> dict[str, object]:
        """Size, rates, and the torch that computes: another one may give other last bits."""
        shape = {"rung": self.name, **asdict(self.gpt), "hidden": self.gpt.hidden, "flops": self.gpt.flops, "torch": installed("torch")}
        return shape | ({"device": self.device, "card": self.card} if self.device != "cpu" else {})

    def train(self, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int) -> np.ndarray:
        """One run with a branch for each budget."""
        return curve(self.gpt, stream, budgets, held, first, seed, self.device)


def installed(package: str) -> str | None:
    """The version of a package, of which nothing is loaded; None if it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def resolved(asked: Sequence[str] | str, profile: Sequence[str]) -> tuple[list[str], str | None]:
    """Names of rungs; those of a profile only as far as they can be trained here.

    Args:
        asked: names, or "profile".
        profile: names of the profile's rungs.

    Returns:
        Names, and what a person should know of those that are left out.
    """
    if not isinstance(asked, str):
        return list(asked), None
    left = [name for name in profile if name != "ngram"]
    if not left or installed("torch") is not None:
        return list(profile), None
    return ["ngram"], (
        f'The rungs {", ".join(left)} are left out, for the package "torch" is not installed: counts of n-grams judge alone. '
        'Fix: pip install "tamis[torch]".'
    )


def device_of(asked: str) -> tuple[str, str | None]:
    """Where GPTs are trained, and on which GPU.

    Args:
        asked: "auto" (a GPU if torch sees one), "cpu" or "cuda".

    Raises:
        RecipeError: a GPU was asked for, and torch sees none.
    """
    version = installed("torch")
    # A build without CUDA says so in its version, so that torch need not be loaded, which takes seconds, to be asked.
    if asked == "cpu" or version is None or (asked == "auto" and version.endswith("+cpu")):
        return "cpu", None
    import torch

    if torch.cuda.is_available():
        return "cuda", str(torch.cuda.get_device_name())
    if asked == "cuda":
        raise RecipeError('the plan asks for device "cuda", and torch sees no GPU.\nFix: say `device: auto`, or install a torch with CUDA.')
    return "cpu", None


def rungs_of(names: Sequence[str], vocabulary: int, device: str = "cpu") -> list[Rung]:
    """The rungs of a design, the cheapest first.

    Args:
        names: of rungs.
        vocabulary: of the tokenizer.
        device: see `device_of`.

    Raises:
        MissingPackage: there is a GPT among them, and torch is not installed.
        RecipeError: as `device_of`.
    """
    known: dict[str, Rung] = {"ngram": NGramRung(vocabulary)}
    known |= {name: GPTRung(name, Settings(*shape, vocabulary)) for name, shape in GPTS.items()}
    for name, (of, factor) in GATES.items():
        plain = Settings(*GPTS[of], vocabulary)
        rates = {rate: getattr(plain, rate) * factor for rate in ("matrices", "embedding", "unembedding")}
        known[name] = GPTRung(name, replace(plain, **rates), gate=True)
    asked = [known[name] for name in known if name in names]
    if installed("torch") is None and (apart := [rung.name for rung in asked if rung.apart]):
        require("torch", needed_by=f'the rung "{apart[0]}"', extra="torch")
    where, card = device_of(device) if any(isinstance(rung, GPTRung) for rung in asked) else ("cpu", None)
    return [replace(rung, device=where, card=card) if isinstance(rung, GPTRung) else rung for rung in asked]
