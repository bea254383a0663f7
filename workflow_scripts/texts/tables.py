"""Parallel sentences in one table: a column per language, under its code; CSV, TSV, JSON Lines or parquet."""

import csv
import io
import json
import re
from pathlib import Path

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.texts.lines import read_lines, read_text, require_file, unquoted

Columns = dict[str, list[str]]  # texts by the code of their language
csv.field_size_limit(2**31 - 1)  # Python's own limit, 131,072 characters, is shorter than some texts


class _Object(dict):
    """An object of JSON, and which of its keys are there more than once, of which a plain dict keeps the last."""

    def __init__(self, pairs: list[tuple[str, object]]):
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = [name for name in self if names.count(name) > 1] if len(names) != len(self) else []


def read_table(path: Path, languages: list[str]) -> Columns:
    """Read the columns of some languages, all of one length; the table may have others.

    A CSV is quoted as usual; of a TSV a field is quoted only if it begins and ends with a quotation mark; a line of
    JSON is an object. The format is told by the file's suffix.

    Raises:
        StudyError: the file is missing, damaged or ragged, lacks a column, or a cell is no text.
    """
    reader = {".csv": _csv, ".tsv": _tsv, ".jsonl": _jsonl, ".parquet": _parquet}[path.suffix]
    return reader(path, languages)


def _csv(path: Path, languages: list[str]) -> Columns:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if row:  # else a line without a character
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise StudyError(f"{path}, line {reader.line_num}: this is no CSV: {error}.") from error
    return _of_rows(path, rows, languages)


def _tsv(path: Path, languages: list[str]) -> Columns:
    lines = enumerate(read_lines(path), start=1)
    return _of_rows(path, [(number, list(map(unquoted, line.split("\t")))) for number, line in lines], languages)


def _of_rows(path: Path, rows: list[tuple[int, list[str]]], languages: list[str]) -> Columns:
    if not rows:
        raise StudyError(f"{path} holds no line; the first must name the languages.")
    (_, header), *rest = rows
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise StudyError(f"{path} has the column {repeated[0]} twice.")
    _require_columns(path, languages, header)
    for number, row in rest:
        if len(row) != len(header):
            raise StudyError(f"{path}, line {number}: {len(row)} fields in place of {len(header)}.")
    return {code: [row[header.index(code)] for _, row in rest] for code in languages}


def _jsonl(path: Path, languages: list[str]) -> Columns:
    columns: Columns = {code: [] for code in languages}
    for number, line in enumerate(read_lines(path), start=1):
        where = f"{path}, line {number}"
        try:
            row = json.loads(line, object_pairs_hook=_Object)
        except (ValueError, RecursionError) as error:
            raise StudyError(f"{where}: this is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise StudyError(f"{where}: an object is expected, with languages as keys.")
        if row.repeated:
            raise StudyError(f"{where} has the key {row.repeated[0]} twice.")
        _require_columns(where, languages, list(row))
        for code, texts in columns.items():
            texts.append(_text(row[code], f"{where}: {code}"))
    return columns


def _parquet(path: Path, languages: list[str]) -> Columns:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    require_file(path)
    try:
        _require_columns(path, languages, pq.read_schema(path).names)
        table = pq.read_table(path, columns=languages)
    except (ArrowException, OSError) as error:
        raise StudyError(f"{path} is no parquet that can be read: {one_line(error)}") from error
    return {
        code: [_text(value, f"{path}, row {row}: {code}") for row, value in enumerate(table[code].to_pylist())]
        for code in languages
    }


def _require_columns(where: Path | str, languages: list[str], there: list[str]) -> None:
    if missing := [code for code in languages if code not in there]:
        raise StudyError(f"{where} has no column {', '.join(missing)}; it has {', '.join(map(str, there[:20]))}.")


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise StudyError(f"{where} is {value!r}, not a text; correct it, or remove that row.")
    if re.search("[\ud800-\udfff]", value):
        raise StudyError(f"{where} holds half of a character (a surrogate alone): {value[:60]!r}; correct it.")
    return value
