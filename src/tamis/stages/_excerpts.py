"""A part of each long text that stands for the whole."""

from __future__ import annotations

import numpy as np

QUARTERS = 4
_NOTHING, _NEWLINE = 0, 1


def excerpts(data: np.ndarray, offsets: np.ndarray, max_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each longer text, equal stretches from the middles of its quarters, a newline between them; shorter texts are whole.

    Heads of web pages are menus, and feet are notices: stretches from four places go by the text more often than as many bytes from
    its beginning.

    Args:
        data: u8[:], UTF-8.
        offsets: i64[n + 1].
        max_bytes: at least 4.

    Returns:
        data: u8[:], UTF-8; stretches begin and end between characters.
        offsets: i64[n + 1]. Of a text of more than `max_bytes` bytes, at least `max_bytes - 3` and at most `max_bytes + 27` follow each other.
    """
    from tamis.kernels.splice import Parts, splice

    sizes = np.diff(offsets)
    long = np.flatnonzero(sizes > max_bytes)
    if not len(long):
        return data, offsets
    stretch = max_bytes // QUARTERS
    quarters = sizes[long, None] // QUARTERS
    begins = offsets[long, None] + quarters * np.arange(QUARTERS) + (quarters - stretch) // 2
    # Outward, so that as many bytes as were asked for are there in any script; neighbours that meet are one.
    begins, ends = at_character(data, begins, -1), at_character(data, begins + stretch, 1)
    # What lies before, between and after the stretches is what goes.
    gaps = np.concatenate([offsets[long, None], ends], axis=1), np.concatenate([begins, offsets[long + 1, None]], axis=1)
    instead = np.broadcast_to([_NOTHING, *[_NEWLINE] * (QUARTERS - 1), _NOTHING], gaps[0].shape)
    some = gaps[0] < gaps[1]
    return splice(data, offsets, Parts(gaps[0][some], gaps[1][some]), np.frombuffer(b"\n", np.uint8), np.array([0, 0, 1]), instead[some])


def at_character(data: np.ndarray, places: np.ndarray, step: int) -> np.ndarray:
    """The places, moved to where a character begins or the data end.

    Args:
        data: u8[:], UTF-8.
        places: i64[...].
        step: 1 to move on, -1 to move back.
    """
    found = places.ravel().copy()
    for _ in range(3):
        inside = np.flatnonzero(found < len(data))
        within = inside[data[found[inside]] & 0xC0 == 0x80]
        found[within] += step
    return found.reshape(places.shape)
