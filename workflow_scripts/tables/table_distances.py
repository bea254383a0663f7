"""Table 1: cosine distances between languages, to the medoid and to the target, without and with the intervention."""

import math
from argparse import Namespace

import pandas as pd

from workflow_scripts.config.settings import Medoid, ShownDistance, SpaceLanguages
from workflow_scripts.jobs import stage
from workflow_scripts.measures import registry
from workflow_scripts.measures.metric_files import grid, pre_and_post, read_metrics
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

ROLES = {"target": "Target", "non_target": "Non-Target"}
METRICS = {
    "distance_all_languages": "Distance (all languages)",
    "distance_to_medoid": "Distance to Medoid",
    "distance_to_target": "Distance to Target",
}
SPACES = {"pre": "Pre", "post": "Post"}
CONDITION = ["model", "pooling", "target"]


class Spec(TargetsSpec):
    """What the table depends on, beside its files."""

    languages: SpaceLanguages
    measure: ShownDistance
    medoid: Medoid


def distances_by_target(distances: pd.DataFrame, medoids: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, pooling, target, role and metric, with the columns pre and post.

    Distances of the languages other than the target are averaged over those languages; `distance_all_languages`, over
    all ordered pairs of different languages, has the role non_target, where the paper's Table 1 shows it.

    Raises:
        StudyError: an observation is missing.
    """
    pairs = grid(**spec.conditions, query=spec.languages, candidate=spec.languages)
    pairs = pairs[pairs["query"] != pairs["candidate"]].assign(measure=spec.measure)
    from_target = grid(**spec.conditions, candidate=spec.languages).assign(measure=spec.measure)
    from_target["query"] = from_target["target"]
    from_target = from_target[from_target["query"] != from_target["candidate"]]
    to_medoid = grid(**spec.conditions, language=list(dict.fromkeys([*spec.targets, *spec.languages])))
    to_medoid = pre_and_post(medoids, to_medoid.assign(medoid=spec.medoid), "value", "distances to the medoid")
    of_target = to_medoid["language"] == to_medoid["target"]
    observed = {
        ("target", "distance_to_medoid"): to_medoid[of_target],
        ("non_target", "distance_all_languages"): pre_and_post(distances, pairs, "value", "distances"),
        ("non_target", "distance_to_medoid"): to_medoid[~of_target & to_medoid["language"].isin(spec.languages)],
        ("non_target", "distance_to_target"): pre_and_post(distances, from_target, "value", "distances"),
    }
    means = [
        rows.groupby(CONDITION, sort=False)[["pre", "post"]].mean().reset_index().assign(role=role, metric=metric)
        for (role, metric), rows in observed.items()
    ]
    return pd.concat(means, ignore_index=True)


def mean_over_targets(by_target: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return mean and standard error over targets, SD / √n with n − 1 in the SD; NA for a single target."""
    values = by_target.melt([*CONDITION, "role", "metric"], ["pre", "post"], var_name="space")
    key = ["model", "pooling", "role", "metric", "space"]
    summary = values.groupby(key)["value"].agg(mean="mean", sem="sem", targets="count")
    order = grid(model=spec.model_names, pooling=spec.poolings, role=ROLES, metric=METRICS, space=SPACES)
    return order.merge(summary.reset_index(), on=key)


def as_table(summary: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out the numbers like the paper's Table 1: a row per model and role, a column per metric and space."""
    cells = {
        (row.model, row.pooling, row.role, row.metric, row.space): layout.mean_cell(row.mean, row.sem)
        for row in summary.itertuples()
    }
    undefined = layout.Cell("–", value=math.nan)
    rows = [
        [
            *layout.label_cells(model.label, pooling, spec.poolings, ROLES[role]),
            *(
                cells.get((model.name, pooling, role, metric, space), undefined)
                for metric in METRICS
                for space in SPACES
            ),
        ]
        for model in spec.models
        for pooling in spec.poolings
        for role in ROLES
    ]
    labels = layout.label_columns(spec.poolings, "Language")
    values = [layout.Column(SPACES[space], group=METRICS[metric]) for metric in METRICS for space in SPACES]
    return layout.Table(
        title="Cosine distances before and after the intervention",
        caption=caption(spec),
        columns=[*labels, *values],
        rows=rows,
        labels=len(labels),
    )


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    count = len(spec.targets)
    spread = f"Means ± standard errors of the mean over the {count} intervention targets" if count > 1 else "Values"
    return (
        f"Distances in the embedding space of {len(spec.languages)} languages without (pre) and with (post) the "
        f"intervention on experts of a target language ({', '.join(spec.targets)}). All languages: over all pairs of "
        "languages. Target: between the target and the other languages. Medoid: to the "
        f"{registry.medoids()[spec.medoid].description}. The distance between two languages is the "
        f"{registry.distances()[spec.measure].description}. "
        f"{spread}; distances of non-target languages are averaged over those languages first."
    )


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return the numbers of the table from the metric CSVs."""
    distances = read_metrics(files.distances, ["measure", "query", "candidate", "value"])
    medoids = read_metrics(files.medoid, ["medoid", "language", "value"])
    return mean_over_targets(distances_by_target(distances, medoids, spec), spec)


main = table_stage(
    Spec,
    __doc__,
    {
        "distances...": "distances between languages, one CSV per condition, that of the unintervened model too",
        "medoid...": "distances to the medoid, one CSV per condition, that of the unintervened model too",
    },
    read,
    as_table,
)


if __name__ == "__main__":
    stage.run(main)
