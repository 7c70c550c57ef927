"""How kernels are compiled: ahead of time for one signature, without the GIL, kept on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core import caching, typeinfer

from tamis.kernels import cache
from tamis.kernels._piece import Inside

Function = TypeVar("Function", bound=Callable[..., Any])
_LOCK = threading.Lock()
_njit: Any = numba.njit
_config: Any = numba.config
_FunctionCache: Any = caching.FunctionCache
# What `_Kept` stands on is numba's own affair: without it kernels load as numba loads them, a little later.
_KNOWN = all(hasattr(_FunctionCache, name) for name in ("_guard_against_spurious_io_errors", "_load_overload")) and hasattr(typeinfer, "register_dispatcher")

# Without numba's runtime: counting references to the arrays that helpers are given took 60 % of the time of
# `quality_counts` (84 MB/s with it, 206 without). In return, nothing compiled here can allocate: pass scratch arrays.
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}
# Helpers are never called from Python or C: without the ways in, kernels compile in two thirds of the time.
_INSIDE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": Inside}


b1, u8, u16, u32, u64 = numba.types.boolean, numba.types.uint8, numba.types.uint16, numba.types.uint32, numba.types.uint64
i32, i64, f32, f64 = numba.types.int32, numba.types.int64, numba.types.float32, numba.types.float64


def reads(dtype: Any, ndim: int = 1) -> Any:
    """The type of an input array. Read-only, as Arrow's buffers are; a writable array may be passed too."""
    return numba.types.Array(dtype, ndim, "C", readonly=True)


def writes(dtype: Any, ndim: int = 1) -> Any:
    """The type of an output array."""
    return numba.types.Array(dtype, ndim, "C")


def kernel(*arguments: Any) -> Callable[[Function], Function]:
    """Compile a function for these argument types when it is defined, or load what was compiled before.

    A kernel writes into arrays that it is given; it cannot make any (a compile-time error). One signature a function: two
    that compile at once then write the same files with the same meaning.
    """

    def compiled(function: Function) -> Function:
        try:
            with _LOCK, _cached_in(str(cache.folder())):
                return _kept(arguments, function)
        except (OSError, RuntimeError):  # the disk is full, or the folder went away
            return _njit(arguments, **_OPTIONS)(function)  # type: ignore[no-any-return]

    return compiled


class _Kept(_FunctionCache):  # type: ignore[misc]
    """What numba keeps on disk, fetched without all that only compiling needs.

    numba first loads every rule it has for types and for machine code, and scipy's linear algebra with them: 0.2 s of CPU in
    each process. Machine code that takes no memory of numba's (`_nrt`) refers to none of it; what is not here is compiled, and
    the compiler loads them by itself.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function for a signature; None if it was not kept."""
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def _kept(arguments: tuple[Any, ...], function: Function) -> Function:
    """What `njit(arguments, cache=True)` makes, with a cache of our own."""
    if _config.DISABLE_JIT or not _KNOWN:
        return _njit(arguments, cache=True, **_OPTIONS)(function)  # type: ignore[no-any-return]
    made = _njit(**_OPTIONS)(function)
    made._cache = _Kept(function)  # noqa: SLF001  there is no public way in
    with typeinfer.register_dispatcher(made):
        made.compile(arguments)
        made.disable_compile()
    return made  # type: ignore[no-any-return]


@contextmanager
def _cached_in(folder: str) -> Iterator[None]:
    """Let numba keep what it compiles here and nowhere else, for a while: its settings are the user's."""
    before = _config.CACHE_DIR, getattr(_config, "CACHE_LOCATOR_CLASSES", "")
    _config.CACHE_DIR, _config.CACHE_LOCATOR_CLASSES = folder, "UserProvidedCacheLocator"
    try:
        yield
    finally:
        _config.CACHE_DIR, _config.CACHE_LOCATOR_CLASSES = before


def helper(function: Function) -> Function:
    """A piece of a kernel: compiled into the kernels that call it, never by itself.

    numba does not see that a cached caller is stale when its helper changes; the folder's name, which holds a hash of
    all kernel sources, does.
    """
    return _once_a_type(_njit(forceinline=True, **_INSIDE, **_OPTIONS)(function))  # type: ignore[no-any-return]


def rare(function: Function) -> Function:
    """A helper that is seldom reached: called and not inlined, which takes a fraction of the time to compile."""
    return _once_a_type(_njit(**_INSIDE, **_OPTIONS)(function))  # type: ignore[no-any-return]


def _once_a_type(piece: Any) -> Any:
    """Let a piece be compiled once for all numbers it is called with: numba takes each literal for a type of its own.

    `bytes_between` was compiled 31 times for `tamis.kernels.lines`. LLVM folds literals once the piece is inlined.
    """
    as_numba_would = piece.get_call_template

    def as_types(args: Any, kws: Any) -> Any:
        plain: Any = numba.types.unliteral
        return as_numba_would([plain(kind) for kind in args], {name: plain(kind) for name, kind in kws.items()})

    piece.get_call_template = as_types
    return piece


def aligned(values: np.ndarray, dtype: Any) -> np.ndarray:
    """The array as kernels take it: this dtype, C order, aligned. A view where possible."""
    return np.require(values, dtype, ["C", "A"])
