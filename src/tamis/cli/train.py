"""`tamis train …`: models that stages score documents with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

train = typer.Typer(help="Train models that stages score documents with.", no_args_is_help=True, rich_markup_mode=None)
Files = list[str] | None
Dim = Annotated[int | None, typer.Option(help="Numbers a feature.", show_default="the preset's")]
Epochs = Annotated[int | None, typer.Option(help="Passes.", show_default="the preset's")]
LearningRate = Annotated[float | None, typer.Option(help="At the beginning.", show_default="the preset's")]
WordNgrams = Annotated[int | None, typer.Option(help="Longest run of words.", show_default="the preset's")]
Buckets = Annotated[int | None, typer.Option(help="Rows for runs of words.", show_default="the preset's")]
MinCount = Annotated[int | None, typer.Option(help="Occurrences of a word that has a row.", show_default="the preset's")]
Text = Annotated[str, typer.Option(help="What the files call the text.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


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
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the draw.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Side by side.", show_default="one a processor")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Count the n-grams of reference text, for the stage `perplexity`."""
    from tamis import files
    from tamis.cli import show, trained
    from tamis.lm.train import Settings
    from tamis.lm.train import train as train_models
    from tamis.mappers import default_workers
    from tamis.recipe import byte_count
    from tamis.stages.perplexity import Perplexity
    from tamis.warm import warm

    warm([Perplexity(Path(files.home(out)))], show.progress())
    settings = Settings(vocabulary, byte_count(max_bytes, "--max-bytes"), seed=seed, text=text, by=by)
    made = train_models(inputs, out, settings, workers=workers or default_workers())
    show.out(json.dumps(made, indent=2) if as_json else trained.models(made, by))


@train.command()
def quality(
    out: Annotated[Path, typer.Option("--out", "-o", help="The model; its card and report come beside it.")],
    positive: Annotated[
        Files, typer.Option(help="Parquet or JSONL of good text, or a folder of Parquet; may be repeated.", show_default=False)
    ] = None,
    negative: Annotated[Files, typer.Option(help="The same of other text.", show_default=False)] = None,
    data: Annotated[Files, typer.Option(help="Files with a label column, instead of the two.", show_default=False)] = None,
    label_column: Annotated[str | None, typer.Option(help="The column of --data that names the class.", show_default=False)] = None,
    good: Annotated[
        Files, typer.Option(help="A label that is good; may be repeated.", show_default="positive, or numbers above the middle")
    ] = None,
    match: Annotated[Files, typer.Option(help="Make classes alike in length, or source; may be repeated.", show_default=False)] = None,
    held_out: Annotated[float, typer.Option(help="Share of documents that validate, in whole clusters of near-duplicates.")] = 0.2,
    held_out_where: Annotated[
        str | None, typer.Option(help="""Hold out these instead: 'source in ["forum", "shop"]'.""", show_default=False)
    ] = None,
    preset: Annotated[str, typer.Option(help="default, dclm or small.")] = "default",
    dim: Dim = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    word_ngrams: WordNgrams = None,
    buckets: Buckets = None,
    min_count: MinCount = None,
    text: Text = "text",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Another seed is another sample, split and model.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a quality classifier, and say whether it beats length and topic alone."""
    from tamis.cli import show
    from tamis.cli.models import as_text
    from tamis.documents import Columns
    from tamis.train import report, settings
    from tamis.train.examples import chosen
    from tamis.train.quality import How
    from tamis.train.quality import train as train_model

    numbers = settings.preset(preset).changed(
        dim=dim, epochs=epochs, learning_rate=learning_rate, word_ngrams=word_ngrams, buckets=buckets, min_count=min_count
    )
    examples = chosen(positive or (), negative or (), data or (), label_column, Columns(text=text))
    how = How(numbers, tuple(good or ()), tuple(match or ()), held_out, held_out_where, seed, preset)
    model = _model_file(out)
    made = train_model(examples, how, model)
    report.write(model, made)
    show.out(
        json.dumps(made, indent=2)
        if as_json
        else as_text(made) + f"\n\n{model}\nNext: read {model}.md, or score with `- quality: {{model: {model}}}` in a recipe."
    )


def _model_file(out: Path) -> Path:
    place = Path(os.path.expanduser(out))
    return place if place.suffix == ".bin" else place.with_name(place.name + ".bin")


@train.command()
def topics(
    data: Annotated[
        Files, typer.Option(help="Parquet or JSONL with a column of topics, or a folder of Parquet; may be repeated.", show_default=False)
    ] = None,
    label_column: Annotated[str, typer.Option(help="The column that names the topic.")] = "topic",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The model; its card and report come beside it.", show_default=False)
    ] = None,
    min_documents: Annotated[int, typer.Option(help="Of a topic; those of rarer topics are left out.")] = 20,
    held_out: Annotated[float, typer.Option(help="Share of the text that validates, in whole clusters of near-duplicates.")] = 0.2,
    preset: Annotated[str, typer.Option(help="topics, default, dclm or small.")] = "topics",
    dim: Dim = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    word_ngrams: WordNgrams = None,
    buckets: Buckets = None,
    min_count: MinCount = None,
    text: Text = "text",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Another seed is another split and model.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a classifier of topics from a labelled column, for the stage `topics`."""
    from tamis.cli import show
    from tamis.cli.models import as_text
    from tamis.documents import Columns
    from tamis.errors import DataError
    from tamis.train import report, settings
    from tamis.train import topics as training

    if not data or out is None:
        name, example = ("--data", "texts.parquet") if not data else ("--out", "topics.bin")
        raise DataError(f"{name} is missing.\nFix: name the file, as in `{name} {example}`.")
    numbers = settings.preset(preset).changed(
        dim=dim, epochs=epochs, learning_rate=learning_rate, word_ngrams=word_ngrams, buckets=buckets, min_count=min_count
    )
    model = _model_file(out)
    examples = training.from_column(data, label_column, Columns(text=text))
    made = training.train(examples, training.How(numbers, min_documents, held_out, seed, preset), model)
    report.write(model, made)
    show.out(
        json.dumps(made, indent=2)
        if as_json
        else as_text(made) + f"\n\n{model}\nNext: read {model}.md, or label with `- topics: {{classifier: {model}}}` in a recipe."
    )
