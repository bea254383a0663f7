"""ABX discrimination of language and meaning, averaged over pairs of languages, before and after the intervention.

The random control, with as many random neurons in place of the experts, stands beside them.
"""

import math

import pandas as pd

from workflow_scripts.config.settings import ControlSeeds
from workflow_scripts.config.specs import ResampledSpec, SpaceSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.averages import Average, average_over_pairs
from workflow_scripts.measures.definitions.abx import TASKS
from workflow_scripts.measures.metric_files import grid, pair_matrix, pre_and_post, pre_and_random, read_metrics
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

LABELS = {"language": "Language discrimination", "meaning": "Meaning discrimination"}
DECIMALS = 3  # since scores are often close to 1
CONDITION = ["model", "pooling", "target", "task"]


class Spec(TargetsSpec, SpaceSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    seeds: ControlSeeds


def averages(scores: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, pooling, target and task, averaged over ordered pairs of different languages.

    Its columns are those, pre, post, random (post under random neurons, the mean over draws; NaN: there are none),
    change (post − pre), ci_low and ci_high of the change, languages and resamples.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = grid(**spec.conditions, task=TASKS, first=spec.languages, second=spec.languages)
    wanted = wanted[wanted["first"] != wanted["second"]]
    by_pair = pre_and_post(scores, wanted, "score", "ABX scores")
    by_pair["change"] = by_pair["post"] - by_pair["pre"]
    by_pair["random"] = math.nan
    if spec.seeds:
        what = "ABX scores under random neurons"
        by_pair["random"] = pre_and_random(scores, wanted, "score", spec.seeds, what)["post"]
    rows = []
    for key, pairs in by_pair.groupby(CONDITION, sort=False):
        change = average_change(pairs, spec)
        rows.append(
            {
                **dict(zip(CONDITION, key, strict=True)),
                "pre": pairs["pre"].mean(),
                "post": pairs["post"].mean(),
                "random": pairs["random"].mean(),
                "change": change.mean,
                "ci_low": change.ci_low,
                "ci_high": change.ci_high,
                "languages": len(spec.languages),
                "resamples": change.resamples,
            }
        )
    return pd.DataFrame(rows)


def average_change(pairs: pd.DataFrame, spec: Spec) -> Average:
    """Return the change averaged over pairs, with its interval over languages."""
    return average_over_pairs(pair_matrix(pairs, "change", spec.languages), spec.resampling)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model and target; scores before and after, and their difference, of each task."""
    by_key = {(row.model, row.pooling, row.target, row.task): row for row in tidy.itertuples()}
    rows = [
        [
            *layout.label_cells(spec.labels[model], pooling, spec.poolings, target),
            *(
                cell
                for task in TASKS
                for row in [by_key[model, pooling, target, task]]
                for cell in value_cells(row, spec)
            ),
        ]
        for model, pooling, target in spec.rows
    ]
    labels = layout.label_columns(spec.poolings, "Target")
    shown = ["Pre", "Post", "Change", *(["Random"] if spec.seeds else [])]
    values = [layout.Column(text, group=LABELS[task]) for task in TASKS for text in shown]
    return layout.Table(
        title="ABX discrimination of language and meaning before and after the intervention",
        caption=caption(spec, resamples=int(tidy["resamples"].max())),
        columns=[*labels, *values],
        rows=rows,
        labels=len(labels),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval of the change holds 0",
    )


def value_cells(row: tuple, spec: Spec) -> list[layout.Cell]:
    """Return the cells of one task: before, after, their difference, and after under random neurons, if any."""
    pre, post, random = (layout.number_cell(score, DECIMALS) for score in (row.pre, row.post, row.random))
    change = layout.interval_cell(row.change, row.ci_low, row.ci_high, DECIMALS)
    return [pre, post, change, *([random] if spec.seeds else [])]


def caption(spec: Spec, resamples: int) -> str:
    """Return what the table shows and how it was computed."""
    count = len(spec.languages)
    definitions = " ".join(f"{LABELS[task]}: the share of {shares}." for task, shares in TASKS.items())
    intervals = layout.bootstrap_intervals(spec.resampling.confidence, resamples)
    return (
        f"ABX scores on {spec.dataset} without (pre) and with (post) the intervention on experts of the target. "
        f"{definitions} By cosine distance, over all triples, ties counting half: 1 is perfect, 0.5 is chance. "
        f"Averaged over the {count * (count - 1):,} ordered pairs of {count} languages."
        + (f" In brackets: {intervals}." if resamples else "")
        + (f" Random: with as many random neurons, the mean over {len(spec.seeds)} draws." if spec.seeds else "")
    )


main = table_stage(
    Spec,
    __doc__,
    {"abx...": "ABX scores, one CSV per condition, that of the unintervened model too"},
    read=lambda spec, files: averages(read_metrics(files.abx, ["task", "first", "second", "score"]), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
