"""The experts of a language as a table: which neurons they are, how expert, and how they respond."""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.conditions.units import Selection, expert_units
from workflow_scripts.neurons.expert_files import read_language


def expert_table(experts: Path, language: str, k: int, selection: Selection = "top") -> pd.DataFrame:
    """Return the k experts of a language, the best first.

    Args:
        experts: Statistics of all neurons, as the stage `rank_neurons` writes them.
        language: Language whose experts are meant.
        k: Number of experts.
        selection: Which neurons these are, as `experts.selection` of the config says.

    Returns:
        A row for each: `layer`, `module` and `unit` (its index among the module's outputs) say where it is,
        `expertise` is its AUROC (or average precision), `mean` its mean response to the language's sentences.

    Raises:
        StudyError: neurons are not ranked for the language, or k is larger than their number.
    """
    ranked = read_language(experts, language)
    units = expert_units(ranked, language, k, selection)
    place = np.searchsorted([site.offset for site in ranked.sites], units, side="right") - 1
    sites = [ranked.sites[index] for index in place]
    found = pd.DataFrame(
        {
            "layer": [site.layer for site in sites],
            "module": [site.module for site in sites],
            "unit": [int(unit) - site.offset for unit, site in zip(units, sites, strict=True)],
            "expertise": ranked.statistics["expertise"][units],
            "mean": ranked.statistics["mean"][units],
        }
    )
    return found.sort_values("expertise", ascending=False, kind="stable", ignore_index=True)
