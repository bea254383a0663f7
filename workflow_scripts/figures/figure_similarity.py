"""Correlations of what was measured between a model's languages with their similarity, as heat maps."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from workflow_scripts.config.settings import Confidence
from workflow_scripts.config.specs import SpaceSpec
from workflow_scripts.figures import drawing
from workflow_scripts.figures.heat_maps import COLOUR_MAP, SAME_LANGUAGE_COLOUR
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.kinship.outcomes import CHANGE, label
from workflow_scripts.kinship.pair_correlations import COEFFICIENTS
from workflow_scripts.tables.run import read_table
from workflow_scripts.tables.shown_models import Model

TITLES = {"pearson": "Pearson", "spearman": "Spearman"}
ROW = ["outcome", "quantity", "pooling", "target"]
WIDTH, HEIGHT = 0.36, 0.19  # inches of a cell
DARK = 0.6  # of the colour's range, from which on text is white


class Spec(SpaceSpec):
    """What the figure depends on, beside its files."""

    model: Model
    confidence: Confidence


def of_model(correlations: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the rows of a model, with what a row of the heat map is labelled in the column `label`.

    Raises:
        StudyError: there are none.
    """
    rows = correlations[correlations["model"] == model].copy()
    if rows.empty:
        raise StudyError(f"The correlations have no row of {model}; delete results/similarity.csv and run again.")
    several = rows["pooling"].nunique() > 1
    names = []
    for row in rows[ROW].itertuples(index=False):
        under = f" ({row.target}{f', {row.pooling}' if several else ''})" if row.quantity == CHANGE else ""
        names.append(f"{label(row.outcome)}, {row.quantity}{under}")
    return rows.assign(label=names)


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw a heat map per coefficient, outcomes by measures; numbers whose interval does not hold 0 are bold."""
    outcomes, measures = (list(dict.fromkeys(drawn[column])) for column in ("label", "measure"))
    width = min(drawing.PAGE_WIDTH, 2.6 + WIDTH * len(measures))
    figure = Figure(figsize=(width, 0.8 + len(COEFFICIENTS) * (0.25 + HEIGHT * len(outcomes))), layout="constrained")
    axes = figure.subplots(len(COEFFICIENTS), 1, squeeze=False, sharex=True)[:, 0]
    for axis, coefficient in zip(axes, COEFFICIENTS, strict=True):
        of_one = drawn[drawn["coefficient"] == coefficient].set_index(["label", "measure"])
        mesh = heat_map(axis, of_one, outcomes, measures)
        axis.set_title(TITLES[coefficient])
        axis.set_yticks(np.arange(len(outcomes)) + 0.5, outcomes)
    bar = figure.colorbar(mesh, ax=axes, label="Correlation", shrink=0.9, aspect=25)
    bar.outline.set_visible(False)
    figure.suptitle(spec.model.label, fontsize=9, fontweight="bold", parse_math=False)
    return figure


def heat_map(axis: Axes, values: pd.DataFrame, outcomes: list[str], measures: list[str]) -> QuadMesh:
    """Colour and number the cells of one coefficient; one that is not defined is gray."""
    matrix = values["value"].unstack("measure").reindex(index=outcomes, columns=measures).to_numpy(dtype=np.float64)
    axis.set_facecolor(SAME_LANGUAGE_COLOUR)
    shown = np.ma.masked_invalid(matrix)
    mesh = axis.pcolormesh(shown, cmap=COLOUR_MAP, vmin=-1, vmax=1, edgecolor="white", linewidth=0.4)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, pad=2)
    axis.set_xticks(np.arange(len(measures)) + 0.5, [name.capitalize() for name in measures], rotation=45, ha="right")
    axis.set_ylim(len(outcomes), 0)
    for (outcome, measure), cell in values.iterrows():
        if np.isnan(cell["value"]):
            continue
        place = measures.index(measure) + 0.5, outcomes.index(outcome) + 0.5
        weight = "bold" if cell["ci_low"] > 0 or cell["ci_high"] < 0 else "normal"
        colour = "white" if abs(cell["value"]) > DARK else "black"
        text = f"{cell['value']:z.2f}".replace("-", "−")
        axis.text(*place, text, ha="center", va="center", fontsize=6, weight=weight, color=colour)
    return mesh


def caption(spec: Spec, drawn: pd.DataFrame) -> str:
    """Return what the figure shows and how it was computed."""
    return drawing.joined(
        f"Correlations over the ordered pairs of {len(spec.languages)} languages on {spec.dataset}: of similarity of "
        "languages (columns) with accuracy of retrieval, distance, ABX scores and transfer without an intervention "
        "(pre) and with their change by the intervention on experts of the target in brackets (post − pre). Bold: the "
        f"{100 * spec.confidence:g}% bootstrap interval over languages does not hold 0.",
        "Gray: undefined." if drawn["value"].isna().any() else "",
    )


main = figure_stage(
    Spec,
    __doc__,
    {"correlations": "the table of correlations with similarity of languages (CSV)"},
    read=lambda spec, files: of_model(read_table(files.correlations, ["target", "pooling"]), spec.model.name),
    draw=draw,
    describe=lambda drawn, spec: ("Correlations with the similarity of languages", caption(spec, drawn)),
    as_frame=lambda drawn, spec: drawn.drop(columns="label"),
)


if __name__ == "__main__":
    stage.run(main)
