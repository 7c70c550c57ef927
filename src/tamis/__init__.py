"""tamis sifts pre-training text, and measures what the sifting bought.

    import tamis

    tamis.sift(table, [tamis.make_stage("gopher_quality", min_words=30)])         documents that stay
    tamis.judge(table, stages)                                               a verdict for every row
    tamis.per_batch(stages)                                                  a function for other pipelines
    tamis.run(tamis.load_recipe("recipe.yaml"), ["shards/"], "out")          shards into a run folder
    tamis.open_run("out").histogram("gopher_quality.words")                  a finished run, as frames and charts

Names are loaded when first used: importing tamis loads neither polars nor any kernel.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tamis.documents import Columns
    from tamis.errors import DataError, MissingPackage, RecipeError, RunError, StageError, TamisError
    from tamis.memory import judge, per_batch, sift
    from tamis.recipe import Output, Recipe
    from tamis.recipe import load as load_recipe
    from tamis.report.notebook import open_run
    from tamis.runner import How, run
    from tamis.stage import Edit, Filter, Stage
    from tamis.table import make_stage

_HOME = {
    "Columns": "documents:Columns",
    "DataError": "errors:DataError",
    "Edit": "stage:Edit",
    "Filter": "stage:Filter",
    "How": "runner:How",
    "MissingPackage": "errors:MissingPackage",
    "Output": "recipe:Output",
    "Recipe": "recipe:Recipe",
    "RecipeError": "errors:RecipeError",
    "RunError": "errors:RunError",
    "Stage": "stage:Stage",
    "StageError": "errors:StageError",
    "TamisError": "errors:TamisError",
    "judge": "memory:judge",
    "load_recipe": "recipe:load",
    "make_stage": "table:make_stage",
    "open_run": "report.notebook:open_run",
    "per_batch": "memory:per_batch",
    "run": "runner:run",
    "sift": "memory:sift",
}
__all__ = [
    "Columns", "DataError", "Edit", "Filter", "How", "MissingPackage", "Output", "Recipe", "RecipeError", "RunError", "Stage",
    "StageError", "TamisError", "judge", "load_recipe", "make_stage", "open_run", "per_batch", "run", "sift",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f'module "tamis" has no attribute "{name}"')
    module, _, thing = _HOME[name].partition(":")
    value = getattr(importlib.import_module(f"tamis.{module}"), thing)
    globals()[name] = value
    return value
