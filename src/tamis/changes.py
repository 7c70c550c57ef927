"""What differs between two recipes, parameter by parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ON, OFF = "on", "off"
"""What stands for a stage that only one of the recipes has."""


@dataclass(frozen=True)
class Change:
    """A parameter of two values.

    Args:
        place: "gopher_quality.min_words", "gopher_quality.by.lang.fr.min_words", or a stage that only one recipe has.
        before: a value as YAML holds it; None where it is not given.
        after: likewise.
    """

    place: str
    before: Any
    after: Any


def between(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    """What differs, in the order of the first, then of the second.

    Args:
        before: section or stage → its parameters, every default spelled out.
        after: likewise.
    """
    found: list[Change] = []
    for name in dict.fromkeys((*before, *after)):
        if name not in before or name not in after:
            found.append(Change(name, *((ON, OFF) if name in before else (OFF, ON))))
            continue
        a, b = dict(_flat(before[name], name)), dict(_flat(after[name], name))
        found += [Change(place, a.get(place), b.get(place)) for place in dict.fromkeys((*a, *b)) if a.get(place) != b.get(place)]
    return found


def _flat(parameters: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    for key, value in parameters.items():
        inner = f"{place}.{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, inner)
        else:
            yield inner, value
