"""Similarities of languages from URIEL (Littell et al. 2017), computed once: `uriel.csv.xz` beside this file.

The vectors are those of the package lang2vec, which brings URIEL's data along and needs no network: syntax, phonology
and inventory of phonemes, with missing features filled in from a language's nearest neighbours (URIEL's predictions,
the feature sets `*_knn`), membership in families and branches (`fam`), and distances to fixed places on Earth (`geo`).
The similarity of two languages is the cosine of their vectors. Run as

    python -m workflow_scripts.kinship.uriel similarities.csv --languages swe nob deu

with ISO 639-3 codes, for other languages than those of FLORES-200 and SIB-200.
"""

import argparse
import datetime
import lzma
from importlib.metadata import PackageNotFoundError, distribution
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.config.languages import BUILT_IN
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written_whole

# File of lang2vec's data and the first letters of the features in it.
MEASURES = {
    "syntactic": ("feature_predictions.npz", "S_"),
    "phonological": ("feature_predictions.npz", "P_"),
    "inventory": ("feature_predictions.npz", "INV_"),
    "genetic": ("family_features.npz", "F_"),
    "geographic": ("geocoord_features.npz", "GC_"),
}
ALL = [*dict.fromkeys(language.iso639_3 for language in BUILT_IN.values()), "nqo"]  # SIB-200 has N'Ko, too
DECIMALS = 6
HEADER = """\
# Cosine similarity of the URIEL vectors of two languages (ISO 639-3 codes): Littell et al. (2017), URIEL and
# lang2vec: Representing languages as typological, geographical, and phylogenetic vectors, EACL. Features that no
# source has for a language are URIEL's predictions from its nearest neighbours.
# Source: lang2vec {version} on PyPI. Licence of the data and of this file: CC BY-SA 4.0. Computed on {date} by
# python -m workflow_scripts.kinship.uriel
"""


def vectors(measure: str, codes: list[str]) -> np.ndarray:
    """Return URIEL's vectors of some languages [languages, features].

    Args:
        measure: A key of `MEASURES`.
        codes: ISO 639-3 codes.

    Raises:
        StudyError: lang2vec is not installed, or does not know a language.
    """
    file, prefix = MEASURES[measure]
    with np.load(_data() / file, allow_pickle=False) as database:
        rows = {code: row for row, code in enumerate(database["langs"])}
        if unknown := [code for code in codes if code not in rows]:
            raise StudyError(f"URIEL has no language {', '.join(unknown)}; give ISO 639-3 codes, or leave them out.")
        named = [column for column, name in enumerate(database["feats"]) if name.startswith(prefix)]
        return database["data"][[rows[code] for code in codes]][:, named, 0].astype(np.float64)


def similarities(codes: list[str]) -> pd.DataFrame:
    """Return cosine similarities of all pairs of languages: measure, first, second, similarity (NaN: unknown).

    Raises:
        StudyError: as `vectors`.
    """
    rows = []
    for measure in MEASURES:
        found = vectors(measure, codes)
        sizes = np.linalg.norm(found, axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            found /= sizes  # NaN where URIEL has no vector of a language, such as a family
        cosines = found @ found.T
        rows += [
            {"measure": measure, "first": codes[one], "second": codes[other], "similarity": cosines[one, other]}
            for one, other in combinations(range(len(codes)), 2)
        ]
    return pd.DataFrame(rows).round({"similarity": DECIMALS})


def _data() -> Path:
    """Where lang2vec's data lie; the package itself is not imported, since it needs an outdated setuptools."""
    try:
        return Path(distribution("lang2vec").locate_file("lang2vec/data"))
    except PackageNotFoundError as error:
        raise StudyError("lang2vec is not installed; run `pip install lang2vec==1.1.2` and try again.") from error


def main(command: list[str] | None = None) -> None:
    """Write a CSV of similarities."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path, help="written: the similarities; compressed if its name ends in .xz")
    parser.add_argument("--languages", nargs="+", default=ALL, help="ISO 639-3 codes; those of FLORES-200 and SIB-200")
    options = parser.parse_args(command)
    table = similarities(options.languages).to_csv(index=False, float_format=f"%.{DECIMALS}f", lineterminator="\n")
    header = HEADER.format(version=distribution("lang2vec").version, date=datetime.date.today().isoformat())
    with written_whole(options.csv) as beside:
        content = (header + table).encode()
        beside.write_bytes(lzma.compress(content, preset=9) if beside.suffix == ".xz" else content)


if __name__ == "__main__":
    main()
