"""The command line of every stage that makes a table, and what reads a table that a stage has made."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
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


def read_table(path: Path, text: list[str]) -> pd.DataFrame:
    """Return the numbers of one of the study's tables, from its CSV.

    Args:
        path: The CSV.
        text: Columns that are text, in which `nan` may be a language.
    """
    return pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
