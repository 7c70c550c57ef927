"""Rows of 16-bit integers, added 32 columns at a time."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import extending, types

_intrinsic: Any = extending.intrinsic

LANES = 32
_NARROW, _WIDE = ir.VectorType(ir.IntType(16), LANES), ir.VectorType(ir.IntType(32), LANES)


@_intrinsic
def add_eight(_, table, a, b, c, d, e, f, g, h, sums, j):
    """Add to sums[j:j + LANES] what begins at eight places of a table of u16; their sum must not pass 16 bits.

    Said to LLVM in its own terms: the loop over columns, which may overlap for all it knows, takes three times as long.
    """

    def build(context, builder, signature, arguments):
        table, *places, sums, j = arguments
        data = context.make_array(signature.args[0])(context, builder, table).data
        rows = [builder.bitcast(builder.gep(data, [place]), _NARROW.as_pointer()) for place in places]
        total = builder.load(rows[0], align=2)
        for row in rows[1:]:
            total = builder.add(total, builder.load(row, align=2))
        into = builder.gep(context.make_array(signature.args[-2])(context, builder, sums).data, [j])
        into = builder.bitcast(into, _WIDE.as_pointer())
        builder.store(builder.add(builder.load(into, align=4), builder.zext(total, _WIDE)), into, align=4)
        return context.get_dummy_value()

    return types.none(table, a, b, c, d, e, f, g, h, sums, j), build
