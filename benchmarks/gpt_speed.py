"""How many tokens a second one thread trains each GPT rung on, beside transformers' GPT-2 of the same width, depth and vocabulary, if that is installed.

    python benchmarks/gpt_speed.py

Both take steps of 8 contexts of 128 tokens of noise, in turns, and the best of all turns counts, in processor time of the thread. GPT-2 is trained
as most would: its own class, torch's fused AdamW, no dropout.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from tamis.ablate.rungs import GPTS
from tamis.lm.gpt import Settings
from tamis.lm.optimise import Learner
from tamis.lm.transformer import initialised, nats, rotary

TURNS = 12
VOCABULARY = 2048


def ours(settings: Settings, tokens: torch.Tensor) -> Callable[[], object]:
    """One step of a rung."""
    weights = initialised(settings.width, settings.layers, settings.vocabulary, 0)
    learner, turns = Learner(weights, {"matrices": settings.matrices, "embedding": settings.embedding, "head": settings.unembedding}), rotary(settings.context, settings.head)
    return lambda: learner.step(nats(weights, tokens[:, :-1], tokens[:, 1:], turns).mean(), 1.0)


def theirs(settings: Settings, tokens: torch.Tensor) -> Callable[[], object] | None:
    """One step of GPT-2."""
    try:
        from transformers import GPT2Config, GPT2LMHeadModel
    except ImportError:
        return None
    shape = {"n_embd": settings.width, "n_layer": settings.layers, "n_head": settings.width // settings.head, "n_positions": settings.context}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, tie_word_embeddings=False, **shape))
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        logits = model(tokens[:, :-1], use_cache=False).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
        adam.step()
        adam.zero_grad()

    return step


def seconds(step: Callable[[], object]) -> float:
    begun = time.thread_time()
    step()
    return time.thread_time() - begun


def main() -> None:
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, {TURNS} turns")
    for name, shape in GPTS.items():
        settings = Settings(*shape, VOCABULARY)
        tokens = torch.randint(0, VOCABULARY, (settings.rows, settings.context + 1), generator=torch.Generator().manual_seed(0))
        steps = {who: step for who, step in (("tamis", ours(settings, tokens)), ("GPT-2", theirs(settings, tokens))) if step}
        taken = dict.fromkeys(steps, float("inf"))
        for _ in range(TURNS):
            for who, step in steps.items():
                taken[who] = min(taken[who], seconds(step))
        shown = "  ".join(f"{who} {settings.step / time_taken:>8,.0f} tokens/s" for who, time_taken in taken.items())
        print(f"  {name:<8}{settings.hidden:>10,} hidden parameters  {shown}")


if __name__ == "__main__":
    main()
