"""What retrieval gains by family and script of the candidate, and by whether it finds anything without intervention."""

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import ShownSimilarity
from workflow_scripts.config.specs import ResampledSpec, SpaceSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.averages import average_over_languages
from workflow_scripts.measures.metric_files import grid, pair_matrix, pre_and_post, read_metrics
from workflow_scripts.tables import layout
from workflow_scripts.tables.groups import FOUND, groups
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

DECIMALS = 3
LABELS = {"all": "All", "found": "Before", "family": "Family", "script": "Script"}


class Spec(TargetsSpec, SpaceSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    similarity: ShownSimilarity
    family: dict[LanguageCode, str] = Field(description="Top-level family of each language.")
    script: dict[LanguageCode, str] = Field(description="ISO 15924 code of each language's script.")


def by_group(retrieval: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, pooling, group of candidate languages and target.

    What is averaged over the languages of a group is a candidate's accuracy, the mean over all other languages as
    queries. Columns: model, pooling, grouping, group, target, languages (in the group), pre, post, change, ci_low,
    ci_high and resamples of the change; fewer than three languages have no interval.

    Raises:
        StudyError: an accuracy is missing.
    """
    pairs = grid(**spec.conditions, similarity=[spec.similarity], query=spec.languages, candidate=spec.languages)
    pairs = pairs[pairs["query"] != pairs["candidate"]]
    observed = pre_and_post(retrieval, pairs, "accuracy", "accuracies of retrieval")
    families_and_scripts = [[of[code] for code in spec.languages] for of in (spec.family, spec.script)]
    rows = []
    for (model, pooling, target), here in observed.groupby(["model", "pooling", "target"], sort=False):
        pre, post = (pair_matrix(here, when, spec.languages) for when in ("pre", "post"))
        for grouping, group, members in groups(pre, *families_and_scripts):
            before, after = (np.nanmean(values[:, members], axis=0) for values in (pre, post))
            change = average_over_languages(after - before, spec.resampling)
            rows.append(
                {
                    **{"model": model, "pooling": pooling, "grouping": grouping, "group": group, "target": target},
                    **{"languages": int(members.sum()), "pre": before.mean(), "post": after.mean()},
                    **{"change": change.mean, "ci_low": change.ci_low, "ci_high": change.ci_high},
                    "resamples": change.resamples,
                }
            )
    return pd.DataFrame(rows)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model and group; the accuracy without intervention, and its change by each target."""
    rows = []
    for (model, pooling, grouping, group), here in tidy.groupby(["model", "pooling", "grouping", "group"], sort=False):
        of_target = {row.target: row for row in here.itertuples()}
        first = here.iloc[0]
        changes = [of_target[target] for target in spec.targets]
        rows.append(
            [
                *layout.label_cells(spec.labels[model], pooling, spec.poolings, LABELS[grouping], group),
                layout.Cell(str(first["languages"]), value=first["languages"]),
                layout.number_cell(first["pre"], DECIMALS),
                *(layout.interval_cell(row.change, row.ci_low, row.ci_high, DECIMALS) for row in changes),
            ]
        )
    labels = layout.label_columns(spec.poolings, "By", "Candidates")
    changes = [layout.Column(target, group="Change by experts of") for target in spec.targets]
    return layout.Table(
        title="Retrieval by family and script",
        caption=caption(spec, resamples=int(tidy["resamples"].max())),
        columns=[*labels, layout.Column("Languages"), layout.Column("Pre"), *changes],
        rows=rows,
        labels=len(labels),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval of the change holds 0",
    )


def caption(spec: Spec, resamples: int) -> str:
    """Return what the table shows and how it was computed."""
    count = len(spec.languages)
    intervals = layout.bootstrap_intervals(spec.resampling.confidence, resamples)
    return (
        f"Top-1 accuracy of retrieval on {spec.dataset} by {spec.similarity.replace('_', ' ')} without intervention "
        "(pre), and its change by the intervention on experts of each target, over the "
        f"{count * (count - 1):,} ordered pairs of {count} languages. A candidate's accuracy is the mean over all "
        "other languages as queries, and each row the mean over the candidates of a family (Glottolog), of a script "
        "(ISO 15924), or of those of which without intervention some language finds more than "
        f"{100 * FOUND:g}% of the translations, or none does."
        + (f" In brackets: {intervals}, for three languages or more." if resamples else "")
    )


main = table_stage(
    Spec,
    __doc__,
    {"retrieval...": "accuracies of retrieval, one CSV per condition, that of the unintervened model too"},
    read=lambda spec, files: by_group(
        read_metrics(files.retrieval, ["similarity", "query", "candidate", "accuracy"]), spec
    ),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
