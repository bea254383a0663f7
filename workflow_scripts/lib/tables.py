"""Tables: what is read from the metric CSVs, and one table rendered as CSV, Markdown, LaTeX and HTML."""

import math
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from tabulate import tabulate

from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.files import write_text

# Read as text even where a file has no value in them, as the unintervened model has no target.
TEXT_COLUMNS = (
    "model",
    "condition",
    "method",
    "units",
    "target",
    "pooling",
    "dataset",
    "query",
    "candidate",
    "language",
)

DISTANCES = {
    "pairs": "mean cosine distance over all cross-language sentence pairs",
    "pairs_centred": "mean cosine distance over all cross-language sentence pairs of mean-centred embeddings",
    "means": "cosine distance between the mean embeddings of two languages",
    "aligned": "mean cosine distance between translations",
}


class Model(BaseModel):
    """A model as tables and figures show it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name in the config and in the metric CSVs.")
    label: str = Field(description="Name shown to readers, like Bloom-7B.")
    seen: list[str] | None = Field(None, description="Candidate languages seen in pre-training; null if all were.")

    def has_seen(self, language: str) -> bool:
        """Whether a language was in the pre-training data."""
        return self.seen is None or language in self.seen


# --- Metric CSVs ---


def read_metrics(paths: list[Path], columns: list[str]) -> pd.DataFrame:
    """Concatenate metric CSVs: one row an observation, the condition in the leading columns.

    Raises:
        StudyError: a file lacks one of `columns`.
    """
    frames = []
    for path in paths:
        try:
            frame = pd.read_csv(
                path,
                dtype=dict.fromkeys(TEXT_COLUMNS, str),
                keep_default_na=False,  # `nan` is a language code
                na_values=["", "NA"],
                float_precision="round_trip",
            )
        except pd.errors.EmptyDataError:
            frame = pd.DataFrame()
        needed = ["model", "condition", "units", "target", "pooling", *columns]
        if absent := [column for column in needed if column not in frame.columns]:
            raise StudyError(
                f"{path} has no column {', '.join(absent)}, so it is not the metric CSV expected here; delete it and "
                "run again."
            )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def grid(**values: list[str]) -> pd.DataFrame:
    """All combinations of the values, one a row, the last varying fastest; one column a keyword."""
    return pd.MultiIndex.from_product(values.values(), names=values.keys()).to_frame(index=False)


def select(metrics: pd.DataFrame, wanted: pd.DataFrame, what: str) -> pd.DataFrame:
    """The one observation for each row of `wanted`, in its order; the columns of `wanted` are the key.

    Args:
        metrics: Observations, at most one a key.
        wanted: Keys, which may repeat.
        what: What the observations are, for the message, like "distances".

    Raises:
        StudyError: an observation is missing, or there are two for one key.
    """
    key = list(wanted.columns)
    found = wanted.merge(metrics, how="left", on=key, indicator="source")
    missing = found[found["source"] == "left_only"]
    if len(missing):
        raise StudyError(
            f"The {what} lack {len(missing):,} of {len(wanted):,} rows that are needed here, the first being "
            f"{_named(missing.iloc[0][key])}. Measure these models, conditions and languages too, or take them out of "
            "the config."
        )
    if len(found) > len(wanted):
        first = found[found.duplicated(key)].iloc[0][key]
        same = found[(found[key] == first).all(axis=1)]
        conditions = ", ".join(sorted(same["condition"].unique())) if "condition" in same else "unknown"
        raise StudyError(
            f"The {what} hold {len(same)} rows with {_named(first)} (conditions: {conditions}), where one is needed. "
            "Give the files of one data set and of one k a model."
        )
    return found.drop(columns="source")


def _named(key: pd.Series) -> str:
    return ", ".join(f"{column} {value}" for column, value in key.items())


def pre_and_post(metrics: pd.DataFrame, wanted: pd.DataFrame, value: str, what: str) -> pd.DataFrame:
    """`wanted` with the columns `pre` and `post`: the value without and with the intervention on experts.

    Args:
        metrics: Observations of the unintervened models and of the interventions.
        wanted: Keys; model, pooling and target say which intervention is meant.
        value: Column of the observed value.
        what: What the observations are, for the message.

    Raises:
        StudyError: as `select`.
    """
    pre = select(metrics, wanted.drop(columns=["pooling", "target"]).assign(units="none"), what)
    post = select(metrics, wanted.assign(units="expert"), what)
    return wanted.assign(pre=pre[value].to_numpy(), post=post[value].to_numpy())


# --- Rendering ---


@dataclass(frozen=True)
class Column:
    """A column's header; neighbours of the same group share a header above theirs."""

    text: str
    group: str = ""
    latex: str | None = None  # where it is more than the escaped text


