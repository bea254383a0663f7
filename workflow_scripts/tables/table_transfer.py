"""Probes trained in one language and tested in the same and in others, and ABX, without and with intervention."""

import math
from argparse import Namespace
from itertools import product

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.specs import ResampledSpec, SpaceSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.averages import Average, average_over_languages, average_over_pairs
from workflow_scripts.measures.definitions.abx import TASKS as ABX_TASKS
from workflow_scripts.measures.metric_files import grid, pair_matrix, pre_and_post, read_metrics, select
from workflow_scripts.probes import tasks
from workflow_scripts.probes.tasks import BASELINES, MEASURES, Task, explained
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

SCOPES = {"same": "Same language", "others": "Other languages"}
LABELS = {**tasks.LABELS, "language": "Language (ABX)", "meaning": "Meaning (ABX)"}
ABX, CHANCE = "abx", 0.5
DECIMALS = 3
NOTHING = "–"
UNTRAINED = "untrained"  # the condition of random weights


class Spec(TargetsSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    tasks: list[Task] = Field(min_length=1, description="What probes tell.")
    discriminated: SpaceSpec = Field(description="Data set and languages of the ABX scores.")


def averages(transfer: pd.DataFrame, baselines: pd.DataFrame, discriminated: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, pooling, target, task and scope, averaged over languages or ordered pairs of them.

    Its columns are those, measure, pre, post, change (post − pre), ci_low and ci_high of the change, languages and
    resamples; random_weights, the score of the same architecture untrained (NaN where not measured), and baseline, that
    of the most frequent label, or of attaching every word to the next one. ABX scores are of different languages alone,
    and their baseline is chance.

    Raises:
        StudyError: an observation is missing.
    """
    trained = transfer[transfer["condition"] != UNTRAINED]
    untrained = transfer[transfer["condition"] == UNTRAINED]
    rows = []
    for task in spec.tasks:
        key = {"task": task.name, "measure": MEASURES[task.name]}
        pairs = grid(train=task.languages, test=task.languages).assign(**key)
        for model in spec.models:
            of_model = {"model": [model.name], "task": [task.name]}
            trivial = select(
                baselines,
                grid(**of_model, test=task.languages).assign(measure=key["measure"], baseline=BASELINES[task.name]),
                "baselines of probes",
            )["score"].mean()
            random = np.full((len(task.languages),) * 2, np.nan)
            if (untrained["task"] == task.name).any():
                found = select(untrained, pairs.assign(model=model.name), "scores of probes at random weights")
                random = pair_matrix(found, "score", task.languages)
            for condition in _conditions(model.name, spec):
                found = pre_and_post(trained, pairs.assign(**condition), "score", "scores of probes")
                for scope in SCOPES:
                    row = _compared(found, task.languages, scope, spec)
                    further = {"random_weights": _mean(random, scope), "baseline": trivial}
                    rows.append({**condition, **key, "scope": scope, **row, **further})
    languages = spec.discriminated.languages
    pairs = grid(first=languages, second=languages)
    pairs = pairs[pairs["first"] != pairs["second"]]
    for task in ABX_TASKS:
        for model in spec.models:
            for condition in _conditions(model.name, spec):
                wanted = pairs.assign(task=task, **condition)
                found = pre_and_post(discriminated, wanted, "score", "ABX scores")
                key = {"task": task, "measure": ABX, "scope": "others"}
                row = _compared(found, languages, "others", spec)
                rows.append({**condition, **key, **row, "random_weights": np.nan, "baseline": CHANCE})
    return pd.DataFrame(rows)


def _conditions(model: str, spec: Spec) -> list[dict[str, str]]:
    """Return the keys of a model's interventions."""
    return [
        {"model": model, "pooling": pooling, "target": target}
        for pooling, target in product(spec.poolings, spec.targets)
    ]


def _compared(found: pd.DataFrame, languages: list[str], scope: str, spec: Spec) -> dict[str, float]:
    """Return pre, post and their difference with its interval, averaged over the same or over different languages."""
    pre, post = (pair_matrix(found, side, languages) for side in ("pre", "post"))
    change = _change(post - pre, scope, spec)
    return {
        "pre": _mean(pre, scope),
        "post": _mean(post, scope),
        "change": change.mean,
        "ci_low": change.ci_low,
        "ci_high": change.ci_high,
        "languages": len(languages),
        "resamples": change.resamples,
    }


def _mean(scores: np.ndarray, scope: str) -> float:
    """Return the mean of scores [languages, languages] over the same or over different languages."""
    same = np.eye(len(scores), dtype=bool)
    return float(scores[same if scope == "same" else ~same].mean())


def _change(changes: np.ndarray, scope: str, spec: Spec) -> Average:
    """Return the mean of changes [languages, languages], with its interval over languages."""
    if scope == "others":
        return average_over_pairs(changes, spec.resampling)
    return average_over_languages(np.diag(changes), spec.resampling)


def score_cell(score: float) -> layout.Cell:
    """Return a score, a dash where there is none."""
    return layout.number_cell(score, DECIMALS, NOTHING)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model, target and task or ABX score: before, after, and the difference, in each scope."""
    by_key = {(row.model, row.pooling, row.target, row.task, row.scope): row for row in tidy.itertuples()}
    rows = []
    for model, pooling, target in spec.rows:
        for task in [*(task.name for task in spec.tasks), *ABX_TASKS]:
            found = [by_key.get((model, pooling, target, task, scope)) for scope in SCOPES]
            labels = layout.label_cells(spec.labels[model], pooling, spec.poolings, target, LABELS[task])
            values = [score_cell(by_key[model, pooling, target, task, "others"].baseline)]
            for row in found:
                values += value_cells(row)
            rows.append([*labels, *values])
    labels = layout.label_columns(spec.poolings, "Target", "Task")
    values = [layout.Column("Baseline")]
    values += [
        layout.Column(text, group=group)
        for group in SCOPES.values()
        for text in ("Random weights", "Pre", "Post", "Change")
    ]
    return layout.Table(
        title="Transfer between languages by light probes, and ABX discrimination, before and after the intervention",
        caption=caption(spec, resamples=int(tidy["resamples"].max())),
        columns=[*labels, *values],
        rows=rows,
        labels=len(labels),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval of the change holds 0",
    )


def value_cells(row: tuple | None) -> list[layout.Cell]:
    """Return the cells of a scope, dashes where nothing is measured: random weights, before, after and the change."""
    if row is None:
        return [layout.Cell(NOTHING, value=math.nan)] * 4
    scores = [score_cell(score) for score in (row.random_weights, row.pre, row.post)]
    return [*scores, layout.interval_cell(row.change, row.ci_low, row.ci_high, DECIMALS, NOTHING)]


def caption(spec: Spec, resamples: int) -> str:
    """Return what the table shows and how it was computed."""
    intervals = layout.bootstrap_intervals(spec.resampling.confidence, resamples)
    return (
        "Probes on frozen embeddings without (pre) and with (post) the intervention on experts of the target, trained "
        "in one language and tested on held-out sentences of the same or of the others, averaged over languages or "
        f"over ordered pairs of them. {explained(spec.tasks)} ABX scores on {spec.discriminated.dataset}, over ordered "
        f"pairs of {len(spec.discriminated.languages)} languages: language, the share of {ABX_TASKS['language']}; "
        f"meaning, the share of {ABX_TASKS['meaning']}. Baseline: the most frequent label of the language, or every "
        "word attached to the next one; of ABX, chance. Random weights: the same architecture, untrained."
        + (f" In brackets: {intervals}." if resamples else "")
    )


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return the numbers of the table from the metric CSVs."""
    transfer = read_metrics(files.transfer, ["task", "train", "test", "measure", "score"])
    baselines = read_metrics(files.baselines, ["task", "baseline", "test", "measure", "score"])
    discriminated = read_metrics(files.abx, ["task", "first", "second", "score"])
    return averages(transfer, baselines, discriminated, spec)


main = table_stage(
    Spec,
    __doc__,
    {
        "transfer...": "scores of probes, of the unintervened model, of random weights and of every condition",
        "baselines...": "scores of baselines, one CSV per data set",
        "abx...": "ABX scores, one CSV per condition, that of the unintervened model too",
    },
    read,
    as_table,
)


if __name__ == "__main__":
    stage.run(main)
