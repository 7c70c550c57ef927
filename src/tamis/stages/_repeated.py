"""Where lines, paragraphs and phrases repeat, for people who look at one text; what a filter decides by is measured by kernels.

Each gives places as (first character, the one after the last), ascending and apart. Words are runs of letters and numbers.
"""

from __future__ import annotations

import re
from collections import Counter

Places = list[tuple[int, int]]


def lines(text: str) -> Places:
    """Lines that stand above already, but for white space around them."""
    return _copies(text, r"[^\n]+")


def paragraphs(text: str) -> Places:
    """What lies between blank lines and stands above already."""
    return _copies(text, r"[^\n]+(?:\n[^\n]+)*")


def _copies(text: str, pattern: str) -> Places:
    seen: set[str] = set()
    found: Places = []
    for match in re.finditer(pattern, text):
        content = match.group().strip()
        if content in seen:
            found.append(match.span())
        elif re.search(r"\w", content):
            seen.add(content)
    return found


def phrases(text: str, words: int) -> Places:
    """Phrases of so many words that stand above already; those that overlap are one place."""
    spans = [match.span() for match in re.finditer(r"\w+", text)]
    said = [text[a:b] for a, b in spans]
    seen: set[tuple[str, ...]] = set()
    found: Places = []
    for i in range(len(said) - words + 1):
        phrase = tuple(said[i : i + words])
        if phrase not in seen:
            seen.add(phrase)
            continue
        start, stop = spans[i][0], spans[i + words - 1][1]
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


def most_frequent(text: str, words: int) -> Places:
    """All places of the phrase of so many words that holds most characters; none if no phrase repeats."""
    spans = [match.span() for match in re.finditer(r"\w+", text)]
    said = [text[a:b] for a, b in spans]
    counts = Counter(tuple(said[i : i + words]) for i in range(len(said) - words + 1))
    repeated = [phrase for phrase, count in counts.items() if count > 1]
    if not repeated:
        return []
    top = max(repeated, key=lambda phrase: (counts[phrase] * sum(map(len, phrase)), phrase))
    found: Places = []
    for i in range(len(said) - words + 1):
        if tuple(said[i : i + words]) == top and (not found or spans[i][0] >= found[-1][1]):
            found.append((spans[i][0], spans[i + words - 1][1]))
    return found
