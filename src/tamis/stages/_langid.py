"""The published langid model that the package py3langid ships, read from its file without its code."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import tempfile
import threading
import zipfile
from contextlib import suppress
from dataclasses import fields, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tamis.errors import DataError, MissingPackage
from tamis.kernels.cache import folder

if TYPE_CHECKING:
    from tamis.kernels.langid_model import Automaton

_CODES = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr ht hu hy id ig is it ja jv ka "
    "kk km kn ko ku ky la lg ln lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt qu ro ru sa si sk sl so sq sr sv sw ta te th "
    "tl tr ug uk ur uz vi xh yo zh zu zxx ace bcl dz ext gcf gom grc gug hbo kik nso pcm rw se sn st an ary crh fo fuv gcr guw kab lb "
    "lij ltg uzs wa sdh arz ba mt nn oc tg tk tt vec vo wuu yue"
)
LANGUAGES = tuple(_CODES.split())
"""The labels of py3langid 0.4: ISO 639 codes; "zxx" is text in no language, such as numbers and code."""
_ARRAYS = ("nextmove", "nextmove_row", "out_feat", "ptc", "pc")
_LOADING = threading.Lock()


def model() -> tuple[tuple[str, ...], Automaton]:
    """The labels and the automaton; read once a process.

    Unpacked and laid out, which takes a second, it is kept beside the compiled kernels, in 72 MB: from there it takes 80 ms.

    Raises:
        MissingPackage: py3langid is not installed.
        DataError: it holds a model of another layout.
    """
    with _LOADING:
        return _model()


@cache
def _model() -> tuple[tuple[str, ...], Automaton]:
    path = _path()
    kept = folder() / f"langid-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.npz"
    try:
        return _restored(kept)
    # Not there, or not whole: numpy checks its sums.
    except (OSError, EOFError, KeyError, ValueError, TypeError, RuntimeError, zipfile.BadZipFile):
        names, automaton = _unpacked(path)
        _keep(kept, names, automaton)
        return names, automaton


def _unpacked(path: Path) -> tuple[tuple[str, ...], Automaton]:
    from tamis.kernels import langid_model

    try:
        with lzma.open(path) as packed, np.load(io.BytesIO(packed.read()), allow_pickle=False) as file:
            names = file["classes"].tolist()
            moves, rows, features, weights, priors = (file[name] for name in _ARRAYS)
            automaton = langid_model.pack(moves, rows, features, weights, priors, names)
    except (OSError, EOFError, KeyError, ValueError, lzma.LZMAError) as error:
        raise DataError(
            f'the model "{path}" is not laid out as in py3langid 0.4: {error}.\nFix: pip install "py3langid>=0.4,<0.5"'
        ) from error
    return tuple(dict.fromkeys(names)), automaton


def _restored(kept: Path) -> tuple[tuple[str, ...], Automaton]:
    from tamis.kernels.langid_model import Automaton, lined

    with np.load(kept, allow_pickle=False) as file:
        parts = {item.name: file[item.name] for item in fields(Automaton)}
        whole = {name: part if part.ndim else part.item() for name, part in parts.items()}
        return tuple(file["names"].tolist()), replace(Automaton(**whole), weights=lined(whole["weights"]))


def _keep(kept: Path, names: tuple[str, ...], automaton: Automaton) -> None:
    """Write the model for other processes, whole or not at all; where it cannot be written they will unpack it as well."""
    parts = {item.name: getattr(automaton, item.name) for item in fields(automaton)}
    half = None
    try:
        handle, half = tempfile.mkstemp(dir=kept.parent, prefix=f"{kept.name}.")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, names=np.array(names), **parts)
        os.replace(half, kept)
    except OSError:
        if half is not None:
            with suppress(OSError):
                os.unlink(half)


def _path() -> Path:
    found = find_spec("py3langid")
    if found is None or found.origin is None:
        raise MissingPackage('language needs the package "py3langid", which is not installed.\nFix: pip install py3langid')
    return Path(found.origin).parent / "data" / "model.npz.xz"
