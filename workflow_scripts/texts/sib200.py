"""SIB-200 (Adelani et al. 2024, EACL): sentences of FLORES-200 with their topic, in its tab-separated files."""

from collections.abc import Iterable
from pathlib import Path

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts.lines import read_lines, unquoted
from workflow_scripts.texts.parts import Parts

COLUMNS = ["index_id", "category", "text"]
DEV_SENTENCES = 997  # of FLORES; the ids count through dev, then through devtest


def read_topics(paths: Iterable[Path], split: str) -> Parts:
    """Read the sentences of one half of FLORES with their topics, parts `sentence` and `topic`.

    SIB-200 divides both halves of FLORES anew into train, dev and test, so all of its files are read. An id is that of
    the sentence in FLORES, as in the layout flores200, and so is the order.

    Args:
        paths: The files of one language.
        split: Half of FLORES, `dev` or `devtest`.

    Raises:
        StudyError: a line is malformed, or an id stands twice.
    """
    found: dict[int, tuple[str, str]] = {}
    for path in paths:
        lines = read_lines(path)
        if lines[0].split("\t") != COLUMNS:
            raise StudyError(f"{path}: the first line must name the columns {', '.join(COLUMNS)}, separated by tabs.")
        for number, line in enumerate(lines[1:], start=2):
            fields = line.split("\t", len(COLUMNS) - 1)
            where = f"{path}, line {number}"
            if len(fields) != len(COLUMNS):
                raise StudyError(f"{where}: {len(fields)} fields in place of {len(COLUMNS)}.")
            index, topic, written = fields
            text = unquoted(written)  # a text that holds a quotation mark or a tab is quoted
            if text == written and "\t" in text:
                raise StudyError(f"{where}: {len(line.split(chr(9)))} fields in place of {len(COLUMNS)}.")
            if not index.isdecimal():
                raise StudyError(f"{where}: the id {index!r} is no number.")
            if int(index) in found:
                raise StudyError(f"{where}: the id {index} is there twice.")
            if not topic.strip():
                raise StudyError(f"{where}: sentence {index} has no topic.")
            found[int(index)] = topic, text
    first = DEV_SENTENCES if split == "devtest" else 0
    half = [index for index in sorted(found) if (index >= DEV_SENTENCES) == (split == "devtest")]
    ids = {index: f"{split}-{index - first:06d}" for index in half}
    return {
        "sentence": [(ids[index], found[index][1]) for index in half],
        "topic": [(ids[index], found[index][0]) for index in half],
    }
