"""Planted copies, and how alike two texts are."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from _dice import Dice
from _documents import Document
from _phrases import PAGE_BOTTOM, PAGE_TOP

_WORDS_A_SHINGLE = 5
_WORD = re.compile(r"\w+")
Shingle = tuple[str, ...]


def shingles(text: str) -> set[Shingle]:
    """Return the set of runs of five words; fewer words are one shingle, no words are none."""
    words = _WORD.findall(text.lower())
    if len(words) < _WORDS_A_SHINGLE:
        return {tuple(words)} if words else set()
    return set(zip(*(words[i:] for i in range(_WORDS_A_SHINGLE)), strict=False))


def alike(
    left: Sequence[set[Shingle]], right: Sequence[set[Shingle]], least: float
) -> Iterator[tuple[int, int, float]]:
    """Find the pairs of one set of each side whose Jaccard similarity is at least so much.

    Exact: shared shingles are counted for every pair that has any.
    """
    holders: dict[Shingle, list[int]] = defaultdict(list)
    for i, held in enumerate(left):
        for shingle in held:
            holders[shingle].append(i)
    for j, held in enumerate(right):
        shared = Counter(i for shingle in held for i in holders.get(shingle, ()))
        for i, n in sorted(shared.items()):
            jaccard = n / (len(left[i]) + len(held) - n)
            if jaccard >= least:
                yield i, j, jaccard


def whitespace_case(text: str, dice: Dice, _: Sequence[str]) -> str:
    """Change the case of all letters, and every run of white space."""
    change: Callable[[str], str] = dice.pick([str.upper, str.lower, str.swapcase])
    return change(re.sub(r"\s+", lambda _: dice.pick([" ", " ", "  ", "\n", "\t"]), text))


def wrapped(text: str, dice: Dice, _: Sequence[str]) -> str:
    """Put the text between the top and the bottom of another site's page."""
    top, bottom = (dice.some(part, dice.between(4, 10)) for part in (PAGE_TOP, PAGE_BOTTOM))
    return "\n".join([*top, "", text, "", *bottom])


def edited(share: float) -> Callable[[str, Dice, Sequence[str]], str]:
    """Return an edit that changes this share of the words, at least one."""

    def edit(text: str, dice: Dice, words: Sequence[str]) -> str:
        parts = re.split(r"(\s+)", text)  # words at even places, white space between them
        places = [i for i in range(0, len(parts), 2) if parts[i]]
        for i in dice.some(places, max(1, round(share * len(places)))):
            kind = dice.share()
            other = dice.pick(words)
            parts[i] = other if kind < 0.6 else f"{parts[i]} {other}" if kind < 0.8 else ""
        return "".join(parts)

    return edit


def cut_80(text: str, _dice: Dice, _words: Sequence[str]) -> str:
    """Keep the first 80 % of the characters, up to the end of a word."""
    return text[: len(text) * 4 // 5].rpartition(" ")[0]


def shuffled(text: str, dice: Dice, _: Sequence[str]) -> str:
    """Put the paragraphs in another order."""
    return "\n\n".join(dice.shuffled(text.split("\n\n")))


EDITS: dict[str, Callable[[str, Dice, Sequence[str]], str]] = {
    "exact": lambda text, _dice, _words: text,
    "whitespace_case": whitespace_case,
    "wrapped": wrapped,
    "edit_02": edited(0.02),
    "edit_10": edited(0.10),
    "edit_35": edited(0.35),
    "cut_80": cut_80,
    "shuffled": shuffled,
}


def copies(originals: Sequence[Document], words: Sequence[str], n: int) -> list[Document]:
    """Plant n copies with each edit; some originals are copied more than once."""
    planted = []
    for what, edit in EDITS.items():
        fit = [d for d in originals if what != "shuffled" or d.text.count("\n\n") >= 4]
        for number, original in enumerate(Dice("copy", what).some(fit, n)):
            dice = Dice("copy", what, number)
            host = f"mirror-{dice.between(1, 12)}.{dice.pick(['example', 'test'])}"
            planted.append(
                replace(
                    original,
                    text=edit(original.text, dice, words),
                    url=f"https://{host}/{what[0]}{dice.between(1000, 9999)}/{original.id}",
                    source="mirror",
                    kind="duplicate",
                    what=what,
                    of=original.id,
                )
            )
    return planted


def spread(documents: Iterable[Document], shards: int) -> list[list[Document]]:
    """Deal documents over shards in a drawn order; a copy never lies beside its original."""
    order = Dice("order").shuffled(documents)
    place = {d.id: i % shards for i, d in enumerate(order)}
    for d in order:
        if d.of is not None and place[d.id] == place[d.of]:
            place[d.id] = (place[d.of] + Dice("place", d.id).between(1, shards - 1)) % shards
    return [[d for d in order if place[d.id] == shard] for shard in range(shards)]
