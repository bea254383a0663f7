"""Texts from the Hugging Face hub: files of a repository at a pinned commit; parquet is read through `datasets`.

A local directory laid out like such a repository can be named instead of one.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.config.datasets import WIKIPEDIA, DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.jobs.downloads import hub_errors, refuse_damaged
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.texts.conllu import read_treebank, read_treebank_rows
from workflow_scripts.texts.lines import require_file
from workflow_scripts.texts.parts import Parts, mining, paragraphs, paraphrases
from workflow_scripts.texts.sib200 import read_topics

log = logging.getLogger(__name__)
TREEBANK_COLUMNS = ("sent_id", "text", "tokens", "upos", "head", "mwt")


def read_hub(dataset: DatasetConfig, languages: list[str], table: Mapping[str, Language]) -> pd.DataFrame:
    """Read the texts of a data set on the hub, columns `id, lang, part, text`.

    Raises:
        StudyError: the repository is gated, unknown or out of reach, lacks a language or a column, or is damaged.
    """
    readers = {
        "flores200": partial(_flores, {}),
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


def _flores(numbering: dict[bool, str], dataset: DatasetConfig, code: str, language: Language) -> Parts:
    """The sentences of a language by their ids, or by their order where no language has ids.

    Args:
        numbering: A language read so far, by whether it has ids; this one is added.
        dataset: Of the config.
        code: Of the language.
        language: What data sets call it.
    """
    rows = _rows(dataset, code, language)
    has_ids = "id" in rows.column_names
    numbering.setdefault(has_ids, code)
    if len(numbering) > 1:
        raise StudyError(
            f"{dataset.repository}: the file of {numbering[False]} has no column id, that of {numbering[True]} has "
            "one, so the sentences cannot be matched; take files of one revision."
        )
    # The original counts its sentences from 1; FLORES+ from 0, as the lines of local files and the ids of SIB-200 are.
    column, first = ("sentence", 1) if "sentence" in rows.column_names else ("text", 0)
    texts = _texts(rows, column, dataset, code)
    if not has_ids:
        return {"sentence": [(f"{dataset.split}-{number:06d}", text) for number, text in enumerate(texts)]}
    numbered: dict[int, str] = {}
    for identifier, text in zip(_column(rows, "id", dataset), texts, strict=True):
        number = int(identifier) - first if str(identifier).isdecimal() else -1
        if number < 0:
            raise StudyError(f"{dataset.repository}, {code}: the id {identifier!r} is no number from {first} on.")
        if number in numbered:
            raise StudyError(f"{dataset.repository}, {code}: the id {identifier} is there twice.")
        numbered[number] = text
    return {"sentence": [(f"{dataset.split}-{number:06d}", numbered[number]) for number in sorted(numbered)]}


def _paws(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    rows = _rows(dataset, code, language)
    columns = {name: _texts(rows, name, dataset, code) for name in ("sentence1", "sentence2")}
    columns["label"] = _column(rows, "label", dataset)
    # XTREME numbers no rows; their order is that of the original files.
    numbered = [
        {"id": number, "sentence1": one, "sentence2": other, "label": label}
        for number, (one, other, label) in enumerate(zip(*columns.values(), strict=True), start=1)
    ]
    return paraphrases(numbered, f"{dataset.repository} PAWS-X.{code}", dataset.split)


def _tatoeba(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    rows = _rows(dataset, code, language)
    return {
        part: [
            (f"{dataset.split}-{number:06d}", text)
            for number, text in enumerate(_texts(rows, f"{part}_sentence", dataset, code))
        ]
        for part in ("source", "target")
    }


def _bucc(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    rows = _rows(dataset, code, language)
    names = ("source_id", "source_sentence", "target_id", "target_sentence")
    source_ids, sources, target_ids, targets = (_texts(rows, name, dataset, code) for name in names)
    for name, ids in {"source_id": source_ids, "target_id": target_ids}.items():
        if "" in ids:
            raise StudyError(f"{dataset.repository}, {code}: the column {name} is empty in row {ids.index('')}.")
    where = f"{dataset.repository} bucc18.{code}"
    candidates = _by_id(target_ids, targets, where)
    gold = list(zip(source_ids, target_ids, strict=True))
    return mining(_by_id(source_ids, sources, where), list(candidates.items()), gold, where)


def _by_id(ids: list[str], texts: list[str], where: str) -> dict[str, str]:
    """Sentences by their ids, of rows that name a sentence again in each pair that it is in."""
    found: dict[str, str] = {}
    for identifier, text in zip(ids, texts, strict=True):
        if found.setdefault(identifier, text) != text:
            raise StudyError(f"{where}: the id {identifier} stands for two sentences.")
    return found


def _wikipedia(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    articles = _rows(dataset, code, language, streaming=True)
    for name in ("id", "text"):
        _require_column(articles, name, dataset)

    def identified() -> Iterator[dict[str, Any]]:
        for row, article in enumerate(_readable(articles, dataset)):
            if article["id"] is None:
                raise StudyError(f"{dataset.repository}, {code}: the column id is empty in row {row}.")
            yield article

    numbered = (
        (f"{article['id']}-{number:04d}", paragraph)
        for article in identified()
        for number, paragraph in enumerate(_text(article["text"], "text", article["id"], dataset, code).split("\n"))
    )
    return paragraphs(numbered, f"{dataset.repository} {WIKIPEDIA}.{code}", dataset.sentences)


def _sib(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    # Davlan/sib200; only the name of the folder differs from the local layout.
    (names,) = dataset.hub_files(code, language)
    return read_topics([_file(dataset, name) for name in names], dataset.split)


def _treebank(dataset: DatasetConfig, code: str, language: Language) -> Parts:
    # commul/universal_dependencies, or else a repository of treebanks in CoNLL-U.
    (pattern,), (conllu,) = dataset.hub_files(code, language)
    rows = _rows_of(dataset, pattern)
    if rows is None:
        return read_treebank(_file(dataset, conllu))
    for name in TREEBANK_COLUMNS:
        _require_column(rows, name, dataset)
    tags = getattr(getattr(rows.features["upos"], "feature", None), "names", None)  # where tags are kept as numbers
    named = (
        {**row, "upos": [tags[tag] for tag in row["upos"]]} if tags and row["upos"] else row
        for row in rows.select_columns(list(TREEBANK_COLUMNS))
    )
    return read_treebank_rows(named, f"{dataset.repository}, {pattern}")


def _file(dataset: DatasetConfig, name: str) -> Path:
    """A file of the repository that is no parquet; one of a directory on this machine where it lies.

    Raises:
        StudyError: as `read_hub`.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, LocalEntryNotFoundError

    if dataset.is_directory:
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
    except hub_errors() as error:
        raise _out_of_reach(dataset, error) from error
    refuse_damaged([path], dataset.repository)
    return path


