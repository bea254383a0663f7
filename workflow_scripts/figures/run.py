"""The command line of every stage that draws a figure."""

from argparse import Namespace
from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from workflow_scripts.figures import drawing
from workflow_scripts.jobs import stage

AnySpec = TypeVar("AnySpec", bound=stage.Spec)


def figure_stage(
    spec: type[AnySpec],
    description: str,
    inputs: dict[str, str],
    read: Callable[[AnySpec, Namespace], Any],
    draw: Callable[[Any, AnySpec], Figure],
    describe: Callable[[Any, AnySpec], tuple[str, str]],
    as_frame: Callable[[Any, AnySpec], pd.DataFrame] = lambda drawn, spec: drawn,
    hover: Callable[[Figure, Any, AnySpec], list[drawing.Hover]] = lambda figure, drawn, spec: [],
) -> Callable[..., None]:
    """Return the `main` of a stage that draws a figure.

    Args:
        spec: What the figure shows.
        description: What `--help` says.
        inputs: Options and what their files hold, as `stage.arguments` takes them.
        read: Returns what is drawn, from the files.
        draw: Draws it.
        describe: Returns the title and the caption.
        as_frame: Returns what is drawn as the rows of the CSV.
        hover: Returns what the report says where a reader points at a panel.
    """

    def main(command: list[str] | None = None) -> None:
        """Run the stage from its command line."""
        given, files = stage.arguments(spec, description, inputs, drawing.OUTPUTS, command)
        drawn = read(given, files)
        with drawing.style():
            figure, described = draw(drawn, given), describe(drawn, given)
            drawing.save(figure, as_frame(drawn, given), *described, files, hover(figure, drawn, given))

    return main
