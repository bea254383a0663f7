"""Which language to train a probe in: correlations by test language, and the regret of choosing by each similarity."""

from argparse import Namespace
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.kinship.outcomes import read_measured, read_transfer, similarities_of
from workflow_scripts.kinship.sources import correlations_by_test, scores_elsewhere, scores_of_choice
from workflow_scripts.measures.averages import Average, average_over_languages
from workflow_scripts.measures.metric_files import grid, pair_matrix, select
from workflow_scripts.probes.tasks import LABELS, Task, explained
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import ModelsSpec

BEST, ELSEWHERE, ANY = "best source", "best elsewhere", "any source"
QUANTITIES = ("pearson", "spearman", "score", "regret")
DECIMALS = 3


class Spec(ModelsSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    tasks: list[Task] = Field(min_length=1, description="What probes tell.")


def choices(measured: pd.DataFrame, transfer: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, task and way to choose a source, averaged over test languages.

    Ways are the measures of similarity, the source that is best in the other languages, any source, and the best one.
    Columns: model, task, choice, and of pearson, spearman, score and regret each the mean, `_low` and `_high`;
    languages: how many have a score by this choice.

    Raises:
        StudyError: a score is missing.
    """
    return pd.DataFrame([row for model in spec.models for row in _of_model(model.name, measured, transfer, spec)])


def _of_model(model: str, measured: pd.DataFrame, transfer: pd.DataFrame, spec: Spec) -> Iterator[dict]:
    for task in spec.tasks:
        wanted = grid(first=task.languages, second=task.languages)
        wanted = wanted[wanted["first"] != wanted["second"]]
        wanted = wanted.assign(model=model, units="none", outcome=f"transfer {task.name}")
        scores = pair_matrix(select(transfer, wanted, "scores of probes"), "value", task.languages)
        similarities = similarities_of(measured, model, task.languages)
        chosen = {name: scores_of_choice(scores, similarity) for name, similarity in similarities.items()}
        chosen[ELSEWHERE] = scores_of_choice(scores, scores_elsewhere(scores))
        chosen[ANY] = scores_of_choice(scores, np.zeros_like(scores))
        chosen[BEST] = best = scores_of_choice(scores, scores)
        nowhere = np.full(len(scores), np.nan)
        for name, score in chosen.items():
            both = correlations_by_test(scores, similarities[name]) if name in similarities else (nowhere, nowhere)
            row = {"model": model, "task": task.name, "choice": name}
            for quantity, values in zip(QUANTITIES, (*both, score, best - score), strict=True):
                average = _average(values, spec)
                row |= {quantity: average.mean, f"{quantity}_low": average.ci_low, f"{quantity}_high": average.ci_high}
            yield {**row, "languages": int(np.isfinite(score).sum())}


def _average(values: np.ndarray, spec: Spec) -> Average:
    """Return the mean over the test languages that have a value, with its interval."""
    there = values[np.isfinite(values)]
    return average_over_languages(there, spec.resampling) if len(there) else Average(np.nan)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model, task and way to choose."""
    rows = []
    for row in tidy.to_dict("records"):
        cells = [layout.Cell(spec.labels[row["model"]]), layout.Cell(LABELS[row["task"]]), layout.Cell(row["choice"])]
        for quantity in QUANTITIES:
            gray = None if quantity in ("pearson", "spearman") else False
            ends = row[f"{quantity}_low"], row[f"{quantity}_high"]
            cells.append(layout.interval_cell(row[quantity], *ends, DECIMALS, "–", gray=gray))
        rows.append([*cells, layout.Cell(str(row["languages"]), value=row["languages"])])
    heads = [layout.Column("Model"), layout.Column("Task"), layout.Column("Source chosen by")]
    return layout.Table(
        title="Choosing the language to train in",
        caption=caption(spec),
        columns=[
            *heads,
            *(layout.Column(text, group="Correlation by test language") for text in ("Pearson", "Spearman")),
            *(layout.Column(text) for text in ("Score", "Regret", "Test languages")),
        ],
        rows=rows,
        labels=len(heads),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval holds 0",
    )


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    return (
        "Probes on frozen embeddings without an intervention, trained in one language and tested in each other: the "
        "mean over test languages. Correlation: of similarity with score over the sources of a test language. Score: "
        "that of the source most similar to the test language (of several, their mean); regret: what the best source "
        f"scores more, which is known only after the test. {ELSEWHERE.capitalize()}: the source with the highest mean "
        f"score in the other test languages; {ANY}: the mean of all. {explained(spec.tasks)} In brackets: "
        f"{layout.bootstrap_intervals(spec.resampling.confidence, spec.resampling.resamples)}, for three test "
        "languages or more."
    )


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return the numbers of the table from similarities and scores of probes."""
    return choices(read_measured(files.similarities), read_transfer(files.transfer), spec)


main = table_stage(
    Spec,
    __doc__,
    {
        "similarities...": "similarities of languages, and those by the subwords of each model (CSV)",
        "transfer...": "scores of probes between languages by unintervened models (CSV)",
    },
    read,
    as_table,
)


if __name__ == "__main__":
    stage.run(main)
