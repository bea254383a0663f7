"""Tables: one table as CSV, Markdown and LaTeX, and as JSON, from which the report makes HTML."""

import math
from argparse import Namespace
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass
from tabulate import tabulate

from workflow_scripts.jobs.files import write_text

if TYPE_CHECKING:
    import pandas as pd  # which the report, a reader of tables, need not import

WHOLE = ConfigDict(extra="forbid", ser_json_inf_nan="strings")  # so that NaN comes back from JSON as NaN

# What every stage of a table writes.
OUTPUTS = {
    "csv": "the numbers in full precision",
    "markdown": "the table as Markdown",
    "latex": "the table as LaTeX",
    "json": "the table as the report shows it",
}


@dataclass(frozen=True, config=WHOLE)
class Column:
    """The header of a column; neighbouring columns of one group share a header above their own."""

    text: str
    group: str = ""
    latex: str | None = None  # where it differs from the escaped text


@dataclass(frozen=True, config=WHOLE)
class Cell:
    """What one cell shows."""

    text: str
    latex: str | None = None  # where it differs from the escaped text
    value: float | None = None  # what the report sorts by; None: the text
    gray: bool = False  # italic in Markdown, which has no colours
    verdict: bool | None = None  # whether what is asked holds, which the report shows by a sign and a colour


@dataclass(frozen=True, config=WHOLE)
class Table:
    """A table as a reader sees it; its first `labels` columns say what a row is about."""

    title: str
    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    labels: int = 1
    gray_means: str = ""
    aside: list[int] = field(default_factory=list)  # numbers of rows that the report shows only if asked to
    aside_means: str = ""  # what these are, as "claims about models that the study lacks"


def number(value: float, decimals: int = 2) -> str:
    """Return a number as it is shown; NA where it is undefined."""
    return "NA" if math.isnan(value) else f"{value:z.{decimals}f}"


def number_cell(value: float, decimals: int = 2, undefined: str = "NA") -> Cell:
    """Return a cell with a number."""
    if math.isnan(value):
        return Cell(undefined, value=value)
    text = number(value, decimals)
    return Cell(text, latex=f"${text}$", value=value)


def interval_cell(
    value: float, low: float, high: float, decimals: int = 2, undefined: str = "NA", gray: bool | None = None
) -> Cell:
    """Return a number and its interval, if that is defined; gray, unless `gray` says, where the interval holds 0."""
    if math.isnan(value) or math.isnan(low):
        return number_cell(value, decimals, undefined)
    shown, *ends = (number(each, decimals) for each in (value, low, high))
    latex = f"${shown}$ [${ends[0]}$ ${ends[1]}$]"
    holds_zero = bool(low <= 0 <= high)
    return Cell(f"{shown} [{ends[0]} {ends[1]}]", latex, value, gray=holds_zero if gray is None else gray)


def mean_cell(mean: float, error: float, decimals: int = 2) -> Cell:
    """Return a mean ± its error or deviation, or the mean alone where that is undefined."""
    if math.isnan(error):
        return number_cell(mean, decimals)
    shown, shown_error = number(mean, decimals), number(error, decimals)
    return Cell(f"{shown} ± {shown_error}", latex=rf"${shown}_{{\pm {shown_error}}}$", value=mean)


def pooling_columns(poolings: list[str]) -> list[Column]:
    """Return the Pooling column of a table: there only if there is more than one pooling to tell apart."""
    return [Column("Pooling")] if len(poolings) > 1 else []


def pooling_cells(pooling: str, poolings: list[str]) -> list[Cell]:
    """Return the cell that belongs to `pooling_columns`."""
    return [Cell(pooling)] if len(poolings) > 1 else []


def label_columns(poolings: list[str], *further: str) -> list[Column]:
    """Return the leading columns of a table: the model, the pooling where there are several, and further ones."""
    return [Column("Model"), *pooling_columns(poolings), *map(Column, further)]


def label_cells(model: str, pooling: str, poolings: list[str], *further: str) -> list[Cell]:
    """Return the cells that belong to `label_columns`."""
    return [Cell(model), *pooling_cells(pooling, poolings), *map(Cell, further)]


def bootstrap_intervals(confidence: float, resamples: int) -> str:
    """Return what a caption calls intervals."""
    return f"{100 * confidence:g}% bootstrap confidence intervals ({resamples:,} resamples of languages)"


def write(tidy: "pd.DataFrame", table: Table, files: Namespace) -> None:
    """Write a table's numbers in full precision (CSV) and the table that a reader sees (the other `OUTPUTS`)."""
    write_text(files.csv, tidy.to_csv(index=False, lineterminator="\n"))
    write_text(files.markdown, as_markdown(table))
    write_text(files.latex, as_latex(table, label=f"tab:{files.latex.stem}"))
    write_text(files.json, TypeAdapter(Table).dump_json(table, indent=1).decode() + "\n")


