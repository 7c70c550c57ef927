"""What can go wrong through a user's doing, said in one sentence: where, what, the value seen, how to fix it.

TamisError
DataError        the documents: a missing column, an unreadable file, a wrong type
StageError       a stage: a parameter, or a stage that breaks its contract
RecipeError      the recipe: an unknown key, stage or value
RunError         the run folder: locked, begun with other input, no room on the disk
AblationError    the ablation: too few folds, arms that cannot be told apart, a loss that is missing
MissingPackage   an optional package that is not installed
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class TamisError(Exception):
    """Something the user can mend; the command line prints it and exits with 2."""


class DataError(TamisError):
    """The documents lack something, or cannot be read."""


class StageError(TamisError):
    """A stage was given an impossible parameter, or breaks the contract."""


class RecipeError(TamisError):
    """The recipe does not say what it seems to say."""


class RunError(TamisError):
    """The run folder cannot be used as asked."""


class AblationError(TamisError):
    """The ablation cannot say what it was asked."""


class MissingPackage(TamisError):
    """An optional package is needed and not installed."""


MOST_NAMES = 8
"""Names that are listed where none is near."""


def suggest(name: str, known: Iterable[str], *, what: str = "one of") -> str:
    """Name the nearest known name, or list what there is, at most eight.

    >>> suggest("min_word", ["min_words", "max_words"])
    'Did you mean "min_words"?'
    >>> suggest("x", ["text", "url"], what="columns:")
    'There are columns: text, url.'
    """
    known = list(dict.fromkeys(known))
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{near[0]}"?'
    if not known:
        return "There is none." if what == "one of" else f"There are no {what.removesuffix(':')}."
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES + 1 else ""
    return f"There are {what} {', '.join(known[:MOST_NAMES] if more else known)}{more}."


def require(package: str, *, needed_by: str, extra: str) -> ModuleType:
    """Import an optional package, or say in one sentence how to get it.

    Raises:
        MissingPackage: the package is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackage(
            f'{needed_by} needs the package "{package}", which is not installed.\nFix: pip install "tamis[{extra}]"'
        ) from error
