"""`tamis train …`: models that stages score documents with."""

from __future__ import annotations

import json
from typing import Annotated

import typer

train = typer.Typer(help="Train models that stages score documents with.", no_args_is_help=True)


@train.command()
def lm(
    inputs: Annotated[
        list[str], typer.Argument(metavar="TEXT...", help="Reference text: Parquet or JSON Lines files, folders of Parquet; paths or URLs.")
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="The model file; with --by a folder for them.")],
    by: Annotated[
        str | None, typer.Option(help="A column, such as lang: a model for each of its values.", show_default="one model")
    ] = None,
    text: Annotated[str, typer.Option(help="The column of the text.")] = "text",
    vocabulary: Annotated[int, typer.Option(help="Different tokens.")] = 8192,
    max_bytes: Annotated[str, typer.Option(help="Text for a model, drawn at random if there is more.")] = "30MB",
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Side by side.", show_default="one a processor")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Count the n-grams of reference text, for the stage `perplexity`."""
    from pathlib import Path

    from tamis.cli import show, trained
    from tamis.lm.train import Settings
    from tamis.lm.train import train as train_models
    from tamis.mappers import default_workers
    from tamis.recipe import byte_count
    from tamis.stages.perplexity import Perplexity
    from tamis.warm import warm

    warm([Perplexity(Path(out))], show.progress())
    settings = Settings(vocabulary, byte_count(max_bytes, "--max-bytes"), seed=seed, text=text, by=by)
    made = train_models(inputs, out, settings, workers=workers or default_workers())
    show.out(json.dumps(made, indent=2) if as_json else trained.models(made, by))
