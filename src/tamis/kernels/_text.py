"""Reading and writing text: one code point of valid UTF-8, 8 bytes or 64 bytes at a time."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import extending, types

from tamis.kernels._jit import helper, u64
from tamis.kernels.unicode import SPACE

_intrinsic: Any = extending.intrinsic

# In a mask of 64 bytes, bit k stands for byte k. These are written in LLVM's terms: the loop
# `mask |= u64(low <= data[i + k] <= high) << k`, which LLVM does not see through, makes 12 GB/s a mask, this 128;
# `quality_counts` then makes 390 MB/s rather than 640.
BLOCK = ir.VectorType(ir.IntType(8), 64)
"""64 bytes, as LLVM has them in a register."""
_ONE = np.uint64(1)


def block_at(context, builder, data_type, data, i):
    """For intrinsics: the 64 bytes of an array from i on."""
    pointer = builder.gep(context.make_array(data_type)(context, builder, data).data, [i])
    return builder.load(builder.bitcast(pointer, BLOCK.as_pointer()), align=1)


def in_each_byte(builder, byte):
    """For intrinsics: 64 times a byte."""
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), 64), None)
    first = builder.insert_element(ir.Constant(BLOCK, None), byte, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, first, lanes)


@_intrinsic
def _between(_, data, i, low, high):
    def build(context, builder, signature, arguments):
        data, i, low, high = arguments
        above = builder.sub(block_at(context, builder, signature.args[0], data, i), in_each_byte(builder, low))
        inside = builder.icmp_unsigned("<=", above, in_each_byte(builder, builder.sub(high, low)))
        return builder.bitcast(inside, ir.IntType(64))

    return u64(data, i, low, high), build


@_intrinsic
def _equal(_, data, i, j):
    def build(context, builder, signature, arguments):
        a, b = (block_at(context, builder, signature.args[0], arguments[0], at) for at in arguments[1:])
        return builder.bitcast(builder.icmp_unsigned("==", a, b), ir.IntType(64))

    return u64(data, i, j), build


@_intrinsic
def _prefetch(_, data, i):
    def build(context, builder, signature, arguments):
        data, i = arguments
        pointer = builder.gep(context.make_array(signature.args[0])(context, builder, data).data, [i])
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, *[number] * 3])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(fetch, [pointer, *(ir.Constant(number, setting) for setting in (0, 3, 1))])  # to read, to keep near, data
        return context.get_dummy_value()

    return types.void(data, i), build


@_intrinsic
def count_bits(_, _mask):
    """How many bits are set."""
    return u64(u64), lambda _context, builder, _signature, arguments: builder.ctpop(arguments[0])


@_intrinsic
def zeros_below(_, _mask):
    """The place of the lowest bit; 64 if none is set."""
    return u64(u64), lambda _context, builder, _signature, arguments: builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))


@_intrinsic
def zeros_above(_, _mask):
    """63 less the place of the highest bit; 64 if none is set."""
    return u64(u64), lambda _context, builder, _signature, arguments: builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))


@helper
def fetch_ahead(data, i):
    """Have the processor fetch what is read soon, for walks that come to a text first.

    It foresees that by itself up to the end of a page of 4 KB. A chunk of 64 MB is no longer in its caches when the next stage
    comes to it: murmur128 then makes 1.9 GB/s without this, 5.8 with. Nothing happens where there is no memory.
    """
    _prefetch(data, np.uint64(i) + np.uint64(2048))


@helper
def bytes_between(data, i, low, high):
    """Which of the 64 bytes at i lie between two, both included."""
    return _between(data, np.uint64(i), np.uint8(low), np.uint8(high))


@helper
def bytes_repeated(data, i):
    """Which of the 64 bytes at i equal the byte after them: 65 are read."""
    return _equal(data, np.uint64(i), np.uint64(i) + np.uint64(1))


@helper
def below(mask):
    """All bytes before the first of a mask of 64; all if there is none."""
    return (mask & (~mask + _ONE)) - _ONE


@helper
def word_at(data, i):
    """The 8 bytes at i, the first one lowest."""
    # One load: 7.7 GB/s of murmur128. With a signed index, which may be negative and count from the end, it is 8: 2.3.
    i = np.uint64(i)
    word = np.uint64(0)
    for k in range(8):
        word |= np.uint64(data[i + np.uint64(k)]) << np.uint64(8 * k)
    return word


@helper
def _low_bits(data, i, k):
    """What the k-th byte after i, which is 10xxxxxx, adds to a code point."""
    return int(data[i + np.uint64(k)] & 0x3F)


@helper
def decode(data, i):
    """(code point, bytes) at i."""
    i = np.uint64(i)  # 13 % of murmur128_folded, see `word_at`
    b = data[i]
    if b < 0x80:
        return int(b), 1
    if b < 0xE0:
        return (int(b & 0x1F) << 6) | _low_bits(data, i, 1), 2
    if b < 0xF0:
        return (int(b & 0x0F) << 12) | (_low_bits(data, i, 1) << 6) | _low_bits(data, i, 2), 3
    return (int(b & 0x07) << 18) | (_low_bits(data, i, 1) << 12) | (_low_bits(data, i, 2) << 6) | _low_bits(data, i, 3), 4


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


@helper
def strip(data, start, end, flags):
    """The borders of data[start:end] without white space at either end; flags as of `tamis.kernels.unicode`."""
    while start < end:
        c, width = decode(data, start)
        if not flags[c] & SPACE:
            break
        start += width
    while end > start:
        last = end - 1
        while data[last] & 0xC0 == 0x80:
            last -= 1
        c, _ = decode(data, last)
        if not flags[c] & SPACE:
            break
        end = last
    return start, end