@dataclass(frozen=True)
class Cell:
    """What one cell shows."""

    text: str
    latex: str | None = None  # where it is more than the escaped text
    value: float | None = None  # what HTML sorts by; None: the text
    gray: bool = False  # italic in Markdown, which has no colours


@dataclass(frozen=True)
class Table:
    """A table as a reader sees it; `labels` is how many leading columns say what a row is about."""

    title: str
    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    labels: int = 1
    gray_means: str = ""


def number(value: float, decimals: int = 2) -> str:
    """A number as it is shown; NA where it is undefined."""
    return "NA" if math.isnan(value) else f"{value:z.{decimals}f}"


def number_cell(value: float) -> Cell:
    """A cell with a number of two decimals."""
    text = number(value)
    return Cell(text, latex=text if math.isnan(value) else f"${text}$", value=value)


def pooling_columns(poolings: list[str]) -> list[Column]:
    """The Pooling column of a table: there only if there is more than one pooling to tell apart."""
    return [Column("Pooling")] if len(poolings) > 1 else []


def pooling_cells(pooling: str, poolings: list[str]) -> list[Cell]:
    """The cell that belongs to `pooling_columns`."""
    return [Cell(pooling)] if len(poolings) > 1 else []


def write(tidy: pd.DataFrame, table: Table, csv: Path, markdown: Path, latex: Path, html: Path) -> None:
    """Write a table's numbers in full precision (CSV) and the table that a reader sees (the other three)."""
    write_text(csv, tidy.to_csv(index=False, lineterminator="\n"))
    write_text(markdown, as_markdown(table))
    write_text(latex, as_latex(table, label=f"tab:{latex.stem}"))
    write_text(html, as_html(table))


def as_markdown(table: Table) -> str:
    """The table in GitHub's Markdown, the caption above it."""
    headers = [f"{column.group}: {column.text}" if column.group else column.text for column in table.columns]
    rows = [[f"*{_markdown(cell.text)}*" if cell.gray else _markdown(cell.text) for cell in row] for row in table.rows]
    alignment = ["left"] * table.labels + ["right"] * (len(headers) - table.labels)
    text = tabulate(
        rows, [_markdown(header) for header in headers], tablefmt="pipe", disable_numparse=True, colalign=alignment
    )
    note = f"\n*Italics*: {_markdown(table.gray_means)}.\n" if table.gray_means else ""
    return f"{_markdown(table.caption)}\n\n{text}\n{note}"


def _markdown(text: str) -> str:
    return "".join("\\" + character if character in "\\|*`<" else character for character in text)


LATEX = str.maketrans(
    {character: "\\" + character for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}
    | {"[": "{[}", "]": "{]}"}  # else the argument of a line break or a rule
    | {"±": r"$\pm$", "−": "$-$", "×": r"$\times$", "Δ": r"$\Delta$", "–": "--"}
)


def _latex(shown: Column | Cell) -> str:
    source = shown.text.translate(LATEX) if shown.latex is None else shown.latex
    return rf"\textcolor{{gray}}{{{source}}}" if isinstance(shown, Cell) and shown.gray else source


