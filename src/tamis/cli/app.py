"""Commands. Each loads what it needs when it is called, so that `--help` is quick."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tamis import __version__
from tamis.cli.train import train

app = typer.Typer(
    help="Sift pre-training text, and measure what the sifting bought.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(train, name="train")

Out = Annotated[str, typer.Argument(metavar="OUT", help="The folder of a finished run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Side by side.", show_default="one a processor")]


def _version(value: bool) -> None:  # noqa: FBT001  typer calls it so
    if value:
        print(f"tamis {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    del version


@app.command(short_help="Sift shards into a run folder.")
def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A YAML file: columns, stages, output.")],
    inputs: Annotated[list[str], typer.Argument(metavar="SHARDS...", help="Parquet files, or folders of them; paths or URLs.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The run folder; an unfinished one is finished.")],
    workers: Workers = None,
    mapper: Annotated[str, typer.Option(help="threads, processes (for stages in plain Python), ray (many machines) or serial.")] = "threads",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and write nothing.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Accept shards that were not there before.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Accept changed shards: begin again, reusing what still holds.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop, with exit code 2, where a target or a budget cannot be met.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sift shards: measure, decide, write curated shards, a ledger and a report."""
    from tamis.cli import sooner

    with sooner.loading():
        from tamis import mappers, plan, runner
        from tamis import recipe as recipes
        from tamis.cli import show
        from tamis.errors import RunError, suggest
        from tamis.table import make_stage
        from tamis.warm import load_beside, warm

        if mapper not in mappers.MAPPERS:
            raise RunError(f'there is no mapper "{mapper}". {suggest(mapper, mappers.MAPPERS, what="mappers:")}')
        say = show.progress()
        loaded = recipes.strict(recipes.load(recipe)) if strict else recipes.load(recipe)
        beside = load_beside(loaded.stages)
        how = runner.How(workers=workers, mapper=mapper, add=add, fresh=fresh, say=say)
        made = runner.prepare(loaded, inputs, out, how)
        beside.join()
    # The report shows texts with what `mask` finds hidden.
    warm([stage for _, stage in made.named] if dry_run else [*(stage for _, stage in made.named), make_stage("mask")], say)
    if dry_run:
        plan.check(made)
        described = plan.describe(made)
        show.out(json.dumps(described, indent=2) if as_json else show.plan(described))
        return
    say.note(show.beginning(made))
    manifest = runner.carry_out(made, how)
    show.out(json.dumps(manifest, indent=2) if as_json else show.funnel(manifest, made.out))
    show.refuse_nothing(manifest, made.out)


@app.command(short_help="Say why a document was kept or dropped.")
def explain(
    out: Out,
    document: Annotated[str, typer.Argument(metavar="ID", help='An id of the data, or an address like "part-000.parquet:17".')],
    as_json: AsJson = False,
) -> None:
    """Say why a document was kept or dropped: every signal beside its limit."""
    from tamis import explain as explaining
    from tamis import folder
    from tamis.cli import show

    found = explaining.explain(folder.opened(out), document)
    show.out(json.dumps(found, indent=2, default=str) if as_json else "\n\n".join(map(explaining.as_text, found)))


@app.command(short_help="List the largest and most doubtful near-duplicates.")
def clusters(
    out: Out,
    most: Annotated[int, typer.Option("--most", min=1, help="How many of each kind.")] = 10,
    as_json: AsJson = False,
) -> None:
    """List the largest and the most doubtful clusters of near-duplicates."""
    from tamis import clusters as clustering
    from tamis import folder
    from tamis.cli import show

    found = clustering.clusters(folder.opened(out), most)
    show.out(json.dumps(found, indent=2) if as_json else show.clusters(found, out))


