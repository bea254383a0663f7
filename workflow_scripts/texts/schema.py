"""The table of texts: `id, lang, part, text`, one sentence per row, and what must hold of it.

`part` names one of the sets of sentences that a language has in a data set: `sentence` in a parallel corpus,
`sentence1` and `sentence2` of paraphrase pairs, `source` and `target` (English) of translations, `query` and
`candidates` in mining. What is said of each sentence stands under its id in parts of its own: `topic`, or of a treebank
`spans`, `tags` and `heads` (config/datasets).

Texts are kept as given: never normalised, only freed of blanks at their ends (read_texts).
"""

import logging
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from workflow_scripts.config.datasets import LABELS, PARTS, Task
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import content_hash
from workflow_scripts.jobs.parquet import read_parquet, write_parquet

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
COLUMNS = ["id", "lang", "part", "text"]
# Categories of Unicode: control and format characters, such as U+200B and U+FEFF, and marks that need a letter to be
# seen, such as variation selectors; and characters that count as letters or symbols but are blank: Hangul and Braille
# fillers.
UNSEEN = {"Cc", "Cf", "Mn"}
FILLERS = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800"}


def validate(texts: "pd.DataFrame", task: Task, languages: list[str], where: str) -> None:
    """Refuse a table that the measurements could not trust; log its counts.

    Raises:
        StudyError: a language has no text, a text is none, empty or holds NUL, ids repeat, or ids that must agree do
            not.
    """
    for language in languages:
        for part in [*PARTS[task], *LABELS.get(task, [])]:
            rows = texts[(texts["lang"] == language) & (texts["part"] == part)]
            _validate_part(rows, f"{where}, {language} {part}")
            log.info("%s: %s %s: %d sentences", where, language, part, len(rows))
    ids = {key: list(rows["id"]) for key, rows in texts.groupby(["lang", "part"], sort=False)}
    if task in ("parallel", "topics", "treebank"):
        first = next(iter(ids))
        for key, others in ids.items():
            _require_same(ids[first], others, f"{where}: {first[0]} and {key[0]} must be parallel")
    elif task in ("paraphrase", "translation"):
        one, other = PARTS[task]
        for language in languages:
            _require_same(ids[language, one], ids[language, other], f"{where}, {language}: {one} and {other}")
    elif task == "mining":
        for language in languages:
            if stray := set(ids[language, "query"]) - set(ids[language, "candidates"]):
                raise StudyError(f"{where}, {language}: no candidate for the gold ids {', '.join(sorted(stray)[:5])}.")


def _validate_part(rows: "pd.DataFrame", where: str) -> None:
    if rows.empty:
        raise StudyError(f"{where}: there is no sentence.")
    if not rows["id"].is_unique:
        raise StudyError(f"{where}: the id {rows['id'][rows['id'].duplicated()].iloc[0]} is there twice.")
    for identifier, text in zip(rows["id"], rows["text"], strict=True):
        if not isinstance(text, str):
            raise StudyError(f"{where}: the text of id {identifier} is {text!r}, a {type(text).__name__}; give text.")
    empty = ~rows["text"].map(is_visible).astype(bool)
    if empty.any():
        some = ", ".join(rows["id"][empty].head(5))
        raise StudyError(
            f"{where}: {empty.sum()} texts are empty (ids {some}), or of blanks and zero-width characters alone; "
            "correct or remove them in every language."
        )
    if (nul := rows["text"].str.contains("\0", regex=False)).any():
        raise StudyError(f"{where}: the text of id {rows['id'][nul].iloc[0]} holds a NUL character; is the file text?")


def is_visible(text: str) -> bool:
    """Tell whether a text has a character that can be seen: none of blanks, zero-width characters and controls."""
    return any(
        not character.isspace() and character not in FILLERS and unicodedata.category(character) not in UNSEEN
        for character in text
    )


def _require_same(ids: list[str], others: list[str], what: str) -> None:
    if len(ids) != len(others):
        raise StudyError(f"{what}, but have {len(ids)} and {len(others)} sentences.")
    if ids != others:
        one, other = next(pair for pair in zip(ids, others, strict=True) if pair[0] != pair[1])
        raise StudyError(f"{what}, but their ids differ, first {one} and {other}.")


def write(path: Path, texts: "pd.DataFrame") -> None:
    """Write a table of texts as parquet."""
    write_parquet(path, texts)


def read_part(path: Path, language: str, part: str) -> tuple[list[str], list[str]]:
    """Return the ids and texts of one part of one language, in their order.

    Raises:
        StudyError: the file is damaged or does not hold them.
    """
    table = read_parquet(path, columns=["id", "text"], filters=[("lang", "==", language), ("part", "==", part)])
    if table.num_rows == 0:
        raise StudyError(f"{path} holds no {part} of {language}; delete it and run again.")
    return table["id"].to_pylist(), table["text"].to_pylist()


def read_labels(path: Path, language: str, part: str, ids: list[str]) -> list[str]:
    """Return what a part says of the sentences with these ids, in their order.

    Raises:
        StudyError: the file is damaged, or the part does not hold them.
    """
    there = dict(zip(*read_part(path, language, part), strict=True))
    if missing := [identifier for identifier in ids if identifier not in there]:
        raise StudyError(f"{path} has no {part} of {language} {missing[0]}; delete it and run again.")
    return [there[identifier] for identifier in ids]


def read_spans(path: Path, language: str, ids: list[str]) -> list[list[tuple[int, int]]]:
    """Return where the words of these sentences of a treebank begin and end.

    Raises:
        StudyError: as `read_labels`.
    """
    written = read_labels(path, language, "spans", ids)
    return [[tuple(map(int, span.split(":"))) for span in spans.split()] for spans in written]


def texts_hash(path: Path) -> str:
    """Return SHA-256 (hexadecimal) of the rows of a table of texts in their order, however the file stores them."""
    table = read_parquet(path, columns=COLUMNS)
    return content_hash([table[column].to_pylist() for column in COLUMNS])
