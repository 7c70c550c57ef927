"""Small GPTs: what they compute, that they learn, and that the same seed gives the same bits."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tamis.errors import MissingPackage
from tamis.lm import gpt
from tamis.lm.gpt import Diverged, Settings, curve
from tamis.lm.tokens import Tokens

torch = pytest.importorskip("torch")

TINY = Settings(32, 2, 40, context=16, rows=2, rising=2)


def text(tokens: int, seed: int = 0) -> Tokens:
    """Documents in which each token is followed by one of two: an easy language of 40 tokens, one bit a token."""
    draw = np.random.default_rng(seed)
    after = np.random.default_rng(99).integers(0, 40, (40, 2))
    documents, left = [], tokens
    while left > 0:
        token, said = int(draw.integers(40)), []
        for _ in range(min(left, int(draw.integers(5, 60)))):
            said.append(token)
            token = int(after[token, draw.integers(2)])
        documents.append(said)
        left -= len(said)
    return Tokens.of(documents)


HELD = text(600, seed=5)
ALL = np.zeros(len(HELD), np.int64)


def slow_nats(weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """The same model, for one document, in f64 and position by position."""
    width, heads = weights["embedding"].shape[1], weights["embedding"].shape[1] // TINY.head

    def normed(x: np.ndarray) -> np.ndarray:
        return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + np.finfo(np.float32).eps)

    def turned(x: np.ndarray, position: int) -> np.ndarray:
        half = TINY.head // 2
        angle = position * 10_000.0 ** (-2 * np.arange(half) / TINY.head)
        left, right = x[:half], x[half:]
        return np.concatenate([left * np.cos(angle) - right * np.sin(angle), right * np.cos(angle) + left * np.sin(angle)])

    x = normed(weights["embedding"][[40, *ids[:-1]]])
    for layer in range(TINY.layers):
        parts = (normed(x) @ weights["qkv"][layer].T).reshape(len(ids), 3, heads, TINY.head)
        mixed = np.zeros((len(ids), width))
        for head in range(heads):
            for i in range(len(ids)):
                query = turned(normed(parts[i, 0, head]), i)
                scores = np.array([query @ turned(normed(parts[j, 1, head]), j) for j in range(i + 1)]) / math.sqrt(TINY.head)
                shares = np.exp(scores - scores.max())
                shares /= shares.sum()
                mixed[i, head * TINY.head : (head + 1) * TINY.head] = shares @ parts[: i + 1, 2, head]
        x = x + mixed @ weights["out"][layer].T
        x = x + np.maximum(normed(x) @ weights["up"][layer].T, 0) ** 2 @ weights["down"][layer].T
    logits = normed(x) @ weights["head"].T
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(ids)), ids]


def test_the_model_is_what_it_says() -> None:
    """RMSNorm, rotary positions, normed queries and keys, squared ReLU: equal to a slow program in f64."""
    from tamis.lm.transformer import initialised, nats, rotary

    draw = torch.Generator().manual_seed(3)
    weights = {name: torch.randn(one.shape, generator=draw) * 0.3 for name, one in initialised(32, 2, 40, 0).items()}
    ids = np.random.default_rng(0).integers(0, 40, 16).tolist()
    fast = nats(weights, torch.tensor([[40, *ids[:-1]]]), torch.tensor([ids]), rotary(16, 32))
    np.testing.assert_allclose(fast.numpy(), slow_nats({name: one.double().numpy() for name, one in weights.items()}, ids), rtol=2e-4)


def test_an_untrained_model_guesses() -> None:
    """Before the first step every token costs the logarithm of the vocabulary, whatever the seed."""
    from tamis.lm.transformer import initialised, nats, rotary

    for seed in (0, 1):
        found = nats(initialised(32, 2, 40, seed), torch.tensor([[40, 1, 2]]), torch.tensor([[1, 2, -100]]), rotary(16, 32))
        np.testing.assert_allclose(found.detach().numpy(), [math.log(40), math.log(40), 0], rtol=1e-6)


def test_a_language_of_a_bit_a_token_is_learned() -> None:
    """Of chance's 5.3 bits a token little more than the one that cannot be foreseen is left; the first token of each document stays unknown."""
    bits = curve(TINY, text(20_000), [2_000, 20_000], HELD, np.minimum(1, HELD.lengths), 0)
    early, late = bits.sum(axis=1) / (HELD.total - len(HELD))
    assert 0.9 < late < 1.1 < early < math.log2(40) / 2