@app.command(short_help="Draw the report of a finished run again.")
def report(
    out: Out,
    samples: Annotated[int, typer.Option(min=0, help="Documents shown on either side of each rule; 0: no text at all.")] = 3,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show addresses and numbers of persons in the samples.")] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Draw the report of a finished run again: report.html, report.json, report.md and the data card."""
    from tamis import folder
    from tamis import report as reporting
    from tamis.cli import show
    from tamis.report.facts import Show

    run = folder.opened(out)
    reporting.write(run, Show(samples, masked=not unmasked), workers=workers)
    show.out(json.dumps({name: f"{run.out}/{name}" for name in reporting.FILES}) if as_json else f"{run.out}/report.html")


@app.command(short_help="List the topics of a run.")
def topics(
    out: Out,
    most: Annotated[int, typer.Option("--most", min=1, help="How many topics.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the topics of a run, with their words, their sizes and their most central documents."""
    from tamis import folder, topics_found
    from tamis.cli import mixes, show

    found = topics_found.topics(folder.opened(out), most)
    show.out(json.dumps(found, indent=2) if as_json else mixes.topics(found, out))


@app.command(short_help="Write any documents as shards, with their reasons.")
def export(
    out: Out,
    where: Annotated[str | None, typer.Option(help="""Which: "stage == 'gopher_quality'", "copies == 0 and lang == 'fr'".""")] = None,
    to: Annotated[str | None, typer.Option("--to", "-o", help="A new folder.", show_default="inside OUT/export")] = None,
    mask: Annotated[bool, typer.Option("--mask", help="Mask addresses and numbers of persons in the text, as the edit `mask` does.")] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Write dropped or any other documents as shards, with their reasons."""
    from tamis import export as exporting
    from tamis import folder
    from tamis.cli import show
    from tamis.edits.mask import Mask

    place, count = exporting.export(folder.opened(out), where, to, edits=[Mask()] if mask else [], workers=workers)
    show.out(json.dumps({"folder": place, "documents": count}) if as_json else f"{place}   {count:,} documents")


@app.command("what-if", short_help="Say what a run would keep with other limits.")
def what_if(
    out: Out,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="[STAGE.LIMIT=VALUE...]", help="gopher_quality.min_words=30, sample.share=0.5; null is off, STAGE=off leaves it out.")
    ] = None,
    keep: Annotated[float | None, typer.Option(help="Propose limits that keep this share of the bytes.", show_default=False)] = None,
    target_bytes: Annotated[str | None, typer.Option(help='Propose limits that keep so many bytes: "2GB".', show_default=False)] = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run would have kept with other limits; reads its numbers, no text."""
    from tamis import folder
    from tamis import what_if as asking
    from tamis.cli import answers, show
    from tamis.errors import RunError

    if keep is not None and target_bytes is not None:
        raise RunError("--keep and --target-bytes both say how much to keep.\nFix: give one of them.")
    run = folder.opened(out)
    if keep is None and target_bytes is None:
        answer = asking.what_if(run, assignments or (), workers=workers)
        show.out(json.dumps(answer, indent=2, default=str) if as_json else answers.what_if(answer))
        return
    from tamis import propose
    from tamis.recipe import byte_count

    share = keep if keep is not None else propose.share_of(run, byte_count(str(target_bytes), "--target-bytes"))
    proposed = propose.propose(run, share, assignments or (), workers=workers)
    show.out(json.dumps(proposed, indent=2) if as_json else answers.proposals(proposed, out, assignments or ()))


@app.command(short_help="Say which documents have another fate in another run.")
def diff(
    before: Annotated[str, typer.Argument(metavar="OUT_A", help="The folder of a finished run.")],
    after: Annotated[str, typer.Argument(metavar="OUT_B", help="Another one.")],
    to: Annotated[str | None, typer.Option("--to", "-o", help="A Parquet file for all documents of another fate, with both verdicts.", show_default=False)] = None,
    html: Annotated[str | None, typer.Option("--html", help="A page of the comparison, with the funnel and the mix of both runs.", show_default=False)] = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Say which documents have another fate in another run, and why."""
    from tamis import diff as comparing
    from tamis import files, folder
    from tamis.cli import compared, show

    a, b = folder.opened(before), folder.opened(after)
    found = comparing.diff(a, b, to, workers=workers)
    if html:
        from tamis.report import comparison

        found = comparison.facts(a, b, found)
        files.write_bytes(files.home(html), comparison.draw(found).encode())
    show.out(json.dumps(found, indent=2, default=str) if as_json else compared.diff(found, to, html))


@app.command("compare-conventions", short_help="Count what flips between readings of a rule.")
def compare_conventions(
    inputs: Annotated[list[str], typer.Argument(metavar="SHARDS...", help="Parquet files, or folders of them; paths or URLs.")],
    recipe: Annotated[Path | None, typer.Option(help="Compare its stages, with its limits, after its edits.", show_default="every stage's defaults")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="Compare this stage; may be repeated.", show_default="all with conventions")] = None,
    word_rules: Annotated[bool, typer.Option("--word-rules", help="Vary the word rule as well.")] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Count the documents that flip between the conventions of a stage, by rule."""
    from tamis import conventions
    from tamis import recipe as recipes
    from tamis.cli import compared, show
    from tamis.warm import warm

    say = show.progress()
    loaded = recipes.load(recipe) if recipe else conventions.defaults(stage or ())
    warm(loaded.stages, say)
    found = conventions.compare(inputs, loaded, stage or (), word_rules=word_rules, workers=workers, say=say)
    show.out(json.dumps(found, indent=2) if as_json else compared.conventions(found))


@app.command(short_help="Train small models, and say what curation bought.")
def ablate(
    source: Annotated[list[str] | None, typer.Argument(metavar="OUT", help="The folder of a finished run; or raw shards, if a plan names mixes.")] = None,
    out: Annotated[str, typer.Option("--out", "-o", help="The ablation's folder; an unfinished one is finished.")] = "",
    plan: Annotated[Path | None, typer.Option("--plan", help="A YAML file like pipelines/ablation.yaml.", show_default=False)] = None,
    profile: Annotated[str | None, typer.Option(help="smoke (two minutes on 12 MB), standard or full.", show_default="standard")] = None,
    target: Annotated[str | None, typer.Option(help="What the text is meant for: shards that no filter chose, reference, or none.", show_default="reference")] = None,
    items: Annotated[list[str] | None, typer.Option("--items", help="Evaluation items, JSONL or Parquet; may be repeated.", show_default=False)] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Trainings side by side.", show_default="one a processor")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say again what a finished ablation found.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train small models on curated and raw documents, and say what curation bought."""
    from tamis.ablate import design as designs
    from tamis.ablate import experiment, tell
    from tamis.cli import ablate as pages
    from tamis.cli import show
    from tamis.errors import RunError

    if not out:
        raise RunError("--out is missing.\nFix: name the folder for the ablation, as in `-o out/ablation`.")
    if explain:
        found = experiment.opened(out)
    else:
        if not source:
            raise RunError("there is nothing to examine.\nFix: name the folder that `tamis run … -o` wrote.")
        design = designs.load(plan) if plan else designs.Design()
        design = designs.with_options(design, profile=profile, target=target, items=tuple(items or ()))
        found = experiment.ablate(source, out, design, jobs=jobs, say=show.progress())
        pages.into_report(source, found)
    show.out(json.dumps(found.verdict, indent=2) if as_json else pages.page(tell.told(found)))


@app.command(short_help="Propose shares of the sources for `rebalance`.")
def mix(
    source: Annotated[str, typer.Argument(metavar="OUT", help="The folder of a finished run.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Where the proposal and the table of runs go.")],
    by: Annotated[str, typer.Option(help="The column whose values are groups.")] = "source",
    target: Annotated[str, typer.Option(help="What the text is meant for: shards that no filter chose, reference, or none.")] = "reference",
    runs: Annotated[int, typer.Option(min=32, help="Models, each on a mix of its own.")] = 128,
    max_copies: Annotated[int, typer.Option(min=1, help="How often a document may be given.")] = 4,
    min_share: Annotated[float, typer.Option(min=0, max=1, help="Of each group, at least.")] = 0.0,
    max_share: Annotated[float, typer.Option(min=0, max=1, help="Of each group, at most.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the draws.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Models side by side.", show_default="one a processor")] = None,
    as_json: AsJson = False,
) -> None:
    """Propose shares for `rebalance`: many small models on mixes around the present one, and a regression."""
    from tamis.ablate import mixing
    from tamis.cli import mixed, show

    wanted = target if target in ("reference", "none") else (target,)
    asked = mixing.Mixing(by, wanted, runs, max_copies, min_share, max_share, seed)
    found = mixing.mix(source, out, asked, jobs=jobs, say=show.progress())
    show.out(json.dumps(found, indent=2) if as_json else mixed.page(found))


@app.command(short_help="Print what is known of trained models.")
def models(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Trained models: `edu.bin`, `prose.ngram`; `default` is the one that ships.")],
    as_json: AsJson = False,
) -> None:
    """Print what is known of trained models: name, SHA-256, recipe, training texts, worth."""
    from tamis.cli import models as cards
    from tamis.cli import show

    found = [cards.described(file) for file in files]
    show.out(json.dumps(found, indent=2, default=str) if as_json else "\n\n".join(map(cards.as_text, found)))


@app.command(short_help="List the stages and edits, or document one.")
def stages(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show one stage in full.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the stages and edits, or document one with its parameters."""
    from tamis.cli import document, show

    found: Any = document.all_stages() if name is None else document.stage(name)
    show.out(json.dumps(found, indent=2, default=str) if as_json else document.as_text(found))


@app.command(short_help="Compile all kernels ahead of the first run.")
def warm(as_json: AsJson = False) -> None:
    """Compile all kernels for this machine ahead of the first run."""
    from tamis.cli import show
    from tamis.warm import warm_all

    seconds = warm_all(show.progress())
    show.out(json.dumps({"seconds": round(seconds, 1)}) if as_json else "All kernels are compiled.")

