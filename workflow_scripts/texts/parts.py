"""The parts of a data set in one language, whatever its source: paragraphs, paraphrases, sentences to be mined."""

import logging
from collections.abc import Iterable

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts.schema import is_visible

log = logging.getLogger(__name__)
Parts = dict[str, list[tuple[str, str]]]  # for each part, ids and texts

PARAGRAPH_CHARACTERS = 100  # shorter paragraphs are left out (paper, appendix B)
# Rows of PAWS-X whose translation is missing hold this or nothing.
UNTRANSLATED = {"", "NS"}
PARAPHRASE, OTHER = "1", "0"  # labels of PAWS-X


def paragraphs(numbered: Iterable[tuple[str, str]], where: str, enough: int | None = None) -> Parts:
    """Keep the paragraphs of at least 100 characters, blanks at their ends not counted; count those left out.

    Args:
        numbered: Ids and paragraphs.
        where: What they are of, for the log.
        enough: Number of paragraphs after which no more are read; None: all are.
    """
    kept: list[tuple[str, str]] = []
    short = blank = 0
    for identifier, text in numbered:
        if not is_visible(text):
            blank += 1
        elif len(text.strip()) < PARAGRAPH_CHARACTERS:
            short += 1
        else:
            kept.append((identifier, text))
        if enough is not None and len(kept) >= enough:
            break
    log.info(
        "%s: %d paragraphs; left out %d of less than %d characters and %d blank ones",
        *(where, len(kept), short, PARAGRAPH_CHARACTERS, blank),
    )
    return {"paragraph": kept}


def paraphrases(rows: list[dict[str, str]], where: str, split: str) -> Parts:
    """Keep the pairs labelled as paraphrases (paper, section 6); leave out and count rows without a translation.

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


def mining(sources: dict[str, str], candidates: list[tuple[str, str]], gold: list[tuple], where: str) -> Parts:
    """Take as queries the sentences with a gold translation, under the id of that translation.

    A sentence with several golds counts with the first; a translation shared by several sentences, for the first.

    Raises:
        StudyError: a gold pair names a sentence that is not there.
    """
    queries: dict[str, str] = {}  # source by target
    used = set()
    for source, target in gold:
        if source not in sources:
            raise StudyError(f"{where}: the gold pairs name {source}, which is not there.")
        if source not in used and target not in queries:
            queries[target] = source
            used.add(source)
    log.info("%s: %d gold pairs, %d queries", where, len(gold), len(queries))
    return {"query": [(target, sources[source]) for target, source in queries.items()], "candidates": candidates}
