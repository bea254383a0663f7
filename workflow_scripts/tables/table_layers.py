"""Distance, retrieval, MEXA and ABX scores by layer: before and after the intervention, and under random control."""

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import Seed
from workflow_scripts.config.settings import Poolings, Target, Targets
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.averages import Average
from workflow_scripts.measures.compared import COMPARED, MEXA, Averaging, compared_matrices, definitions, read_compared
from workflow_scripts.measures.metric_files import grid
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.shown_models import Model
from workflow_scripts.tables.specs import PivotedSpec

CHANGE = ["change", "ci_low", "ci_high", "resamples"]
NOTHING = "–"
POOLED = {"mean": np.mean, "max": np.max}  # MEXA over layers (Kargaran et al. 2024, section 3)


class LayeredModel(stage.Spec):
    """A model and the layers by which it is measured."""

    model: Model
    layers: list[str] = Field(min_length=1, description="Layers in their order, the main one among them.")


class Spec(PivotedSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    models: list[LayeredModel] = Field(min_length=1)
    poolings: Poolings
    targets: Targets
    control: Target | None = Field(description="Target whose random control is shown; null: there is none.")
    control_seed: Seed | None = Field(description="Seed of the random control; null: there is none.")

    @property
    def changed(self) -> list[tuple[str, str, str]]:
        """Return units, pooling and target of the conditions but the unintervened model."""
        conditions = []
        for pooling in self.poolings:
            conditions += [("expert", pooling, target) for target in self.targets]
            conditions += [("random", pooling, self.control)] if self.control else []
        return conditions

    @property
    def averaging(self) -> Averaging:
        """Return how values of pairs are averaged."""
        return Averaging(self.languages.index(self.pivot), self.resampling)


def by_layer(observations: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, condition, layer and measure.

    Its columns are model, pooling, units, target, layer, measure, value, change (from the unintervened model), ci_low
    and ci_high of the change, and resamples. MEXA is also given over layers, whose `layer` is then mean or max: of each
    language over layers, then averaged over languages.

    Raises:
        StudyError: an observation is missing.
    """
    rows: list[dict] = []
    for layered in spec.models:
        layers = grid(model=[layered.model.name], layer=layered.layers)
        base = compared_matrices(observations, layers.assign(units="none"), spec.languages)
        rows += described(base, None, {"model": layered.model.name, "units": "none"}, layered.layers, spec)
        for units, pooling, target in spec.changed:
            key = {"pooling": pooling, "units": units, "target": target}
            drawn = {"seed": float(spec.control_seed)} if units == "random" else {}
            space = compared_matrices(observations, layers.assign(**key, **drawn), spec.languages)
            rows += described(space, base, {"model": layered.model.name, **key}, layered.layers, spec)
    columns = ["model", "pooling", "units", "target", "layer", "measure", "value", *CHANGE]
    return pd.DataFrame(rows, columns=columns)


def described(
    space: np.ndarray, base: np.ndarray | None, key: dict[str, str | None], layers: list[str], spec: Spec
) -> list[dict]:
    """Return rows of a condition: of each layer and measure, and of MEXA over layers.

    Args:
        space: Values [layers, measures, languages, languages].
        base: Those of the unintervened model; None where `space` has these themselves.
        key: What tells the condition from others.
        layers: Names of the layers.
        spec: What the table shows.
    """
    rows = []
    for row, layer in enumerate(layers):
        for column, measure in enumerate(COMPARED):
            change = {}
            if base is not None:
                change = as_columns(spec.averaging(measure, space[row, column] - base[row, column]))
            value = spec.averaging.mean(measure, space[row, column])
            rows.append({**key, "layer": layer, "measure": measure, "value": value, **change})
    for name in POOLED:
        of_languages = mexa_over_layers(space, name, spec)
        change = {}
        if base is not None:
            change = as_columns(spec.averaging.of_languages(of_languages - mexa_over_layers(base, name, spec)))
        rows.append({**key, "layer": name, "measure": MEXA, "value": of_languages.mean(), **change})
    return rows


def mexa_over_layers(space: np.ndarray, name: str, spec: Spec) -> np.ndarray:
    """Return MEXA of each language but the pivot, over layers: [languages - 1]."""
    return POOLED[name](spec.averaging.with_pivot(space[:, list(COMPARED).index(MEXA)]), axis=0)


def as_columns(change: Average) -> dict[str, float]:
    """Return a change with its interval."""
    return dict(zip(CHANGE, (change.mean, change.ci_low, change.ci_high, change.resamples), strict=True))


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model, layer and condition, then those of MEXA over layers; a column for each measure."""
    by_key = {
        (row.model, row.layer, row.units, row.pooling, row.target, row.measure): row
        for row in tidy.astype(object).where(tidy.notna(), None).itertuples()
    }
    rows = [
        [
            layout.Cell(layered.model.label),
            layout.Cell(layer if layer not in POOLED else f"{layer} of layers"),
            *layout.pooling_cells(pooling or NOTHING, spec.poolings),
            layout.Cell({"none": "pre", "random": f"random ({target})"}.get(units, target)),
            *(value_cell(by_key.get((layered.model.name, layer, units, pooling, target, name))) for name in COMPARED),
        ]
        for layered in spec.models
        for layer in [*layered.layers, *POOLED]
        for units, pooling, target in [("none", None, None), *spec.changed]
    ]
    labels = [
        *(layout.Column("Model"), layout.Column("Layer")),
        *layout.pooling_columns(spec.poolings),
        layout.Column("Condition"),
    ]
    return layout.Table(
        title="Layers before and after the intervention",
        caption=caption(spec),
        columns=[*labels, *(layout.Column(measure.label) for measure in COMPARED.values())],
        rows=rows,
        labels=len(labels),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval of the change from pre holds 0",
    )


def value_cell(row: Any | None) -> layout.Cell:
    """Return a value, gray where the intervention does not change it beyond chance; a dash where there is none."""
    if row is None:
        return layout.Cell(NOTHING, value=math.nan)
    unchanged = row.ci_low is not None and row.ci_low <= 0 <= row.ci_high
    return dataclasses.replace(layout.number_cell(row.value, decimals=3), gray=unchanged)


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    control = " random: that on as many random neurons instead of the target's experts." if spec.control else ""
    return (
        f"Measures on {spec.dataset} by layer, without the intervention (pre) and with that on experts of each target."
        f"{control} Layer n: states after n blocks, 0 the token embeddings; last: after the final norm. "
        f"{definitions(spec.pivot_name)} Mean and max of layers: of each language, averaged over languages. Intervals "
        "by bootstrap over languages are in the CSV."
    )


main = table_stage(
    Spec,
    __doc__,
    {"metrics...": "alignment.csv and abx.csv of each condition and layer, those of the unintervened model too"},
    read=lambda spec, files: by_layer(read_compared(files.metrics), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
