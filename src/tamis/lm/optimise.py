"""How weights are moved: matrices by Muon, tables by token by Adam."""

from __future__ import annotations

import torch
from torch import Tensor

from tamis.lm.transformer import MATRICES, Weights

MOMENTUM = 0.95
BETAS = (0.9, 0.95)
TINY = 1e-10
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of five steps that bring all singular values near 1 (Jordan et al. 2024, "Muon")."""


class Learner:
    """Weights and the state of their optimiser; a copy goes its own way.

    Args:
        weights: of a model.
        rates: name → step, of those that Adam moves; "matrices" of the others.
    """

    def __init__(self, weights: Weights, rates: dict[str, float]) -> None:
        self.weights, self.rates, self.steps = weights, rates, 0
        self._first = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
        self._second = {name: torch.zeros_like(tensor) for name, tensor in weights.items() if name not in MATRICES}

    def copy(self) -> Learner:
        """The same weights and state, in memory of its own."""
        other = Learner({name: tensor.detach().clone().requires_grad_() for name, tensor in self.weights.items()}, self.rates)
        other.steps = self.steps
        other._first = {name: tensor.clone() for name, tensor in self._first.items()}
        other._second = {name: tensor.clone() for name, tensor in self._second.items()}
        return other

    def step(self, loss: Tensor, share: float) -> None:
        """Move every weight against its gradient.

        Args:
            loss: of which the gradient is taken.
            share: of the full rates, in [0, 1].
        """
        names = list(self.weights)
        slopes = torch.autograd.grad(loss, [self.weights[name] for name in names])
        self.steps += 1
        with torch.no_grad():
            for name, slope in zip(names, slopes, strict=True):
                if name in MATRICES:
                    self._muon(name, slope, share * self.rates["matrices"])
                else:
                    self._adam(name, slope, share * self.rates[name])

    def _muon(self, name: str, slope: Tensor, rate: float) -> None:
        """Steps along the nearest orthogonal matrix of the momentum (Nesterov's), longer for tall ones."""
        momentum = self._first[name].lerp_(slope, 1 - MOMENTUM)
        rows, columns = slope.shape[-2:]
        move = orthogonal(slope.lerp(momentum, MOMENTUM))
        self.weights[name].sub_(move, alpha=rate * max(1.0, rows / columns) ** 0.5)

    def _adam(self, name: str, slope: Tensor, rate: float) -> None:
        """Kingma and Ba 2015, both means corrected for their beginning at zero."""
        first = self._first[name].lerp_(slope, 1 - BETAS[0])
        second = self._second[name].mul_(BETAS[1]).addcmul_(slope, slope, value=1 - BETAS[1])
        corrections = [1 - beta**self.steps for beta in BETAS]
        scale = second.sqrt().div_(corrections[1] ** 0.5).add_(TINY)
        self.weights[name].addcdiv_(first, scale, value=-rate / corrections[0])


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest orthogonal matrices, roughly: singular values between .7 and 1.2.

    Args:
        matrices: f32[n, rows, columns].
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + TINY)
    a, b, c = NEWTON_SCHULZ
    for _ in range(5):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