def test_a_branch_is_a_training_of_its_own() -> None:
    """What is found at a budget is the same, to the last bit, whatever budgets follow and whatever text."""
    stream = text(3_000)
    both = curve(TINY, stream, [700, 1_500, 2_900], HELD, ALL, 4)
    assert np.array_equal(curve(TINY, stream.head(700), [700], HELD, ALL, 4)[0], both[0])
    assert np.array_equal(curve(TINY, stream, [1_500], HELD, ALL, 4)[0], both[1])


def test_the_same_seed_gives_the_same_bits() -> None:
    """Whatever threads torch was left with, which it finds again; another seed gives others."""
    stream, threads = text(1_000), torch.get_num_threads()
    once = curve(TINY, stream, [1_000], HELD, ALL, 1)
    torch.set_num_threads(2)
    again = curve(TINY, stream, [1_000], HELD, ALL, 1)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    assert np.array_equal(once, again)
    assert not np.allclose(once, curve(TINY, stream, [1_000], HELD, ALL, 2))


@pytest.mark.slow
def test_another_process_finds_the_same_bits() -> None:
    """Under another hash seed as well."""
    code = "from test_gpt import *; print(curve(TINY, text(1_000), [500, 1_000], HELD, ALL, 1).tobytes().hex())"
    here = curve(TINY, text(1_000), [500, 1_000], HELD, ALL, 1).tobytes().hex()
    for seed in ("1", "2"):
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout.strip() == here


def test_held_out_documents_stand_for_themselves() -> None:
    """The bits of a document depend on no other one; what stands before `first` is context, and counts nothing."""
    stream = text(1_000)
    rows = np.array([3, 0, 7])
    whole = curve(TINY, stream, [1_000], HELD, ALL, 0)[0]
    np.testing.assert_allclose(curve(TINY, stream, [1_000], HELD.take(rows), np.zeros(3, np.int64), 0)[0], whole[rows], rtol=1e-5)
    half = HELD.lengths // 2
    late = curve(TINY, stream, [1_000], HELD, half, 0)[0]
    early = curve(TINY, stream, [1_000], Tokens.of([HELD[i][:n] for i, n in enumerate(half)]), ALL, 0)[0]
    np.testing.assert_allclose(early + late, whole, rtol=1e-5)


def test_documents_without_tokens_cost_nothing() -> None:
    """An empty document, held out or trained on, changes nothing and has no bits."""
    stream = Tokens.of([[], [1, 2, 3] * 40, []])
    held = Tokens.of([[1, 2, 3], [], [2, 3]])
    bits = curve(TINY, stream, [120], held, np.zeros(3, np.int64), 0)
    assert bits[0, 1] == 0
    assert (bits[0, [0, 2]] > 0).all()
    assert np.array_equal(bits, curve(TINY, Tokens.of([[1, 2, 3] * 40]), [120], held, np.zeros(3, np.int64), 0))


def test_a_budget_is_kept_to_the_token() -> None:
    """A token that lies beyond the budget, in the same step, changes nothing."""
    stream = text(200)
    changed = Tokens(np.where(np.arange(200) < 50, stream.ids, 0).astype(np.uint16), stream.starts)
    fifty, fifty_one = (curve(TINY, one, [50], HELD, ALL, 0) for one in (stream, changed))
    assert np.array_equal(fifty, fifty_one)
    assert not np.array_equal(fifty, curve(TINY, stream, [51], HELD, ALL, 0))


