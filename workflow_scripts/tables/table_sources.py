"""Which language to train a probe in: correlations by test language, and the regret of choosing by each similarity."""

from argparse import Namespace
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.kinship.outcomes import TRANSFER, read_measured, read_ngrams, read_transfer, similarities_of
from workflow_scripts.kinship.sources import correlations_by_test, scores_elsewhere, scores_of_choice
from workflow_scripts.measures.averages import Average, average_over_languages
from workflow_scripts.measures.metric_files import grid, pair_matrix, select
from workflow_scripts.probes.tasks import LABELS, Task, explained
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import ModelsSpec

EMBEDDINGS, NGRAMS = "embeddings", "ngrams"  # inputs of probes
BEST, ELSEWHERE, ANY = "best source", "best elsewhere", "any source"
QUANTITIES = ("pearson", "spearman", "score", "regret")
DECIMALS = 3


class Spec(ModelsSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    tasks: list[Task] = Field(min_length=1, description="What probes tell.")


def choices(measured: pd.DataFrame, transfer: pd.DataFrame, by_ngrams: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per input of probes, task and way to choose a source, averaged over test languages.

    Inputs are the embeddings of each model, and n-grams of the texts where there are scores by these. Ways are the
    measures of similarity, the source that is best in the other languages, any source, and the best one.
    Columns: input (`embeddings` or `ngrams`), model (none for n-grams), task, choice, and of pearson, spearman, score
    and regret each the mean, `_low` and `_high`; languages: how many have a score by this choice.

    Args:
        measured: What `read_measured` returns.
        transfer: What `read_transfer` returns.
        by_ngrams: What `read_ngrams` returns.
        spec: What the table shows.

    Raises:
        StudyError: a score is missing.
    """
    rows = []
    for model in spec.models:
        of_model = transfer[(transfer["model"] == model.name) & (transfer["units"] == "none")]
        rows += _of_input({"input": EMBEDDINGS, "model": model.name}, measured, of_model, spec.tasks, spec)
    tasks = [task for task in spec.tasks if f"{TRANSFER} {task.name}" in set(by_ngrams["outcome"])]
    rows += _of_input({"input": NGRAMS, "model": None}, measured, by_ngrams, tasks, spec)
    return pd.DataFrame(rows)


def _of_input(
    key: dict[str, str | None], measured: pd.DataFrame, transfer: pd.DataFrame, tasks: list[Task], spec: Spec
) -> Iterator[dict]:
    for task in tasks:
        wanted = grid(first=task.languages, second=task.languages)
        wanted = wanted[wanted["first"] != wanted["second"]].assign(outcome=f"{TRANSFER} {task.name}")
        if key["model"] is not None:
            wanted = wanted.assign(model=key["model"])
        scores = pair_matrix(select(transfer, wanted, "scores of probes"), "value", task.languages)
        similarities = similarities_of(measured, key["model"], task.languages)
        chosen = {name: scores_of_choice(scores, similarity) for name, similarity in similarities.items()}
        chosen[ELSEWHERE] = scores_of_choice(scores, scores_elsewhere(scores))
        chosen[ANY] = scores_of_choice(scores, np.zeros_like(scores))
        chosen[BEST] = best = scores_of_choice(scores, scores)
        nowhere = np.full(len(scores), np.nan)
        for name, score in chosen.items():
            both = correlations_by_test(scores, similarities[name]) if name in similarities else (nowhere, nowhere)
            row = {**key, "task": task.name, "choice": name}
            for quantity, values in zip(QUANTITIES, (*both, score, best - score), strict=True):
                average = _average(values, spec)
                row |= {quantity: average.mean, f"{quantity}_low": average.ci_low, f"{quantity}_high": average.ci_high}
            yield {**row, "languages": int(np.isfinite(score).sum())}


def _average(values: np.ndarray, spec: Spec) -> Average:
    """Return the mean over the test languages that have a value, with its interval."""
    there = values[np.isfinite(values)]
    return average_over_languages(there, spec.resampling) if len(there) else Average(np.nan)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each input, task and way to choose."""
    rows = []
    for row in tidy.to_dict("records"):
        source = "Character n-grams" if row["input"] == NGRAMS else spec.labels[row["model"]]
        cells = [layout.Cell(source), layout.Cell(LABELS[row["task"]]), layout.Cell(row["choice"])]
        for quantity in QUANTITIES:
            gray = None if quantity in ("pearson", "spearman") else False
            ends = row[f"{quantity}_low"], row[f"{quantity}_high"]
            cells.append(layout.interval_cell(row[quantity], *ends, DECIMALS, "–", gray=gray))
        rows.append([*cells, layout.Cell(str(row["languages"]), value=row["languages"])])
    heads = [
        layout.Column("Model" if set(tidy["input"]) == {EMBEDDINGS} else "Input"),
        layout.Column("Task"),
        layout.Column("Source chosen by"),
    ]
    return layout.Table(
        title="Choosing the language to train in",
        caption=caption(spec, NGRAMS in set(tidy["input"])),
        columns=[
            *heads,
            *(layout.Column(text, group="Correlation by test language") for text in ("Pearson", "Spearman")),
            *(layout.Column(text) for text in ("Score", "Regret", "Test languages")),
        ],
        rows=rows,
        labels=len(heads),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval holds 0",
    )


def caption(spec: Spec, with_ngrams: bool) -> str:
    """Return what the table shows and how it was computed."""
    by_ngrams = (
        " Character n-grams: a logistic regression on TF-IDF vectors of the n-grams that the training texts have, "
        "without a model."
    )
    return (
        "Probes on frozen embeddings without an intervention, trained in one language and tested in each other: the "
        "mean over test languages. Correlation: of similarity with score over the sources of a test language. Score: "
        "that of the source most similar to the test language (of several, their mean); regret: what the best source "
        f"scores more, which is known only after the test. {ELSEWHERE.capitalize()}: the source with the highest mean "
        f"score in the other test languages; {ANY}: the mean of all. {explained(spec.tasks)}"
        f"{by_ngrams if with_ngrams else ''} In brackets: "
        f"{layout.bootstrap_intervals(spec.resampling.confidence, spec.resampling.resamples)}, for three test "
        "languages or more."
    )


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return the numbers of the table from similarities and scores of probes."""
    return choices(read_measured(files.similarities), read_transfer(files.transfer), read_ngrams(files.ngrams), spec)


main = table_stage(
    Spec,
    __doc__,
    {
        "similarities...": "similarities of languages, and those by the subwords of each model (CSV)",
        "transfer...": "scores of probes between languages by unintervened models (CSV)",
        "ngrams[...]": "scores of probes on character n-grams (CSV)",
    },
    read,
    as_table,
)


if __name__ == "__main__":
    stage.run(main)
