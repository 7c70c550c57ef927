"""Reading and writing one code point of valid UTF-8."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from tamis.kernels._jit import helper


@helper
def decode(data, i):
    """(code point, bytes) at i."""
    b = data[i]
    if b < 0x80:
        return int(b), 1
    if b < 0xE0:
        return (int(b & 0x1F) << 6) | int(data[i + 1] & 0x3F), 2
    if b < 0xF0:
        return (int(b & 0x0F) << 12) | (int(data[i + 1] & 0x3F) << 6) | int(data[i + 2] & 0x3F), 3
    c = (int(b & 0x07) << 18) | (int(data[i + 1] & 0x3F) << 12) | (int(data[i + 2] & 0x3F) << 6) | int(data[i + 3] & 0x3F)
    return c, 4


@helper
def encode(c, out, n):
    """Write a code point at n, and return the place after it."""
    if c < 0x80:
        out[n] = c
        return n + 1
    if c < 0x800:
        out[n] = 0xC0 | (c >> 6)
        out[n + 1] = 0x80 | (c & 0x3F)
        return n + 2
    if c < 0x10000:
        out[n] = 0xE0 | (c >> 12)
        out[n + 1] = 0x80 | ((c >> 6) & 0x3F)
        out[n + 2] = 0x80 | (c & 0x3F)
        return n + 3
    out[n] = 0xF0 | (c >> 18)
    out[n + 1] = 0x80 | ((c >> 12) & 0x3F)
    out[n + 2] = 0x80 | ((c >> 6) & 0x3F)
    out[n + 3] = 0x80 | (c & 0x3F)
    return n + 4