def as_latex(table: Table, label: str) -> str:
    """The table as a LaTeX float in the manner of booktabs; a label repeated below itself is shown once."""
    alignment = "l" * table.labels + "c" * (len(table.columns) - table.labels)
    caption = " ".join(_sentences(table, "Gray")).translate(LATEX)
    lines = [
        r"% Needs \usepackage{booktabs} and \usepackage{xcolor}.",
        r"\begin{table*}[t]",
        r"\centering",
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        *_latex_groups(table.columns),
        _latex_row([_latex(column) for column in table.columns]),
        r"\midrule",
        *_latex_body(table),
        r"\bottomrule",
        r"\end{tabular}",
        rf"\caption{{{caption}}}",
        rf"\label{{{label}}}",
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_groups(columns: list[Column]) -> list[str]:
    cells, rules = [], []
    for group, first, last in _spans(columns):
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


def _spans(columns: list[Column]) -> list[tuple[str, int, int]]:
    """Runs of neighbours in one group, as (group, first, last); none if no column is in a group."""
    spans: list[tuple[str, int, int]] = []
    for position, column in enumerate(columns):
        if spans and spans[-1][0] == column.group:
            spans[-1] = (column.group, spans[-1][1], position)
        else:
            spans.append((column.group, position, position))
    return spans if any(group for group, _, _ in spans) else []


def _sentences(table: Table, gray: str) -> list[str]:
    return [table.caption, *([f"{gray}: {table.gray_means}."] if table.gray_means else [])]


PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ table.title }}</title>
<style>
:root { color-scheme: light; }
body { margin: 2.5rem auto; max-width: 72rem; padding: 0 1.5rem; background: #fff; color: #1f2328;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0 0 1rem; font-size: 1.25rem; font-weight: 600; }
figure { margin: 0; }
figure div { overflow-x: auto; }
figcaption { margin-top: 0.75rem; max-width: 48rem; color: #59636e; font-size: 0.875rem; }
table { border-collapse: collapse; border-block: 2px solid #1f2328; font-variant-numeric: tabular-nums; }
th, td { padding: 0.28rem 0.75rem; text-align: right; white-space: nowrap; font-weight: normal; }
th.label { text-align: left; }
thead th { padding: 0; border-bottom: 1px solid #1f2328; font-weight: 600; }
thead th.group { padding: 0.28rem 0.75rem; border-bottom: 1px solid #d1d9e0; text-align: center; }
thead th.group:empty { border-bottom: none; }
thead button { all: unset; box-sizing: border-box; width: 100%; padding: 0.28rem 0.75rem; cursor: pointer; }
thead button:hover { background: #f6f8fa; }
thead button:focus-visible { outline: 2px solid #0969da; outline-offset: -2px; }
thead button::after { content: "↕"; margin-left: 0.4em; color: #c4cbd2; }
th[aria-sort="ascending"] button::after { content: "↑"; color: inherit; }
th[aria-sort="descending"] button::after { content: "↓"; color: inherit; }
tbody tr:hover { background: #f6f8fa; }
table:not(:has([aria-sort])) tbody tr.first:not(:first-child) > * { border-top: 1px solid #d1d9e0; }
.gray { color: #848d97; }
</style>
</head>
<body>
<h1>{{ table.title }}</h1>
<figure>
<div>
<table>
<thead>
{% if spans %}
<tr>
{% for group, first, last in spans %}
<th class="group" colspan="{{ last - first + 1 }}"{% if group %} scope="colgroup"{% endif %}>{{ group }}</th>
{% endfor %}
</tr>
{% endif %}
<tr>
{% for column in table.columns %}
<th scope="col"{% if loop.index0 < table.labels %} class="label"{% endif %}><button type="button">{{ column.text }}\
</button></th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for row in table.rows %}
<tr{% if table.labels > 1 and loop.changed(row[0].text) %} class="first"{% endif %}>
{% for cell in row %}
{% set tag = "th" if loop.index0 < table.labels else "td" %}
<{{ tag }}{% if tag == "th" %} scope="row" class="label"{% elif cell.gray %} class="gray"{% endif %}\
{% if cell.value is not none %} data-value="{{ cell.value }}"{% endif %}>{{ cell.text }}</{{ tag }}>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
<figcaption>{{ sentences | join(" ") }} Click a column's header to sort by it.</figcaption>
</figure>
<script>
// A header's button sorts upwards, then downwards, then brings the first order back. Undefined values come last.
const body = document.querySelector("tbody");
const rows = Array.from(body.rows);
const headers = Array.from(document.querySelectorAll("thead tr:last-child th"));
const next = { ascending: "descending", descending: "none", none: "ascending" };
function compare(left, right, sign) {
  if (left.dataset.value === undefined || right.dataset.value === undefined) {
    return sign * left.textContent.localeCompare(right.textContent);
  }
  const [a, b] = [Number(left.dataset.value), Number(right.dataset.value)];
  return Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : sign * (a - b);
}
headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => {
  const order = next[header.getAttribute("aria-sort") || "none"];
  headers.forEach((other) => other.removeAttribute("aria-sort"));
  const sorted = rows.slice();
  if (order !== "none") {
    header.setAttribute("aria-sort", order);
    sorted.sort((a, b) => compare(a.cells[column], b.cells[column], order === "ascending" ? 1 : -1));
  }
  body.append(...sorted);
}));
</script>
</body>
</html>
""")


def as_html(table: Table) -> str:
    """The table as a page of its own that needs nothing else; a click on a header sorts."""
    return PAGE.render(table=table, spans=_spans(table.columns), sentences=_sentences(table, "Gray"))
