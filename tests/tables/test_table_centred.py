"""The table of what survives centring: its caption states the rule that its verdicts follow."""

from itertools import permutations

import pandas as pd
import pytest

from workflow_scripts.config.sections import Resampling
from workflow_scripts.measures.effects import EFFECTS, measured_effect
from workflow_scripts.tables.table_centred import Spec, caption

LANGUAGES = ["de", "en", "es", "fr"]
CONDITIONS = {"model": ["tiny"], "pooling": ["max"], "target": ["es"]}


def verdict(effect, changes):
    """Whether an effect is a gain, given the change of each of its values from pre to post."""
    places = {
        "pairs": list(permutations(LANGUAGES, 2)),
        "languages": [(language, None) for language in LANGUAGES],
        "space": [(None, None)],
    }[effect.over]
    rows = []
    for query, candidate in places:
        change = changes[LANGUAGES.index(query) % len(changes)] if query else changes[0]
        one = {"model": "tiny", "measure": effect.measure, "query": query, "candidate": candidate, "centring": "none"}
        rows += [
            {**one, "condition": "base", "units": "none", "space": "pre", "value": 0.5},
            {**one, "condition": "es", "units": "expert", "target": "es", "pooling": "max", "space": "post"}
            | {"value": 0.5 + change},
            {**one, "condition": "es", "units": "expert", "target": "es", "pooling": "max", "space": "constant"}
            | {"value": 0.5},
        ]
    found = measured_effect(effect, {"alignment": pd.DataFrame(rows)}, CONDITIONS, LANGUAGES, [], Resampling())
    return found.loc[0, "gain"]


@pytest.mark.parametrize(
    ("name", "changes", "gains"),
    [
        ("distance_all", [-0.1], True),
        ("distance_all", [-0.4, 0.3, 0.1, -0.1], False),  # the mean falls, but the interval holds 0
        ("anisotropy", [-0.1, -0.2], True),
        ("anisotropy", [-0.3, 0.25, 0.1, -0.1], False),
        ("rank_of_space", [2e-6], True),  # one number, which any change moves but rounding
        ("rank_of_space", [5e-7], False),
    ],
)
def test_an_interval_decides_for_means_over_languages_and_any_change_for_single_numbers(name, changes, gains):
    assert verdict(EFFECTS[name], changes) == gains


def test_the_caption_says_so_and_names_the_single_numbers():
    spec = Spec.model_validate(
        {
            **{"models": [{"name": "tiny", "label": "Tiny"}], "poolings": ["max"], "targets": ["es"], "seeds": []},
            **{"languages": LANGUAGES, "paraphrase_targets": [], "resampling": {"resamples": 2000, "confidence": 0.9}},
        }
    )
    said = caption(spec)
    assert "at least 3, moves if the 90% bootstrap interval of its difference (2,000 resamples of languages)" in said
    assert (
        "what is one number of a space (Distance of target to medoid; Paraphrase retrieval; Paraphrase retrieval, "
        "mixed; Effective rank of the space; Variance by language; Variance by sentence) moves by whatever is more "
        "than rounding"
    ) in said
    assert "control if it moves that way from the control to post" in said
