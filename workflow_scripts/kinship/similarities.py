"""Similarities of languages on disk: CSV, one measure of one pair per row; a pair is there in one order."""

import logging
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written_whole
from workflow_scripts.measures.metric_files import pair_matrix

FINGERPRINT_FILES = ["kinship/uriel.csv.xz"]  # when it changes, what reads it runs again

URIEL = Path(__file__).with_name("uriel.csv.xz")  # of the built-in languages
COLUMNS = ["measure", "first", "second", "similarity"]
FROM_TEXTS = ("trigrams", "subwords")  # measures that are computed from the study's texts

log = logging.getLogger(__name__)


def read_similarities(path: Path) -> pd.DataFrame:
    """Return the table of a CSV, which may be compressed, and in which lines that start with # are comments.

    Raises:
        StudyError: a column is missing, a similarity is no number, or a pair has two of one measure.
    """
    try:
        table = pd.read_csv(path, comment="#", keep_default_na=False, dtype=str, encoding="utf-8")
    except FileNotFoundError as error:
        raise StudyError(f"similarity.file: {path} is not there; give a CSV with {', '.join(COLUMNS)}.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is no CSV of similarities ({error}); it needs {', '.join(COLUMNS)}.") from error
    if absent := [column for column in COLUMNS if column not in table.columns]:
        raise StudyError(f"{path} has no column {', '.join(absent)}; it needs {', '.join(COLUMNS)}.")
    table = table[COLUMNS].copy()
    numbers = pd.to_numeric(table["similarity"].replace("", "nan"), errors="coerce")
    wrong = ~np.isfinite(numbers) & ~table["similarity"].isin(["", "nan"])
    if wrong.any():
        row = table[wrong].iloc[0]
        raise StudyError(
            f"{path}: the {row['measure']} similarity of {row['first']} and {row['second']} is {row['similarity']!r}; "
            "give a number, or nothing where it is not known."
        )
    table["similarity"] = numbers
    ends = table[["first", "second"]]
    pairs = pd.DataFrame({"measure": table["measure"], "low": ends.min(axis=1), "high": ends.max(axis=1)})
    if pairs.duplicated().any():
        row = pairs[pairs.duplicated()].iloc[0]
        raise StudyError(f"{path} has two {row['measure']} similarities of {row['low']} and {row['high']}; leave one.")
    return table


def of_languages(table: pd.DataFrame, codes: dict[str, str]) -> pd.DataFrame:
    """Return the rows of all pairs of some languages, by measure: empty, with a warning, where the table has no value.

    Args:
        table: What `read_similarities` returns.
        codes: The codes of languages in the table (ISO 639-3) by those in the study.
    """
    languages = list(codes)
    rows = []
    for measure in dict.fromkeys(table["measure"]):
        known = matrix(table, measure, list(codes.values()))
        rows.append(pairs(measure, languages, known))
        if without := [code for code, row in zip(languages, known, strict=True) if np.isnan(row).all()]:
            log.warning("no %s similarity is known of %s; its correlations are over the others", measure, without)
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


def matrix(table: pd.DataFrame, measure: str, languages: list[str]) -> np.ndarray:
    """Return similarities by one measure [languages, languages]: symmetric, NaN where unknown and on the diagonal."""
    one_way = pair_matrix(table[table["measure"] == measure], "similarity", languages)
    both = np.where(np.isnan(one_way), one_way.T, one_way)
    np.fill_diagonal(both, np.nan)
    return both


def pairs(measure: str, languages: list[str], values: np.ndarray) -> pd.DataFrame:
    """Return the rows of one measure from a symmetric matrix [languages, languages], pairs in its order."""
    return pd.DataFrame(
        [
            {"measure": measure, "first": languages[one], "second": languages[other], "similarity": values[one, other]}
            for one, other in combinations(range(len(languages)), 2)
        ],
        columns=COLUMNS,
    )


def write_similarities(path: Path, table: pd.DataFrame) -> None:
    """Write similarities in full precision."""
    with written_whole(path) as beside:
        table.to_csv(beside, index=False, lineterminator="\n")