def test_a_run_that_diverges_shows_its_curve() -> None:
    """It ends at once, and says at how many tokens and how the loss went before."""
    with pytest.raises(Diverged, match=r"the loss is no number after \d+ tokens; before, in nats a token: 3\.69 at 0") as caught:
        curve(replace(TINY, embedding=math.inf), text(1_000), [1_000], HELD, ALL, 0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.losses == caught.value.losses
    assert again.losses[0] == (0, pytest.approx(3.69, abs=0.01))
    assert str(again) == str(caught.value)


def test_everything_is_where_the_weights_are() -> None:
    """A loss and a step of the optimiser on another device than the processor: nothing is made on the wrong one. (No GPU is at hand in tests.)"""
    torch = pytest.importorskip("torch")
    from tamis.lm.optimise import Learner
    from tamis.lm.transformer import initialised, nats, rotary

    weights = {name: tensor.detach().to("meta").requires_grad_() for name, tensor in initialised(32, 2, 64, 0).items()}
    learner = Learner(weights, {"matrices": 0.1, "embedding": 0.1, "head": 0.1})
    turns = tuple(table.to("meta") for table in rotary(64, 32))
    tokens = torch.zeros((2, 64), dtype=torch.int64, device="meta")
    with gpt.repeatable_attention("meta"):
        for one in (learner, learner.copy()):
            one.step(nats(one.weights, tokens, tokens, turns).sum(), 1.0)
            assert {tensor.device.type for tensor in one.weights.values()} == {"meta"}


def test_without_torch_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, and how to get it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingPackage, match=r'a GPT rung needs the package "torch", which is not installed.\nFix: pip install "tamis\[torch\]"'):
        curve(TINY, text(100), [100], HELD, ALL, 0)


def test_muon_steps_along_orthogonal_matrices() -> None:
    """All singular values end near 1, of wide matrices and of tall ones, also where they began 100 times apart."""
    from tamis.lm.optimise import orthogonal

    draw = torch.Generator().manual_seed(0)
    wide = torch.randn((3, 16, 48), generator=draw) @ torch.diag(torch.logspace(-1, 1, 48))
    for matrices in (wide, wide.mT):
        values = torch.linalg.svdvals(orthogonal(matrices))
        assert 0.5 < float(values.min()) < float(values.max()) < 1.3


def test_adam_is_adam() -> None:
    """Tables by token move as torch's own Adam moves them."""
    from tamis.lm import optimise

    draw = torch.Generator().manual_seed(0)
    start, way = torch.randn(5, 4, generator=draw), torch.randn(5, 4, generator=draw)
    ours = optimise.Learner({"head": start.clone().requires_grad_()}, {"head": 0.1, "matrices": 0.0})
    theirs = start.clone().requires_grad_()
    adam = torch.optim.Adam([theirs], lr=0.1, betas=optimise.BETAS, eps=optimise.TINY)
    for _ in range(5):
        ours.step((ours.weights["head"] * way).sin().sum(), 1.0)
        adam.zero_grad()
        (theirs * way).sin().sum().backward()
        adam.step()
    torch.testing.assert_close(ours.weights["head"], theirs)


def test_sizes_are_counted() -> None:
    """25 thousand hidden parameters for 32 wide and 2 layers, as many as there are."""
    from tamis.lm.transformer import MATRICES, initialised

    for settings in (Settings(32, 2, 2048), Settings(96, 3, 2048)):
        weights = initialised(settings.width, settings.layers, settings.vocabulary, 0)
        assert sum(weights[name].numel() for name in MATRICES) == settings.hidden
    assert Settings(32, 2, 2048).hidden == 24_576
    assert Settings(32, 2, 2048).flops == 6 * (24_576 + 65_536) + 6 * 2 * 128 * 32
