"""A finished run in a notebook: its report, its funnel, the histogram of any signal, as polars frames with Altair charts.

run = tamis.open_run("out/web")
run.funnel()                                  shows the chart; .frame is its data
run.histogram("gopher_quality.words").chart   an Altair chart, to change and save
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from tamis import files, folder, mappers, simulate
from tamis.errors import MissingPackage, RunError, suggest
from tamis.folder import Finished
from tamis.plan import BASE
from tamis.report import charts
from tamis.report.facts import FORMAT, facts
from tamis.report.grids import grid
from tamis.report.page_funnel import funnel_rows, group_rows
from tamis.simulate import Numbers


@dataclass(frozen=True)
class Shown:
    """A table and the chart of it.

    Args:
        frame: every number that the chart shows.
        rows: what the chart wants as data.
        kind: the function of `charts` that draws it.
        options: what else that function takes.
    """

    frame: pl.DataFrame
    rows: pl.DataFrame
    kind: str
    options: dict[str, Any]

    @property
    def chart(self) -> Any:
        """An Altair chart.

        Raises:
            MissingPackage: Altair is not installed.
        """
        draw = getattr(charts, self.kind)
        try:
            return charts.for_notebook(draw(self.rows, **self.options))
        except ModuleNotFoundError as error:
            raise MissingPackage('a chart needs the package "altair", which is not installed.\nFix: pip install altair') from error

    def __repr__(self) -> str:
        """What a plain prompt shows: the table."""
        return repr(self.frame)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """What a notebook shows: the chart."""
        return self.chart._repr_mimebundle_(include, exclude)


@dataclass(frozen=True)
class Run:
    """A finished run; made by `open_run`."""

    finished: Finished

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What report.json holds, without samples where it has to be counted again."""
        place = files.join(self.finished.out, "report.json")
        if files.exists(place):
            found: dict[str, Any] = files.read_json(place)
            if found.get("format") == FORMAT:
                return found
        return facts(self.finished)

    def report(self) -> Shown:
        """What became of each group of documents: one row for each value of source, language and so on, with the 95 % interval of the share kept.

        The chart is that of the first axis that the data has.
        """
        rows = [{"axis": axis["axis"], **row} for axis in self.facts["axes"] for row in axis["rows"]]
        frame = pl.DataFrame(
            [
                {**{key: value for key, value in row.items() if key not in ("dropped", "kept_share_interval")}, **_bounds(row)}
                for row in rows
            ]
        )
        first = self.facts["axes"][0]
        return Shown(frame, _frame(group_rows([(str(row["value"]), row) for row in first["rows"]])), "groups", {})

    def funnel(self) -> Shown:
        """What each stage was reached by and dropped, in documents and bytes, one row a stage."""
        frame = pl.DataFrame(
            [{key: value for key, value in step.items() if key not in ("rules", "edited")} for step in self.facts["stages"]]
        )
        return Shown(frame, _frame(funnel_rows(self.facts)), "funnel", {})

    def histogram(self, signal: str) -> Shown:
        """Readable and kept documents by the value of any signal.

        Args:
            signal: "<stage>.<signal>".

        Returns:
            low, high (of the bin; f64), documents and kept (i64). What is not measurable, or infinite, is in no bin.

        Raises:
            RunError: the run has no such signal, or it is no number.
        """
        numbers = Numbers(self.finished, mappers.default_workers())
        known = [
            f"{stage}.{name}"
            for stage, names in self.finished.measured.items()
            if stage != BASE
            for name in names
            if not name.startswith("_")
        ]
        if signal not in known:
            raise RunError(f'{self.finished.out} has no signal "{signal}". {suggest(signal, known, what="signals:")}')
        parts = list(numbers.each({signal}, lambda _, frame: frame[signal]))
        column = pl.concat(parts) if parts else pl.Series(signal, [], pl.Float64)
        if not column.dtype.is_numeric():
            raise RunError(f'"{signal}" holds {column.dtype}, no numbers.')
        values = column.cast(pl.Float64).to_numpy()
        finite = np.isfinite(values)
        cut = grid(values[finite], None, whole=column.dtype.is_integer())
        kept = values[finite & (simulate.before(numbers).copies > 0)]
        counts = [
            np.bincount(np.searchsorted(cut.edges[1:-1], some, side="right"), minlength=len(cut.edges) - 1) for some in (values[finite], kept)
        ]
        frame = pl.DataFrame(
            {"low": cut.edges[:-1], "high": cut.edges[1:], "documents": counts[0].astype(np.int64), "kept": counts[1].astype(np.int64)}
        )
        rows = frame.rename({"kept": "left"}).with_columns(shown=pl.format("{}, kept {}", "documents", "left"))
        return Shown(
            frame,
            rows,
            "bins",
            {"scale": cut.scale, "low": float(cut.edges[0]), "high": float(cut.edges[-1]), "most": int(counts[0].max(initial=1))},
        )


def _bounds(row: dict[str, Any]) -> dict[str, float | None]:
    low, high = row["kept_share_interval"] or (None, None)
    return {"kept_share_low": low, "kept_share_high": high}


def _frame(rows: Any) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def open_run(out: str) -> Run:
    """A finished run folder, to look at from Python.

    Raises:
        RunError: there is none, or its run was not finished.
    """
    return Run(folder.opened(str(out)))
