"""Groups of candidate languages: by family, by script, and by whether retrieval finds them without intervention."""

import numpy as np

FOUND = 0.1  # a language counts as found where sentences of some other language find this share of their translations
FOUND_GROUPS = ("some translations found", "hardly any found")


def groups(pre: np.ndarray, families: list[str], scripts: list[str]) -> list[tuple[str, str, np.ndarray]]:
    """Return groupings, groups and which languages are in each, bool [languages]; the larger group first.

    Args:
        pre: Accuracies without intervention, [queries, candidates], NaN on the diagonal.
        families: Of the languages.
        scripts: Of the languages.
    """
    found = np.nanmax(pre, axis=0) > FOUND
    named = {
        "all": ["all languages"] * len(families),
        "found": [FOUND_GROUPS[0] if each else FOUND_GROUPS[1] for each in found],
        "family": families,
        "script": scripts,
    }
    rows = []
    for grouping, of_language in named.items():
        names, counts = np.unique(of_language, return_counts=True)
        for place in np.lexsort((names, -counts)):
            rows.append((grouping, str(names[place]), np.array(of_language) == names[place]))
    return rows