def read(path: Path) -> Table:
    """Return a table from its JSON."""
    return TypeAdapter(Table).validate_json(Path(path).read_bytes())


def as_markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown, the caption above it."""
    headers = [f"{column.group}: {column.text}" if column.group else column.text for column in table.columns]
    rows = [[f"*{_markdown(cell.text)}*" if cell.gray else _markdown(cell.text) for cell in row] for row in table.rows]
    alignment = ["left"] * table.labels + ["right"] * (len(headers) - table.labels)
    text = tabulate(
        rows, [_markdown(header) for header in headers], tablefmt="pipe", disable_numparse=True, colalign=alignment
    )
    note = f"\n*Italics*: {_markdown(table.gray_means)}.\n" if has_gray(table) else ""
    return f"{_markdown(table.caption)}\n\n{text}\n{note}"


def _markdown(text: str) -> str:
    return "".join("\\" + character if character in "\\|*`<" else character for character in text)


PAGE_ROWS = 45  # in LaTeX; a longer table runs over several pages
LATEX = str.maketrans(
    {character: "\\" + character for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}
    | {"[": "{[}", "]": "{]}"}  # else the argument of a line break or a rule
    | {"±": r"$\pm$", "−": "$-$", "×": r"$\times$", "Δ": r"$\Delta$", "ρ": r"$\rho$", "–": "--"}
)


def _latex(shown: Column | Cell) -> str:
    source = shown.text.translate(LATEX) if shown.latex is None else shown.latex
    return rf"\textcolor{{gray}}{{{source}}}" if isinstance(shown, Cell) and shown.gray else source


def as_latex(table: Table, label: str) -> str:
    """Return the table in the manner of booktabs, a float or, if longer than a page, a longtable.

    A label repeated below itself is shown once.
    """
    alignment = "l" * table.labels + "c" * (len(table.columns) - table.labels)
    caption = " ".join(sentences(table, "Gray")).translate(LATEX)
    head = [*_latex_groups(table.columns), _latex_row([_latex(column) for column in table.columns])]
    named = [rf"\caption{{{caption}}}", rf"\label{{{label}}}"]
    needs = r"% Needs \usepackage{booktabs} and \usepackage{xcolor}"
    if len(table.rows) > PAGE_ROWS:
        lines = [
            rf"{needs} and \usepackage{{longtable}}.",
            rf"\begin{{longtable}}{{{alignment}}}",
            *(r"\toprule", *head, r"\midrule", r"\endhead"),
            *_latex_body(table),
            *(r"\bottomrule", *named),
            r"\end{longtable}",
        ]
    else:
        lines = [
            f"{needs}.",
            *(r"\begin{table*}[t]", r"\centering", rf"\begin{{tabular}}{{{alignment}}}"),
            *(r"\toprule", *head, r"\midrule"),
            *_latex_body(table),
            *(r"\bottomrule", r"\end{tabular}", *named, r"\end{table*}"),
        ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_groups(columns: list[Column]) -> list[str]:
    cells, rules = [], []
    for group, first, last in spans(columns):
        cells.append(rf"\multicolumn{{{last - first + 1}}}{{c}}{{{group.translate(LATEX)}}}")
        rules += [rf"\cmidrule(lr){{{first + 1}-{last + 1}}}"] if group else []
    return [_latex_row(cells), " ".join(rules)] if cells else []


def _latex_body(table: Table) -> list[str]:
    lines = []
    above = None
    for row in table.rows:
        if above and table.labels > 1 and row[0] != above[0]:
            lines.append(r"\midrule")
        shown = [_latex(cell) for cell in row]
        for position in range(table.labels - 1):
            if above is None or row[position] != above[position]:
                break
            shown[position] = ""
        lines.append(_latex_row(shown))
        above = row
    return lines


def spans(columns: list[Column]) -> list[tuple[str, int, int]]:
    """Return runs of neighbours in one group, as (group, first, last); none if no column is in a group."""
    spans: list[tuple[str, int, int]] = []
    for position, column in enumerate(columns):
        if spans and spans[-1][0] == column.group:
            spans[-1] = (column.group, spans[-1][1], position)
        else:
            spans.append((column.group, position, position))
    return spans if any(group for group, _, _ in spans) else []


def sentences(table: Table, gray: str) -> list[str]:
    return [table.caption, *([f"{gray}: {table.gray_means}."] if has_gray(table) else [])]


def verdict_cell(holds: str) -> Cell:
    """Return the cell that says whether a claim holds, "yes", "no" or "undefined", which is gray; nothing for ""."""
    return Cell(holds, gray=holds == "undefined", verdict={"yes": True, "no": False}.get(holds))


def has_gray(table: Table) -> bool:
    """Return whether a caption has to say what gray means."""
    return bool(table.gray_means) and any(cell.gray for row in table.rows for cell in row)
