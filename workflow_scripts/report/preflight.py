"""Check that all which a study reads can be had, before any long job: one table, or what is missing.

Repositories, directories and archives of data sets, and models.
"""

from pathlib import Path

from pydantic import Field
from tabulate import tabulate

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.config.models import ModelConfig
from workflow_scripts.config.settings import Sites
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import write_text
from workflow_scripts.jobs.urls import size_of
from workflow_scripts.models.repositories import check_model
from workflow_scripts.texts.lines import require_file
from workflow_scripts.texts.repositories import check_repository

HEADERS = ["", "from", "revision", "files", "GB", "sentences read, or neurons"]
Row = tuple[str, str, str, int | None, float | None, int | None]


class Dataset(stage.Spec):
    """A data set of the study."""

    name: str = Field(description="Name of the data set in the config.")
    dataset: DatasetConfig = Field(description="The data set's section of the config.")
    languages: list[str] = Field(description="Languages to read.")
    table: dict[str, Language] = Field(description="What data sets call these languages.")
    data_root: str | None = Field(description="Folder of local files, or of an archive's.")


class Spec(stage.Spec):
    """What is checked."""

    datasets: list[Dataset] = Field(description="Data sets of the study.")
    models: dict[str, ModelConfig] = Field(description="Models of the study by their names in the config.")
    sites: Sites


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec, __doc__, inputs={}, outputs={"preflight": "what was found (Markdown)"}, command=command
    )
    rows, problems = check(spec)
    table = tabulate(rows, HEADERS, tablefmt="pipe", floatfmt=".2f", intfmt=",", missingval="")
    if problems:
        raise StudyError("\n".join([f"{len(problems)} things would stop this study.", *problems, "", table]))
    write_text(files.preflight, f"{table}\n")


def check(spec: Spec) -> tuple[list[Row], list[str]]:
    """Return a row for each data set and model, and what would stop the study, each problem with its remedy."""
    rows: list[Row] = []
    problems: list[str] = []
    for dataset in spec.datasets:
        row, found = check_dataset(dataset)
        rows.append(row)
        problems += [f"datasets.{dataset.name}: {problem}" for problem in found]
    for name, model in spec.models.items():
        checked = check_model(name, model, spec.sites)
        size = checked.bytes / 1e9 if checked.files else None
        origin = checked.origin or "trained here"
        rows.append((name, origin, (checked.revision or "")[:8], checked.files or None, size, checked.neurons))
        problems += checked.problems
    return rows, problems


def check_dataset(spec: Dataset) -> tuple[Row, list[str]]:
    """Return the row of a data set and its problems."""
    dataset = spec.dataset
    if dataset.source == "hub":
        found = check_repository(spec.name, dataset, spec.languages, spec.table)
        size = found.bytes / 1e9 if found.files else None
        numbers = (found.files or None, size, found.sentences or None)
        return (spec.name, found.repository, (found.revision or "")[:8], *numbers), found.problems
    if dataset.source == "cldr":
        return (spec.name, "composed from CLDR", "", None, None, None), []
    folder = None if spec.data_root is None else Path(spec.data_root)
    if dataset.source == "url" and not folder.is_dir():
        try:
            return (spec.name, dataset.url, dataset.sha256[:8], 1, size_of(dataset.url) / 1e9, None), []
        except StudyError as error:
            return (spec.name, dataset.url, dataset.sha256[:8], None, None, None), [str(error)]
    if folder is None:
        return (spec.name, "local", "", None, None, None), ["data_root is not set: --config data_root=/where/it/lies."]
    names = [file for code in spec.languages for file in dataset.local_files(code, spec.table[code])]
    needed = [folder / file for file in dict.fromkeys(names)]
    there = [path for path in needed if path.is_file()]
    size = sum(path.stat().st_size for path in there)
    return (spec.name, str(folder), "", len(there), size / 1e9, None), [
        said for path in needed for said in _wrong(path)
    ]


def _wrong(path: Path) -> list[str]:
    """What keeps a local file from being read; its content is looked at by the stage `read_texts`."""
    try:
        require_file(path)
    except StudyError as error:
        return [str(error)]
    return [] if path.stat().st_size else [f"{path} is empty; fetch it again, or leave the language out."]


if __name__ == "__main__":
    stage.run(main)
