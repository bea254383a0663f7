"""The measures by which layers, and steps of a training, are compared: each a value for every pair of languages."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.config.sections import Resampling
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.averages import Average, average_over_languages, average_over_pairs
from workflow_scripts.measures.metric_files import grid, read_metrics, select


@dataclass(frozen=True)
class Compared:
    """A measure that is compared."""

    label: str
    metric: str  # which CSV has it
    rows: dict[str, str]  # which rows of that
    falls: bool = False  # whether it falls where languages get closer


COMPARED = {
    "distance": Compared("Distance", "alignment", {"measure": "pairs", "centring": "none"}, falls=True),
    "centred_distance": Compared("Centred distance", "alignment", {"measure": "pairs", "centring": "all"}, falls=True),
    "retrieval": Compared("Retrieval", "alignment", {"measure": "cosine_accuracy", "centring": "none"}),
    "centred_retrieval": Compared(
        "Retrieval, languages centred", "alignment", {"measure": "cosine_accuracy", "centring": "language"}
    ),
    "mexa": Compared("MEXA", "alignment", {"measure": "mexa", "centring": "none"}),
    "abx_language": Compared("ABX, language", "abx", {"task": "language"}, falls=True),
    "abx_meaning": Compared("ABX, meaning", "abx", {"task": "meaning"}),
}
MEXA = "mexa"  # which is of pairs with the pivot alone
# Columns of the CSVs, and what they are called here.
COLUMNS = {
    "alignment": {"query": "first", "candidate": "second", "value": "value"},
    "abx": {"first": "first", "second": "second", "score": "value"},
}
CONDITION = ["model", "condition", "units", "target", "pooling", "seed", "layer"]


def definitions(pivot: str) -> str:
    """Return what the measures are, for captions; `pivot` is the name of MEXA's pivot language."""
    return (
        "All by cosine, means over ordered pairs of languages: the distance of all sentences of one language to all of "
        "the other, in the space as it is and after its mean is subtracted; the share of sentences whose translation "
        "is the nearest sentence of the other language, in the space as it is and after each language's own mean is "
        "subtracted; ABX discrimination of language and of meaning (0.5 is chance). MEXA, of pairs with "
        f"{pivot}: the share of sentences that are nearer to their translation than to any other sentence, and it to "
        "them (Kargaran et al. 2024)."
    )


def read_compared(paths: list[Path]) -> pd.DataFrame:
    """Return the observations of `COMPARED`, one per row: the columns `CONDITION`, measure, first, second (languages)
    and value.

    Args:
        paths: Metric CSVs `alignment.csv` and `abx.csv`, of any conditions and layers.

    Raises:
        StudyError: a file is neither, or lacks a column.
    """
    found = []
    for path in paths:
        if path.stem not in COLUMNS:
            raise StudyError(f"{path} is none of {', '.join(f'{name}.csv' for name in COLUMNS)}; leave it out.")
        here = {name: compared for name, compared in COMPARED.items() if compared.metric == path.stem}
        keys = list(dict.fromkeys(column for compared in here.values() for column in compared.rows))
        table = read_metrics([path], [*CONDITION, *keys, *COLUMNS[path.stem]])
        if "space" in table:
            table = table[table["space"] != "constant"]
        for name, compared in here.items():
            mine = np.logical_and.reduce([table[column] == value for column, value in compared.rows.items()])
            renamed = table[mine].rename(columns=COLUMNS[path.stem])
            found.append(renamed[[*CONDITION, "first", "second", "value"]].assign(measure=name))
    return pd.concat(found, ignore_index=True)


def compared_matrices(observations: pd.DataFrame, wanted: pd.DataFrame, languages: list[str]) -> np.ndarray:
    """Return the values of every pair of languages: [conditions, measures, languages, languages], NaN on the diagonals.

    Args:
        observations: As `read_compared` gives them.
        wanted: One condition a row; its columns, of `CONDITION`, are the key.
        languages: Those of the pairs.

    Raises:
        StudyError: an observation is missing.
    """
    pairs = grid(measure=list(COMPARED), first=languages, second=languages)
    pairs = pairs[pairs["first"] != pairs["second"]]
    values = select(observations, wanted.merge(pairs, how="cross"), "measures")["value"].to_numpy()
    count = len(languages)
    matrices = np.full((len(wanted), len(COMPARED), count, count), np.nan)
    matrices[:, :, ~np.eye(count, dtype=bool)] = values.reshape(len(wanted), len(COMPARED), -1)
    return matrices


@dataclass(frozen=True)
class Averaging:
    """How a measure's values of pairs become one number with an interval."""

    pivot: int  # place of MEXA's pivot among the languages
    resampling: Resampling

    def mean(self, measure: str, values: np.ndarray) -> float:
        """Return the mean of a measure's values [languages, languages] over ordered pairs of different languages, of
        MEXA over those with the pivot.
        """
        of_pairs = self.with_pivot(values) if measure == MEXA else values[~np.eye(len(values), dtype=bool)]
        return float(of_pairs.mean())

    def __call__(self, measure: str, values: np.ndarray) -> Average:
        """Mean of a measure's values [languages, languages], and its bootstrap interval over languages.

        Over ordered pairs of different languages; of MEXA over those with the pivot, whose interval is over the others.
        """
        if measure == MEXA:
            return self.of_languages(self.with_pivot(values))
        return average_over_pairs(values, self.resampling)

    def with_pivot(self, values: np.ndarray) -> np.ndarray:
        """Return the values of each language with the pivot, [..., languages - 1], of values [..., languages,
        languages].
        """
        return np.delete(values[..., self.pivot], self.pivot, axis=-1)

    def of_languages(self, values: np.ndarray) -> Average:
        """Return the mean of values [languages], and its bootstrap interval; fewer than three languages have none."""
        return average_over_languages(values, self.resampling)
