"""How well topics are told in a language by a probe of another one that has a few examples of it."""

from argparse import Namespace
from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import Languages
from workflow_scripts.config.settings import ExampleCounts
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.averages import Average, average_over_languages
from workflow_scripts.measures.metric_files import grid, read_metrics, select
from workflow_scripts.probes.tasks import MEASURES, Task, explained
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

WITH_SOURCE, ALONE = "source", "alone"
TRAINING = {WITH_SOURCE: "Another language and the examples", ALONE: "The examples alone"}
UNINTERVENED = "none"  # the units that are changed
NO_SOURCE = ""
DECIMALS = 3
NOTHING = "–"


class Spec(TargetsSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    task: Task = Field(description="What probes tell.")
    sources: Languages = Field(description="Languages whose training sentences probes have.")
    examples: ExampleCounts
    experts: bool = Field(description="Whether the intervention on experts is shown, beside the unintervened models.")


def averages(few_shot: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, condition, kind of training and number of examples, averaged over test languages.

    A test language has the mean over the sources, itself left out. Columns: model, pooling and target (none without an
    intervention), training (`source`: a source language and the examples; `alone`: the examples), examples, score,
    ci_low and ci_high of the score, change from the unintervened model with change_low and change_high (none of that
    itself), and languages, the number of test languages.

    Raises:
        StudyError: a score is missing.
    """
    return pd.DataFrame([row for model in spec.model_names for row in _of_model(model, few_shot, spec)])


def _of_model(model: str, few_shot: pd.DataFrame, spec: Spec) -> Iterator[dict]:
    conditions = [(None, None), *(product(spec.poolings, spec.targets) if spec.experts else [])]
    for training, count in product(TRAINING, spec.examples):
        if training == ALONE and count == 0:
            continue
        before = None
        for pooling, target in conditions:
            scores = _of_tests(few_shot, {"model": model}, pooling, target, training, count, spec)
            before = scores if before is None else before
            score = average_over_languages(scores, spec.resampling)
            change = Average(np.nan) if target is None else average_over_languages(scores - before, spec.resampling)
            yield {
                **{"model": model, "pooling": pooling, "target": target, "training": training, "examples": count},
                **{"score": score.mean, "ci_low": score.ci_low, "ci_high": score.ci_high},
                **{"change": change.mean, "change_low": change.ci_low, "change_high": change.ci_high},
                "languages": len(scores),
            }


def _of_tests(
    few_shot: pd.DataFrame,
    key: dict[str, str],
    pooling: str | None,
    target: str | None,
    training: str,
    count: int,
    spec: Spec,
) -> np.ndarray:
    """Return the mean score over sources of each test language that has any: [tests]."""
    sources = spec.sources if training == WITH_SOURCE else [NO_SOURCE]
    wanted = grid(train=sources, test=spec.task.languages)
    wanted = wanted[wanted["train"] != wanted["test"]]
    wanted = wanted.assign(**key, task=spec.task.name, measure=MEASURES[spec.task.name], examples=count)
    under = {"units": UNINTERVENED} if target is None else {"units": "expert", "pooling": pooling, "target": target}
    found = select(few_shot, wanted.assign(**under), "scores of probes with a few examples")
    means = found.groupby("test")["score"].mean()
    return means.reindex([language for language in spec.task.languages if language in means.index]).to_numpy()


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model, condition and kind of training, a column for each number of examples."""
    rows = []
    conditions = ["model", "pooling", "target", "training"]
    for (model, pooling, target, training), of_row in tidy.groupby(conditions, sort=False, dropna=False):
        without = pd.isna(target)
        labels = layout.label_cells(
            spec.labels[model],
            NOTHING if without else pooling,
            spec.poolings,
            NOTHING if without else target,
            TRAINING[training],
        )
        by_count = of_row.set_index("examples")
        rows.append([*labels, *(_cell(by_count, count, without) for count in spec.examples)])
    labels = layout.label_columns(spec.poolings, "Target", "Trained on")
    return layout.Table(
        title="Transfer with a few examples of the tested language",
        caption=caption(spec),
        columns=[*labels, *(layout.Column(f"{count:,}", group="Examples") for count in spec.examples)],
        rows=rows,
        labels=len(labels),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval of the change holds 0",
    )


def _cell(by_count: pd.DataFrame, count: int, without: bool) -> layout.Cell:
    """Return the score without an intervention, or its change by one."""
    if count not in by_count.index:
        return layout.number_cell(np.nan, DECIMALS, NOTHING)
    row = by_count.loc[count]
    if without:
        return layout.interval_cell(row["score"], row["ci_low"], row["ci_high"], DECIMALS, NOTHING, gray=False)
    return layout.interval_cell(row["change"], row["change_low"], row["change_high"], DECIMALS, NOTHING)


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    shown = f"{len(spec.sources)} source languages" if len(spec.sources) > 1 else "one source language"
    by_experts = (
        " Rows of a target: the change (post − pre) by the intervention on its experts." if spec.experts else ""
    )
    return (
        f"Probes on frozen embeddings that are trained in each of {shown} and on as many examples of the "
        "language that they are tested in as the column says, or on these alone; the mean over sources, then over test "
        "languages. "
        f"{explained([spec.task])} Examples are drawn from the sentences that no probe is tested on; languages are "
        f"parallel, so that in another language a probe has seen the same sentences.{by_experts} In brackets: "
        f"{layout.bootstrap_intervals(spec.resampling.confidence, spec.resampling.resamples)}, for three test "
        "languages or more."
    )


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return the numbers of the table from the metric CSVs."""
    found = read_metrics(files.few_shot, ["task", "train", "test", "examples", "measure", "score"])
    return averages(found.fillna({"train": NO_SOURCE}), spec)


main = table_stage(
    Spec,
    __doc__,
    {"few-shot...": "scores of probes with a few examples, one CSV per condition"},
    read,
    as_table,
)


if __name__ == "__main__":
    stage.run(main)
