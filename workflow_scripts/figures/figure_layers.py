"""Distance, retrieval, MEXA and ABX scores of one model by layer, a line for each intervention."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pydantic import Field

from workflow_scripts.config.settings import DatasetName, LanguageNames, Poolings, Target, Targets
from workflow_scripts.figures import drawing
from workflow_scripts.figures.lines import measure_panels
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.measures.compared import COMPARED, definitions
from workflow_scripts.measures.metric_files import grid, select
from workflow_scripts.tables.run import read_table
from workflow_scripts.tables.shown_models import Model

PRE = {"color": drawing.MUTED_COLOUR, "linewidth": 2.2, "linestyle": "-"}
RANDOM = {"color": drawing.MUTED_COLOUR, "linewidth": 1.1, "linestyle": (0, (4, 1.5))}


class Spec(stage.Spec):
    """What the figure depends on, beside its files."""

    model: Model
    layers: list[str] = Field(min_length=1, description="Layers in their order, the main one among them.")
    poolings: Poolings
    targets: Targets
    control: Target | None = Field(description="Target whose random control is shown; null: there is none.")
    names: LanguageNames
    pivot_name: str = Field(description="Name of MEXA's pivot language, for the caption.")
    dataset: DatasetName


def points(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per point: pooling, units, target, layer, measure and value; no pooling of the unintervened model.

    Raises:
        StudyError: the table lacks one.
    """
    table = table[table["model"] == spec.model.name]
    every = {"layer": spec.layers, "measure": list(COMPARED)}
    wanted = [
        grid(units=["none"], **every),
        grid(pooling=spec.poolings, units=["expert"], target=spec.targets, **every),
    ]
    if spec.control:
        wanted.append(grid(pooling=spec.poolings, units=["random"], target=[spec.control], **every))
    columns = ["pooling", "units", "target", "layer", "measure", "value"]
    return pd.concat([select(table, each, "measures by layer")[columns] for each in wanted], ignore_index=True)


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw a panel for each measure and pooling; layers are equally far apart."""
    figure, axes = measure_panels(spec.poolings, spec.model.label)
    for pooling in spec.poolings:
        for measure in COMPARED:
            here = drawn[(drawn["measure"] == measure) & (drawn["pooling"].isna() | (drawn["pooling"] == pooling))]
            draw_panel(axes[pooling, measure], here, spec)
    drawing.add_legend(figure, legend_handles(spec))
    return figure


def draw_panel(axis: Axes, here: pd.DataFrame, spec: Spec) -> None:
    """Draw the lines of one measure."""
    positions = np.arange(len(spec.layers))

    def line(units: str, target: str | None = None, **look) -> None:
        mine = here[(here["units"] == units) & (here["target"].isna() if target is None else here["target"] == target)]
        axis.plot(positions, mine.set_index("layer").loc[spec.layers, "value"], **look)

    line("none", **PRE, zorder=2)
    if spec.control:
        line("random", spec.control, **RANDOM, zorder=2)
    for target, look in drawing.looks(spec.targets).items():
        line("expert", target, **drawing.LINE, **look, zorder=3)
    axis.set_xticks(positions, spec.layers)
    axis.set_xlabel("Layer")


def legend_handles(spec: Spec) -> list[Artist]:
    """Return what the legend explains."""
    experts = [
        Line2D([], [], **drawing.LINE, **look, label=spec.names.get(target, target))
        for target, look in drawing.looks(spec.targets).items()
    ]
    control = (
        [Line2D([], [], **RANDOM, label=f"random neurons, {spec.names.get(spec.control, spec.control)}")]
        if spec.control
        else []
    )
    return [Line2D([], [], **PRE, label="pre-intervention"), *control, *experts]


def caption(spec: Spec) -> str:
    """Return what the figure shows and how it was computed."""
    control = " Dashed: as many random neurons instead of the target's experts." if spec.control else ""
    return (
        f"Measures on {spec.dataset} by layer of {spec.model.label}, before (grey) and after the intervention on "
        f"experts of each target.{control} Layer n: states after n blocks, 0 the token embeddings; last: after the "
        f"final norm. {definitions(spec.pivot_name)}"
    )


TEXT = ["model", "pooling", "units", "target", "layer", "measure"]  # columns of the table
main = figure_stage(
    Spec,
    __doc__,
    {"layers": "the table by layer (CSV)"},
    read=lambda spec, files: points(read_table(files.layers, TEXT), spec),
    draw=draw,
    describe=lambda drawn, spec: ("Layers before and after the intervention", caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)
