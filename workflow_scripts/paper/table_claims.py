"""Decide the paper's claims from the metrics of a study: each holds, does not, or is undefined, with the numbers."""

from argparse import Namespace

import pandas as pd

from workflow_scripts.jobs import stage
from workflow_scripts.measures import registry
from workflow_scripts.measures.metric_files import read_metrics
from workflow_scripts.paper.claims import CLAIMS, decide
from workflow_scripts.paper.claims.evidence import KINDS, Study
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.shown_models import without_text

# A study may lack a kind of metric.
INPUTS = {
    "distances[...]": "distances between languages, one CSV per condition",
    "medoid[...]": "distances to the medoid, one CSV per condition",
    "retrieval[...]": "retrieval accuracies, one CSV per condition",
    "paraphrase[...]": "paraphrase accuracies, one CSV per condition",
    "correlations[...]": "correlations, one CSV per condition",
    "language-id[...]": "languages of generated sentences by number of experts",
    "perplexity[...]": "perplexity by number of experts",
}


def paragraph(text: str, width: str) -> layout.Cell:
    """Return a cell of several lines, of this width in LaTeX."""
    return layout.Cell(text, latex=rf"\parbox[t]{{{width}}}{{\raggedright {text.translate(layout.LATEX)}}}")


def lacking(decided: pd.DataFrame, spec: Study) -> list[int]:
    """Return the numbers of rows that are undefined since they are about models that the study lacks."""
    about = (decided["holds"] == "undefined") & ~decided["model"].isin(list(spec.labels))
    return about.to_numpy().nonzero()[0].tolist()


def as_table(decided: pd.DataFrame, spec: Study) -> layout.Table:
    """Lay out a row for each claim, model and pooling."""
    rows = [
        [
            layout.Cell(row.section),
            paragraph(row.statement, "5cm"),
            layout.verdict_cell(row.holds),
            layout.Cell(spec.labels.get(row.model, row.model)),
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
        aside=lacking(decided, spec),
        aside_means="claims about models that the study lacks",
    )


def caption(decided: pd.DataFrame, spec: Study) -> str:
    """Return what the table shows and how it was computed."""
    count = decided["holds"].value_counts()
    return (
        f"{len(CLAIMS)} claims of the paper in words, in brackets the reading taken, decided from the metrics: "
        f"{count.get('yes', 0)} hold, {count.get('no', 0)} do not, {count.get('undefined', 0)} are undefined, counted "
        f"for each model{' and pooling' if len(spec.poolings) > 1 else ''}. Retrieval is by "
        f"{spec.similarity.replace('_', ' ')}, the distance between two languages is the "
        f"{registry.distances()[spec.distance].description}. {without_text(spec.models)}"
    ).rstrip()


def read(spec: Study, files: Namespace) -> pd.DataFrame:
    """Return the claims, decided on the metrics that there are."""
    metrics = {kind: read_metrics(paths, columns) for kind, columns in KINDS.items() if (paths := getattr(files, kind))}
    return decide(metrics, spec)


main = table_stage(Study, __doc__, INPUTS, read, as_table)


if __name__ == "__main__":
    stage.run(main)
