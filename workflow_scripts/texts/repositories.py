"""Whether the repositories of a study's data sets have what it will read: access, files, languages, columns, sizes.

One language of each data set is read for real, and the files of the others are looked up, so that what a long study
would stop at is known in a minute.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.jobs.downloads import hub_errors
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.texts.hub import incomplete_parts, lacking, read_hub

READ = 3  # sentences that are read of a data set that is streamed


@dataclass(frozen=True)
class CheckedRepository:
    """What was found of a data set on the hub."""

    dataset: str  # its name in the config
    repository: str
    revision: str | None
    files: int = 0  # that the study will read
    bytes: int = 0  # of these files
    sentences: int = 0  # of the language that was read, in all of its parts
    problems: list[str] = field(default_factory=list)  # each with its remedy


def check_repository(
    name: str, dataset: DatasetConfig, languages: list[str], table: Mapping[str, Language]
) -> CheckedRepository:
    """Check a data set on the hub, or in a directory laid out like it, and read one of its languages.

    Args:
        name: Of the data set in the config.
        dataset: Its section of the config, with `source: hub`.
        languages: Codes of the languages that the study reads from it; the first whose files are there is read.
        table: What data sets call these languages.

    Returns:
        What was found. `problems` is empty where the study will find all that it asks for; what a problem stops at is
        not looked at: where access is refused no file is.
    """
    found = {"dataset": name, "repository": dataset.repository, "revision": dataset.revision}
    try:
        sizes = _sizes(dataset)
    except StudyError as error:
        return CheckedRepository(**found, problems=[str(error)])
    needed: dict[str, int] = {}
    problems, complete = [], []
    for code in languages:
        alternatives = dataset.hub_files(code, table[code])
        matched = next((files for names in alternatives if (files := _matched(names, sizes))), None)
        if matched is None:
            problems.append(lacking(dataset, code, alternatives))
        else:
            needed |= {file: sizes[file] for file in matched}
            if incomplete := incomplete_parts(dataset, matched):
                problems.append(f"{dataset.repository}, {code}: {incomplete}")
            else:
                complete.append(code)
    sentences = 0
    if complete:
        some = dataset.model_copy(update={"sentences": READ}) if dataset.layout == "wikipedia" else dataset
        try:
            sentences = len(read_hub(some, complete[:1], table))
        except StudyError as error:
            problems.append(str(error))
    total = sum(needed.values())
    return CheckedRepository(**found, files=len(needed), bytes=total, sentences=sentences, problems=problems)


def _matched(names: list[str], there: Iterable[str]) -> list[str] | None:
    """The files that patterns name; None unless each names one."""
    # As of the hub's patterns, no * stands for a part of the path and the slash after it.
    found = [
        [file for file in there if file.count("/") == name.count("/") and fnmatchcase(file, name)] for name in names
    ]
    return [file for files in found for file in files] if all(found) else None


def _sizes(dataset: DatasetConfig) -> dict[str, int]:
    """Bytes of all files of a repository, by their paths.

    Raises:
        StudyError: it is gated, unknown or out of reach.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    repository = dataset.repository
    if dataset.is_directory:
        folder = Path(repository)
        if not folder.is_dir():
            raise StudyError(f"there is no directory {repository}; correct the data set's `repository`.")
        return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    hub = HfApi()
    try:
        hub.auth_check(repository, repo_type="dataset")  # else a gate would be met at the first file only
        tree = hub.list_repo_tree(repository, repo_type="dataset", revision=dataset.revision, recursive=True)
        return {entry.path: entry.size for entry in tree if getattr(entry, "size", None) is not None}
    except GatedRepoError as error:
        raise StudyError(
            f"{repository} is gated; accept its terms on https://huggingface.co/datasets/{repository} and set HF_TOKEN "
            "or run `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise StudyError(f"{repository} has no commit {dataset.revision}; pin another one.") from error
    except RepositoryNotFoundError as error:
        raise StudyError(f"{repository} is not on the hub, or not for this account; correct its name.") from error
    except hub_errors() as error:
        raise StudyError(
            f"{repository} is out of reach ({one_line(error)}); try again where there is network."
        ) from error
