"""Read a data set, from local files, the hub or CLDR, into one tidy, validated parquet."""

from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts import schema


class Spec(stage.Spec):
    """What the texts depend on."""

    name: str = Field(description="Name of the data set in the config.")
    dataset: DatasetConfig = Field(description="The data set's section of the config.")
    languages: list[str] = Field(description="Languages to read.")
    table: dict[str, Language] = Field(description="What data sets call these languages.")
    data_root: str | None = Field(description="Folder of local data sets.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(Spec, __doc__, inputs={}, outputs={"texts": "sentences (parquet)"}, command=command)
    texts = limit(read(spec), spec.dataset.sentences)
    if spec.dataset.task == "mining" and spec.dataset.distractors is not None:
        texts = limit_distractors(texts, spec.dataset.distractors)
    schema.validate(texts, spec.dataset.task, spec.languages, f"datasets.{spec.name}")
    schema.write(files.texts, texts)


def read(spec: Spec) -> pd.DataFrame:
    """All texts of a data set, from its source.

    Raises:
        StudyError: something is missing or malformed.
    """
    # One source is imported, not three: `datasets` alone takes a second.
    if spec.dataset.source == "cldr":
        from workflow_scripts.texts.generated import read_generated

        return read_generated(spec.dataset, spec.languages, spec.table)
    if spec.dataset.source == "hub":
        from workflow_scripts.texts.hub import read_hub

        return read_hub(spec.dataset, spec.languages, spec.table)
    from workflow_scripts.texts.local import read_local

    if spec.data_root is None:
        raise StudyError(f"datasets.{spec.name} is local, but data_root is not set: --config data_root=/where/it/lies.")
    return read_local(spec.dataset, spec.languages, spec.table, Path(spec.data_root))


def limit(texts: pd.DataFrame, sentences: int | None) -> pd.DataFrame:
    """The first sentences of each part of each language; candidates in mining stay whole."""
    if sentences is None:
        return texts
    first = texts.groupby(["lang", "part"], sort=False).cumcount() < sentences
    return texts[first | (texts["part"] == "candidates")].reset_index(drop=True)


def limit_distractors(texts: pd.DataFrame, distractors: int) -> pd.DataFrame:
    """All queries and their translations, and of the candidates that translate no query the first so many."""
    found = texts.merge(
        texts[texts["part"] == "query"][["lang", "id"]], on=["lang", "id"], how="left", indicator="gold"
    )
    distracting = (texts["part"] == "candidates") & (found["gold"] == "left_only").to_numpy()
    first = distracting.groupby(texts["lang"]).cumsum() <= distractors
    return texts[~distracting | first].reset_index(drop=True)


if __name__ == "__main__":
    stage.run(main)
