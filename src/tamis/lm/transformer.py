"""A small GPT as functions of its weights: RMSNorm before each block, rotary positions, normed queries and keys, squared ReLU.

Layers are stacked, so that an optimiser takes all of them in one product. Output projections and the head begin at zero: the first
loss is that of chance, and every block begins as nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

Weights = dict[str, Tensor]
MATRICES = ("qkv", "out", "up", "down")
"""Of all layers, [layers, rows, columns]; the others are tables by token."""
WIDER = 4
"""Of the hidden layer of a block's second half."""


def initialised(width: int, layers: int, vocabulary: int, seed: int) -> Weights:
    """Fresh weights, the same for the same seed.

    Args:
        width: of the residual stream.
        layers: blocks.
        vocabulary: token ids; one more has an embedding, for the beginning of a document.
        seed: of the draw.
    """
    draw = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        # The variance 1/columns keeps that of what passes through.
        return (torch.rand(shape, generator=draw) * 2 - 1) * math.sqrt(3 / shape[-1])

    weights = {
        "embedding": torch.randn((vocabulary + 1, width), generator=draw),
        "head": torch.zeros((vocabulary, width)),
        "qkv": uniform(layers, 3 * width, width),
        "out": torch.zeros((layers, width, width)),
        "up": uniform(layers, WIDER * width, width),
        "down": torch.zeros((layers, width, WIDER * width)),
    }
    return {name: tensor.requires_grad_() for name, tensor in weights.items()}


def rotary(context: int, head: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines f32[context, head], by which queries and keys are turned.

    Source:
        RoFormer (Su et al. 2021, arXiv:2104.09864): base 10,000.
    """
    speeds = 10_000 ** -(torch.arange(0, head, 2, dtype=torch.float32) / head)
    angles = torch.outer(torch.arange(context, dtype=torch.float32), speeds).repeat(1, 2)
    return angles.cos(), angles.sin()


def nats(weights: Weights, inputs: Tensor, targets: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """How badly each next token was foreseen.

    Args:
        weights: as `initialised` gives them.
        inputs: i64[rows, columns], columns at most those of `turns`.
        targets: i64[rows, columns]; -100 where nothing is asked.
        turns: as `rotary` gives them.

    Returns:
        f32[rows * columns]; 0 where nothing is asked.
    """
    logits = functional.linear(_stream(weights, inputs, turns), weights["head"])
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="none")


def _stream(weights: Weights, inputs: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    rows, columns = inputs.shape
    cosines, sines = (table[:columns] for table in turns)
    head = cosines.shape[-1]
    x = _normed(functional.embedding(inputs, weights["embedding"]))
    width = x.shape[-1]
    for qkv, out, up, down in zip(*(weights[name].unbind() for name in MATRICES), strict=True):
        heads = functional.linear(_normed(x), qkv).view(rows, columns, 3, width // head, head).permute(2, 0, 3, 1, 4)
        both = _normed(heads[:2])
        queries, keys = (both * cosines + _half_turned(both) * sines).unbind()
        seen = functional.scaled_dot_product_attention(queries, keys, heads[2], is_causal=True)
        x = x + functional.linear(seen.transpose(1, 2).reshape(rows, columns, width), out)
        x = x + functional.linear(functional.linear(_normed(x), up).relu().square(), down)
    return _normed(x)


def _normed(x: Tensor) -> Tensor:
    return functional.rms_norm(x, (x.shape[-1],))


def _half_turned(x: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=-1)
    return torch.cat((-right, left), dim=-1)
