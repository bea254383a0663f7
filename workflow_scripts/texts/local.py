"""Texts from local files, in the layouts in which the data sets are distributed."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts.conllu import read_treebank
from workflow_scripts.texts.lines import read_lines
from workflow_scripts.texts.parts import Parts, mining, paragraphs, paraphrases
from workflow_scripts.texts.sib200 import read_topics


def read_local(dataset: DatasetConfig, languages: list[str], table: Mapping[str, Language], root: Path) -> pd.DataFrame:
    """Read the texts of a local data set, columns `id, lang, part, text`.

    Raises:
        StudyError: a file is missing or ragged, or is not UTF-8 text.
    """
    readers = {
        "flores200": _lines,
        "lines": _lines,
        "paws-x": _paws,
        "tatoeba": _tatoeba,
        "bucc2018": _bucc,
        "wikipedia": _wikipedia,
        "sib200": _sib,
        "ud-pud": _treebank,
    }
    if dataset.layout == "table":
        from workflow_scripts.texts.tables import read_table

        columns = read_table(Path(root, dataset.folder), languages)
        of_languages = {code: {"sentence": _ids(texts, dataset.split)} for code, texts in columns.items()}
    else:
        files = {code: [Path(root, file) for file in dataset.local_files(code, table[code])] for code in languages}
        read = readers[dataset.layout]
        of_languages = {code: read(*paths, split=dataset.split) for code, paths in files.items()}
    rows = [
        (identifier, code, part, text)
        for code, parts in of_languages.items()
        for part, pairs in parts.items()
        for identifier, text in pairs
    ]
    return pd.DataFrame(rows, columns=["id", "lang", "part", "text"])


def _lines(path: Path, split: str) -> Parts:
    return {"sentence": _numbered(path, split)}


def _tatoeba(source: Path, target: Path, split: str) -> Parts:
    return {"source": _numbered(source, split), "target": _numbered(target, split)}


def _wikipedia(path: Path, split: str) -> Parts:
    return paragraphs(_numbered(path, split), str(path))


def _sib(*paths: Path, split: str) -> Parts:
    return read_topics(paths, split)


def _treebank(path: Path, split: str) -> Parts:
    return read_treebank(path)


def _paws(path: Path, split: str) -> Parts:
    lines = read_lines(path)
    columns = ["id", "sentence1", "sentence2", "label"]
    if not lines or lines[0].split("\t") != columns:
        raise StudyError(f"{path}: the first line must name the columns {', '.join(columns)}, separated by tabs.")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")  # no quoting: PAWS-X sentences hold unpaired quotation marks
        if len(fields) != len(columns):
            raise StudyError(f"{path}, line {number}: not {len(columns)} fields.")
        if not fields[0].isdecimal():
            raise StudyError(f"{path}, line {number}: the id {fields[0]!r} is no number.")
        rows.append(dict(zip(columns, fields, strict=True)))
    return paraphrases(rows, f"{path}", split)


def _bucc(source: Path, target: Path, gold: Path, split: str) -> Parts:
    sources, candidates = _with_ids(source), _with_ids(target)
    pairs = []
    for number, line in enumerate(read_lines(gold), start=1):
        pair = tuple(line.split("\t"))
        if len(pair) != 2:
            raise StudyError(f"{gold}, line {number}: two ids separated by a tab are expected.")
        pairs.append(pair)
    return mining(dict(sources), candidates, pairs, str(gold))


def _numbered(path: Path, split: str) -> list[tuple[str, str]]:
    return _ids(read_lines(path), split)


def _ids(texts: list[str], split: str) -> list[tuple[str, str]]:
    return [(f"{split}-{number:06d}", text) for number, text in enumerate(texts)]


def _with_ids(path: Path) -> list[tuple[str, str]]:
    lines: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        identifier, tab, text = line.partition("\t")
        if not tab:
            raise StudyError(f"{path}, line {number}: an id and a text separated by a tab are expected.")
        if identifier in lines:
            raise StudyError(f"{path}, line {number}: the id {identifier} stands in line {lines[identifier][0]} too.")
        lines[identifier] = number, text
    return [(identifier, text) for identifier, (_, text) in lines.items()]
