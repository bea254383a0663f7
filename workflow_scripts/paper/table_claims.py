"""Decide the paper's claims from the metrics of a study: each holds, does not, or is undefined, with the numbers."""

import sys
from pathlib import Path

import pandas as pd

from workflow_scripts.jobs import stage
from workflow_scripts.measures import registry
from workflow_scripts.measures.metric_files import read_metrics
from workflow_scripts.paper.claims import CLAIMS, decide
from workflow_scripts.paper.claims.evidence import KINDS, Study
from workflow_scripts.tables import layout
from workflow_scripts.tables.shown_models import without_text

INPUTS = {
    "distances": "distances between languages, one CSV a condition",
    "medoid": "distances to the medoid, one CSV a condition",
    "retrieval": "retrieval accuracies, one CSV a condition",
    "paraphrase": "paraphrase accuracies, one CSV a condition",
    "correlations": "correlations, one CSV a condition",
    "language-id": "languages of generated sentences by number of experts",
    "perplexity": "perplexity by number of experts",
}


class Spec(Study):
    """What the claims are decided about."""


def measured(command: list[str]) -> tuple[dict[str, str], list[str]]:
    """The inputs that are given, and the command line with no others: a study may lack a kind of metric.

    The option of such a kind is absent from the command line, or has no path.
    """
    options = {f"--{name}" for name in INPUTS}
    ends = [*command[1:], "--"]
    kept = [
        word
        for word, following in zip(command, ends, strict=True)
        if word not in options or not following.startswith("--")
    ]
    asked_for_help = {"-h", "--help"} & {*command}
    return {f"{name}...": text for name, text in INPUTS.items() if f"--{name}" in kept or asked_for_help}, kept


def paragraph(text: str, width: str) -> layout.Cell:
    """A cell of several lines, of this width in LaTeX."""
    return layout.Cell(text, latex=rf"\parbox[t]{{{width}}}{{\raggedright {text.translate(layout.LATEX)}}}")


def as_table(decided: pd.DataFrame, spec: Spec) -> layout.Table:
    """A row for each claim, model and pooling."""
    labels = {model.name: model.label for model in spec.models}
    rows = [
        [
            layout.Cell(row.section),
            paragraph(row.statement, "5cm"),
            layout.Cell(row.holds, gray=row.holds == "undefined"),
            layout.Cell(labels.get(row.model, row.model)),
            *layout.pooling_cells(row.pooling, spec.poolings),
            paragraph(row.measured, "4cm"),
            paragraph(row.paper, "3cm"),
        ]
        for row in decided.itertuples()
    ]
    columns = ["Section", "Claim", "Holds", "Model", "Measured", "The paper"]
    headers = [layout.Column(text) for text in columns]
    headers[4:4] = layout.pooling_columns(spec.poolings)
    return layout.Table(
        title="The paper's claims",
        caption=caption(decided, spec),
        columns=headers,
        rows=rows,
        labels=len(headers),
        gray_means="the study has not measured what decides the claim",
    )


def caption(decided: pd.DataFrame, spec: Spec) -> str:
    """What the table shows and how it was computed."""
    count = decided["holds"].value_counts()
    return (
        f"{len(CLAIMS)} claims of the paper in words, in brackets the reading taken, decided from the metrics: "
        f"{count.get('yes', 0)} hold, {count.get('no', 0)} do not, {count.get('undefined', 0)} are undefined, counted "
        f"for each model{' and pooling' if len(spec.poolings) > 1 else ''}. Retrieval is by "
        f"{spec.similarity.replace('_', ' ')}, the distance between two languages is the "
        f"{registry.distances()[spec.distance].description}. {without_text(spec.models)}"
    ).rstrip()


def main(command: list[str] | None = None) -> None:
    inputs, command = measured(sys.argv[1:] if command is None else command)
    spec, files = stage.arguments(Spec, __doc__, inputs=inputs, outputs=layout.OUTPUTS, command=command)
    paths: dict[str, list[Path]] = {kind: getattr(files, kind, []) for kind in KINDS}
    metrics = {kind: read_metrics(paths[kind], columns) for kind, columns in KINDS.items() if paths[kind]}
    decided = decide(metrics, spec)
    layout.write(decided, as_table(decided, spec), files)


if __name__ == "__main__":
    stage.run(main)
