"""Texts from local files, in the layouts in which the data sets are distributed."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.jobs.errors import StudyError

log = logging.getLogger(__name__)
PARAGRAPH_CHARACTERS = 100  # shorter paragraphs are left out (paper, appendix B)
# Rows of PAWS-X whose translation is missing hold this or nothing.
UNTRANSLATED = {"", "NS"}
PARAPHRASE, OTHER = "1", "0"  # labels of PAWS-X


def read_local(dataset: DatasetConfig, languages: list[str], table: Mapping[str, Language], root: Path) -> pd.DataFrame:
    """Texts of a local data set, columns `id, lang, part, text`.

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
    rows = []
    for language in languages:
        paths = [Path(root) / file for file in dataset.local_files(language, table[language])]
        for part, pairs in readers[dataset.layout](*paths, split=dataset.split).items():
            rows += [(identifier, language, part, text) for identifier, text in pairs]
    return pd.DataFrame(rows, columns=["id", "lang", "part", "text"])


Parts = dict[str, list[tuple[str, str]]]  # for each part, ids and texts


def _lines(path: Path, split: str) -> Parts:
    return {"sentence": _numbered(path, split)}


def _tatoeba(source: Path, target: Path, split: str) -> Parts:
    return {"source": _numbered(source, split), "target": _numbered(target, split)}


def _wikipedia(path: Path, split: str) -> Parts:
    paragraphs = _numbered(path, split)
    return {"paragraph": [(id, text) for id, text in paragraphs if len(text) >= PARAGRAPH_CHARACTERS]}


def _sib(*paths: Path, split: str) -> Parts:
    from workflow_scripts.texts.sib200 import read_topics

    return read_topics(paths, split)


def _treebank(path: Path, split: str) -> Parts:
    from workflow_scripts.texts.conllu import read_treebank

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


def paraphrases(rows: list[dict[str, str]], where: str, split: str) -> Parts:
    """The pairs labelled as paraphrases (paper, section 6); rows without a translation are left out and counted.

    Raises:
        StudyError: a label is neither 0 nor 1.
    """
    for row in rows:
        if str(row["label"]) not in (PARAPHRASE, OTHER):
            raise StudyError(f"{where}: the label of pair {row['id']} is {row['label']!r}, not 0 or 1.")
    pairs = [row for row in rows if str(row["label"]) == PARAPHRASE]
    kept = [row for row in pairs if not UNTRANSLATED & {row["sentence1"].strip(), row["sentence2"].strip()}]
    log.info("%s: %d pairs, %d paraphrases, %d untranslated", where, len(rows), len(pairs), len(pairs) - len(kept))
    return {part: [(f"{split}-{int(row['id']):06d}", row[part]) for row in kept] for part in ("sentence1", "sentence2")}


def _bucc(source: Path, target: Path, gold: Path, split: str) -> Parts:
    sources, candidates = _with_ids(source), _with_ids(target)
    pairs = []
    for number, line in enumerate(read_lines(gold), start=1):
        pair = tuple(line.split("\t"))
        if len(pair) != 2:
            raise StudyError(f"{gold}, line {number}: two ids separated by a tab are expected.")
        pairs.append(pair)
    return mining(dict(sources), candidates, pairs, str(gold))


def mining(sources: dict[str, str], candidates: list[tuple[str, str]], gold: list[tuple], where: str) -> Parts:
    """Queries are the sentences with a gold translation, under the id of that translation.

    A sentence with several golds counts with the first; a translation shared by several sentences, for the first.

    Raises:
        StudyError: a gold pair names a sentence that is not there.
    """
    queries: dict[str, str] = {}  # source by target
    for source, target in gold:
        if source not in sources:
            raise StudyError(f"{where}: the gold pairs name {source}, which is not there.")
        if source not in queries.values():
            queries.setdefault(target, source)
    log.info("%s: %d gold pairs, %d queries", where, len(gold), len(queries))
    return {"query": [(target, sources[source]) for target, source in queries.items()], "candidates": candidates}


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file without their ends (LF or CRLF) and without a byte order mark at its start.

    Raises:
        StudyError: the file is missing, empty, not UTF-8, or cannot be read.
    """
    if not path.is_file():
        beside = sorted(other.name for other in path.parent.glob("*"))[:8] if path.parent.is_dir() else []
        there = f"; beside it are {', '.join(beside)}, …" if beside else f"; there is no folder {path.parent} either"
        raise StudyError(
            f"there is no file {path}{there}. Set data_root (--config data_root=…) to the folder that holds the data "
            "sets, or leave the language out."
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{path} is not UTF-8: byte {error.start} cannot be decoded; save it as UTF-8, for example by iconv."
        ) from error
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}.") from error
    if not text:
        raise StudyError(f"{path} is empty; fetch it again, or leave the language out.")
    if "\n" not in text and "\r" in text.removesuffix("\r"):
        raise StudyError(f"the lines of {path} end in CR alone; end them in LF, for example by `tr '\\r' '\\n'`.")
    # Only LF ends a line: str.splitlines would also break at characters that real sentences hold, such as U+2028.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _numbered(path: Path, split: str) -> list[tuple[str, str]]:
    return [(f"{split}-{number:06d}", line) for number, line in enumerate(read_lines(path))]


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