def _rows(dataset: DatasetConfig, code: str, language: Language, streaming: bool = False) -> Any:
    """The rows of a language's files, of the first alternative that is there.

    Raises:
        StudyError: as `read_hub`.
    """
    alternatives = dataset.hub_files(code, language)
    for (pattern,) in alternatives:
        if (rows := _rows_of(dataset, pattern, streaming)) is not None:
            return rows
    raise StudyError(lacking(dataset, code, alternatives))


def lacking(dataset: DatasetConfig, code: str, alternatives: list[list[str]]) -> str:
    """Return what is to be said of a language whose files a repository lacks."""
    revision = f" at {dataset.revision}" if dataset.revision else ""
    return (
        f"{dataset.repository}{revision} has no {dataset.split} of {code}: no file "
        f"{' or '.join(' and '.join(names) for names in alternatives)}. Leave the language out, or pin another "
        "revision."
    )


def _rows_of(dataset: DatasetConfig, pattern: str, streaming: bool = False) -> Any | None:
    """The rows of the files that a pattern names; None where there is no such file.

    Raises:
        StudyError: as `read_hub`.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if dataset.is_directory:
        if not Path(dataset.repository).is_dir():
            raise StudyError(f"there is no directory {dataset.repository}; correct the data set's `repository`.")
        files = list(Path(dataset.repository).glob(pattern))
        for path in files:
            require_file(path)
            if not path.stat().st_size:
                raise StudyError(f"{path} is empty; fetch it again, or leave the language out.")
        if incomplete := incomplete_parts(dataset, map(str, files)):
            raise StudyError(incomplete)
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
        return None
    except hub_errors() as error:
        raise _out_of_reach(dataset, error) from error
    except StudyError:
        raise
    except Exception as error:  # whatever pyarrow and `datasets` raise for a damaged file
        told = one_line(error.__cause__ or error)
        kind = "JSON Lines" if pattern.endswith(".jsonl") else "parquet"
        raise StudyError(f"{dataset.repository}: {pattern} is no {kind} that can be read: {told}") from error


def incomplete_parts(dataset: DatasetConfig, files: Iterable[str]) -> str | None:
    """Return what is to be said of files like test-00000-of-00002.parquet of which some are missing; None where all are
    there, or where any will do.
    """
    if dataset.layout == "wikipedia":
        return None  # of which a part serves: it is read no further than to the last paragraph that is asked for
    numbers: dict[tuple[str, str], set[int]] = {}
    for file in files:
        if part := re.fullmatch(r"(.*)-(\d{5,})-of-(\d{5,})(\.\w+)", file):
            numbers.setdefault((f"{part[1]}-*-of-{part[3]}{part[4]}", part[3]), set()).add(int(part[2]))
    for (pattern, count), there in numbers.items():
        if len(there) != int(count):
            return f"of {pattern} {len(there)} files are there, not {int(count)}; fetch the others."
    return None


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


def _texts(rows: Any, name: str, dataset: DatasetConfig, code: str) -> list[str]:
    """The texts of a column, empty where there is none."""
    return [_text(value, name, row, dataset, code) for row, value in enumerate(_column(rows, name, dataset))]


def _text(value: Any, name: str, row: Any, dataset: DatasetConfig, code: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise StudyError(
            f"{dataset.repository}, {code}: the column {name} holds {value!r} in row {row}, a {type(value).__name__} "
            "and no text; correct the file, or pin another revision."
        )
    return value


def _column(rows: Any, name: str, dataset: DatasetConfig) -> list:
    _require_column(rows, name, dataset)
    return list(_readable(rows[name], dataset))


def _readable(values: Iterable[Any], dataset: DatasetConfig) -> Iterator[Any]:
    """The same values, which are read as they are asked for.

    Raises:
        StudyError: what they are read from is damaged.
    """
    try:
        yield from values
    except Exception as error:  # whatever pyarrow and `datasets` raise, of a text in another encoding a UnicodeError
        if isinstance(error, hub_errors()) and not dataset.is_directory:
            raise _out_of_reach(dataset, error) from error
        raise StudyError(
            f"{dataset.repository}: a file is damaged, or its text is not UTF-8: {one_line(error)}; fetch it again."
        ) from error


def _require_column(rows: Any, name: str, dataset: DatasetConfig) -> None:
    if name not in rows.column_names:
        raise StudyError(f"{dataset.repository} has no column {name}; it has {', '.join(rows.column_names)}.")
