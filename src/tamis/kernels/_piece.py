"""How pieces of kernels are compiled: no further than the kernel that they become part of needs them.

numba optimises every function together with all that it calls, and makes machine code of it. For a piece, of which the
kernel's compilation makes use once more, both are in vain: together a quarter of the time that kernels take.
"""

from __future__ import annotations

from typing import Any

from numba.core import codegen, compiler

_JITCodeLibrary: Any = codegen.JITCodeLibrary
_CompilerBase: Any = compiler.CompilerBase
_DefaultPassBuilder: Any = compiler.DefaultPassBuilder


class _Unplaced:
    """Stands for numba's code generator where a compiled function is told its place in memory: pieces have none."""

    def set_env(self, name: str, environment: Any) -> None:
        """Nothing: the environment holds the objects of exceptions, which kernels do not raise."""


class _Piece(_JITCodeLibrary):  # type: ignore[misc]
    """The code of one piece: linked to what it calls, and left at that."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    @property
    def codegen(self) -> _Unplaced:
        """Asked for by nothing but numba's `get_executable`."""
        return _Unplaced()

    def get_pointer_to_function(self, name: str) -> int:
        """None: nothing calls a piece but kernels."""
        del name
        self._ensure_finalized()
        return 0


# For closures, `with`, exceptions, `literal_unroll` and array expressions, of which kernels have none: 7 % of the time.
_NOT_NEEDED = {
    "WithLifting",
    "InlineClosureLikes",
    "RewriteDynamicRaises",
    "MakeFunctionToJitFunction",
    "InlineInlinables",
    "FindLiterallyCalls",
    "LiteralUnroll",
    "LiteralPropagationSubPipelinePass",
    "InlineOverloads",
}


class Inside(_CompilerBase):  # type: ignore[misc]
    """The compiler of pieces: numba's own, up to where machine code would begin."""

    def define_pipelines(self) -> list[Any]:
        """One, without Python objects."""
        state = self.state
        # What lowering does where there is none yet.
        state.library = _Piece(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        made = _DefaultPassBuilder.define_nopython_pipeline(state)
        made.passes = [one for one in made.passes if one[0].__name__ not in _NOT_NEEDED]
        return [made]
