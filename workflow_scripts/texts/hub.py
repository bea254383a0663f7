"""Texts from the Hugging Face hub: files of a repository at a pinned commit; parquet is read through `datasets`.

A local directory laid out like such a repository can be named instead of one.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.jobs.downloads import refuse_damaged
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.texts.conllu import read_treebank
from workflow_scripts.texts.local import PARAGRAPH_CHARACTERS, Parts, mining, paraphrases
from workflow_scripts.texts.sib200 import read_topics

log = logging.getLogger(__name__)
WIKIPEDIA = "20231101"  # snapshot that the paper takes (appendix B)


def read_hub(dataset: DatasetConfig, languages: list[str], table: Mapping[str, Language]) -> pd.DataFrame:
    """Texts of a data set on the hub, columns `id, lang, part, text`.

    Raises:
        StudyError: the repository is gated, unknown or out of reach, lacks a language or a column, or is damaged.
    """
    readers = {
        "flores200": _flores,
        "paws-x": _paws,
        "tatoeba": _tatoeba,
        "bucc2018": _bucc,
        "wikipedia": _wikipedia,
        "sib200": _sib,
        "ud-pud": _treebank,
    }
    rows = []
    for language in languages:
        for part, pairs in readers[dataset.layout](dataset, language, table[language]).items():
            rows += [(identifier, language, part, text) for identifier, text in pairs]
    return pd.DataFrame(rows, columns=["id", "lang", "part", "text"])


def _flores(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    # facebook/flores converted to parquet, and openlanguagedata/flores_plus, which calls Simplified Chinese cmn_Hans.
    names = dict.fromkeys([language.flores, language.flores.replace("zho_", "cmn_")])
    split = dataset.split
    patterns = [p for name in names for p in (f"{name}/{split}/*.parquet", f"{split}/{name}.parquet")]
    rows = _rows(dataset, code, patterns)
    column = "sentence" if "sentence" in rows.column_names else "text"
    return {"sentence": [(f"{split}-{number:06d}", text) for number, text in enumerate(_column(rows, column, dataset))]}


def _paws(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    rows = _rows(dataset, code, [f"PAWS-X.{code}/{dataset.split}-*.parquet"])
    columns = {name: _column(rows, name, dataset) for name in ("sentence1", "sentence2", "label")}
    # XTREME numbers no rows; their order is that of the original files.
    numbered = [
        {"id": number, "sentence1": one, "sentence2": other, "label": label}
        for number, (one, other, label) in enumerate(zip(*columns.values(), strict=True), start=1)
    ]
    return paraphrases(numbered, f"{dataset.repository} PAWS-X.{code}", dataset.split)


def _tatoeba(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    rows = _rows(dataset, code, [f"tatoeba.{language.iso639_3}/{dataset.split}-*.parquet"])
    return {
        part: [
            (f"{dataset.split}-{number:06d}", text.strip("\r\n"))
            for number, text in enumerate(_column(rows, f"{part}_sentence", dataset))
        ]
        for part in ("source", "target")
    }


def _bucc(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    rows = _rows(dataset, code, [f"bucc18.{code}/{dataset.split}-*.parquet"])
    names = ("source_id", "source_sentence", "target_id", "target_sentence")
    source_ids, sources, target_ids, targets = (_column(rows, name, dataset) for name in names)
    candidates = dict(zip(target_ids, targets, strict=True))
    gold = list(zip(source_ids, target_ids, strict=True))
    return mining(dict(zip(source_ids, sources, strict=True)), list(candidates.items()), gold, f"bucc18.{code}")


def _wikipedia(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    articles = _rows(dataset, code, [f"{WIKIPEDIA}.{code}/{dataset.split}-*.parquet"], streaming=True)
    for name in ("id", "text"):
        _require_column(articles, name, dataset)
    paragraphs: list[tuple[str, str]] = []
    for article in articles:
        for number, text in enumerate(article["text"].split("\n")):
            if len(text) >= PARAGRAPH_CHARACTERS:
                paragraphs.append((f"{article['id']}-{number:04d}", text))
        if dataset.sentences is not None and len(paragraphs) >= dataset.sentences:
            break
    return {"paragraph": paragraphs}


def _sib(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    # Davlan/sib200; only the name of the folder differs from the local layout.
    names = [f"data/{Path(file).relative_to(dataset.folder)}" for file in dataset.local_files(code, language)]
    return read_topics([_file(dataset, name) for name in names], dataset.split)


def _treebank(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    (file,) = dataset.local_files(code, language)
    return read_treebank(_file(dataset, str(Path(file).relative_to(dataset.folder))))


def _file(dataset: DatasetConfig, name: str) -> Path:
    """A file of the repository that is no parquet; one of a directory on this machine where it lies.

    Raises:
        StudyError: as `read_hub`.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

    if dataset.repository.startswith((".", "/")):
        return Path(dataset.repository, name)
    try:
        path = Path(hf_hub_download(dataset.repository, name, repo_type="dataset", revision=dataset.revision))
    except GatedRepoError as error:
        raise StudyError(
            f"{dataset.repository} is gated; accept its terms on https://huggingface.co/datasets/{dataset.repository} "
            "and set HF_TOKEN or run `hf auth login`."
        ) from error
    except LocalEntryNotFoundError as error:  # an EntryNotFoundError too
        raise _out_of_reach(dataset, error.__cause__ or error) from error
    except EntryNotFoundError as error:
        raise StudyError(
            f"{dataset.repository} at {dataset.revision} has no {name}; leave the language out, or pin another one."
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise _out_of_reach(dataset, error) from error
    refuse_damaged([path], dataset.repository)
    return path


def _rows(dataset: DatasetConfig, code: str, patterns: list[str], streaming: bool = False) -> Any:
    """The rows of the files that the first matching pattern names.

    Raises:
        StudyError: as `read_hub`.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from pyarrow import ArrowInvalid

    if dataset.repository.startswith((".", "/")) and not Path(dataset.repository).is_dir():
        raise StudyError(f"there is no directory {dataset.repository}; correct the data set's `repository`.")
    for pattern in patterns:
        try:
            rows = load_dataset(
                dataset.repository,
                data_files={dataset.split: pattern},
                split=dataset.split,
                revision=dataset.revision,
                streaming=streaming,
            )
            if not streaming:
                made = {Path(file["filename"]).parent for file in rows.cache_files}
                refuse_damaged(_downloaded(dataset, pattern), dataset.repository, made)
            return rows
        # From the special to the general: most of these are FileNotFoundErrors, or OSErrors, too.
        except DatasetNotFoundError as error:
            raise StudyError(
                f"{dataset.repository} cannot be read: {one_line(error)} If it is gated, accept its terms on "
                f"https://huggingface.co/datasets/{dataset.repository} and set HF_TOKEN or run `hf auth login`."
            ) from error
        except (LocalEntryNotFoundError, ConnectionError, HfHubHTTPError) as error:
            raise _out_of_reach(dataset, error) from error
        except FileNotFoundError as error:
            # So `datasets` also calls a hub that refuses, or fails, to tell.
            for cause in _causes(error):
                if isinstance(cause, LocalEntryNotFoundError):
                    raise _out_of_reach(dataset, cause.__cause__ or cause) from error
            log.info("%s has no %s (%s)", dataset.repository, pattern, type(error).__name__)
        except OSError as error:
            raise _out_of_reach(dataset, error) from error
        except (ArrowInvalid, DatasetGenerationError) as error:
            told = one_line(error.__cause__ or error)
            raise StudyError(f"{dataset.repository}: {pattern} is no parquet that can be read: {told}") from error
    revision = f" at {dataset.revision}" if dataset.revision else ""
    raise StudyError(
        f"{dataset.repository}{revision} has no {dataset.split} of {code}: no file {' or '.join(patterns)}."
        " Leave the language out, or pin another revision."
    )


def _downloaded(dataset: DatasetConfig, pattern: str) -> list[Path]:
    """The files of that pattern in the hub's cache; none of a directory on this machine."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    if dataset.revision is None:
        return []
    folder = repo_folder_name(repo_id=dataset.repository, repo_type="dataset")
    return list(Path(constants.HF_HUB_CACHE, folder, "snapshots", dataset.revision).glob(pattern))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _out_of_reach(dataset: DatasetConfig, error: BaseException) -> StudyError:
    return StudyError(
        f"{dataset.repository} is out of reach ({one_line(error)}); run `snakemake texts` where there is network, or "
        "take the data set from local files (docs/adding.md)."
    )


def _column(rows: Any, name: str, dataset: DatasetConfig) -> list:
    _require_column(rows, name, dataset)
    return ["" if value is None else value for value in rows[name]]


def _require_column(rows: Any, name: str, dataset: DatasetConfig) -> None:
    if name not in rows.column_names:
        raise StudyError(f"{dataset.repository} has no column {name}; it has {', '.join(rows.column_names)}.")
