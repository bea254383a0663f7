"""The command line of every stage that makes a table."""

from argparse import Namespace
from collections.abc import Callable
from typing import TypeVar

import pandas as pd

from workflow_scripts.jobs import stage
from workflow_scripts.tables import layout

AnySpec = TypeVar("AnySpec", bound=stage.Spec)


def table_stage(
    spec: type[AnySpec],
    description: str,
    inputs: dict[str, str],
    read: Callable[[AnySpec, Namespace], pd.DataFrame],
    as_table: Callable[[pd.DataFrame, AnySpec], layout.Table],
) -> Callable[..., None]:
    """Return the `main` of a stage that makes a table.

    Args:
        spec: What the table shows.
        description: What `--help` says.
        inputs: Options and what their files hold, as `stage.arguments` takes them.
        read: Returns the numbers of the table, from the files.
        as_table: Lays the numbers out.
    """

    def main(command: list[str] | None = None) -> None:
        """Run the stage from its command line."""
        given, files = stage.arguments(spec, description, inputs, layout.OUTPUTS, command)
        numbers = read(given, files)
        layout.write(numbers, as_table(numbers, given), files)

    return main
