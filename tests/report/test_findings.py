"""The sentences that open the report, against the numbers that they are made of, taken by loops."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workflow_scripts.config.sections import Resampling
from workflow_scripts.report.findings import Measured, findings

LANGUAGES = ["de", "en", "es", "fr", "it"]
TARGETS = ["de", "en", "es"]
NAMES = {"de": "German", "en": "English", "es": "Spanish", "fr": "French", "it": "Italian"}
SHARES = {"de": (0.1, 0.6), "en": (0.2, 0.3), "es": (0.1, 0.9)}  # of texts, without and with experts
COSTS = {"de": 0.2, "en": 0.3, "es": 0.7}  # in log perplexity


def pairs(seed, name, **further):
    """A value of every pair before and under the experts of every target; and the matrices."""
    draw = np.random.default_rng(seed)
    rows, matrices = [], {}
    for target in [None, *TARGETS]:
        matrices[target] = draw.random((5, 5))
        leading = {"model": "m", "units": "expert" if target else "none", "target": target}
        leading |= {"pooling": "max" if target else None, "condition": target or "base", **further}
        rows += [
            {**leading, "query": query, "candidate": candidate, name: matrices[target][row, column]}
            for row, query in enumerate(LANGUAGES)
            for column, candidate in enumerate(LANGUAGES)
            if query != candidate
        ]
    return pd.DataFrame(rows), matrices


def swept(name, values):
    rows = [
        {"model": "m", "target": target, "pooling": "max", "k": k, name: value}
        for target, by_k in values.items()
        for k, value in zip((0, 9), by_k, strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def found():
    distances, of_distances = pairs(0, "value")
    retrieval, of_retrieval = pairs(1, "accuracy")
    centred, _ = pairs(2, "value", measure="cosine_accuracy", centring="language", space="post")
    measured = Measured(
        model="m",
        label="M",
        pooling="max",
        k=9,
        targets=TARGETS,
        shown_target="es",
        languages=LANGUAGES,
        names=NAMES,
        distances=distances,
        retrieval=retrieval,
        alignment=centred,
        language_id=swept("accuracy", SHARES),
        perplexity=swept("log_perplexity", {target: (4.0, 4.0 + cost) for target, cost in COSTS.items()}),
        resampling=Resampling(resamples=2_000, seed=3),
    )
    return measured, of_distances, of_retrieval


def of_pairs(matrix):
    return np.mean([matrix[row, column] for row in range(5) for column in range(5) if row != column])


def signed(value):
    return f"{value:+.3f}".replace("-", "−")


def test_every_sentence_has_its_change_its_interval_and_the_anchor_of_what_shows_it(found):
    measured, distances, _ = found
    sentences = findings(measured)
    anchors = ["table-1", "figure-4", "figure-21", "figure-5", "centred", "figure-2"]
    assert [sentence.anchor for sentence in sentences] == anchors
    assert all("95% interval" in sentence.text for sentence in sentences)
    before = of_pairs(distances[None])
    change = np.mean([of_pairs(distances[target]) for target in TARGETS]) - before
    fallen = sum(of_pairs(distances[target]) < before for target in TARGETS)
    assert f"from {before:.2f} to {before + change:.2f} on average ({signed(change)}, " in sentences[0].text
    assert f"they fall for {fallen} of 3 targets" in sentences[0].text


def test_the_sentence_of_the_shown_target_counts_candidates_that_gain(found):
    measured, _, retrieval = found
    pre, post = (np.delete(retrieval[target][2], 2) for target in (None, "es"))
    text = findings(measured)[1].text
    assert f"Spanish queries find their translation in {100 * pre.mean():.1f}% of cases" in text
    assert f"{(post > pre).sum()} of 4 candidate languages gain" in text and signed((post - pre).mean()) in text


def test_generated_language_and_its_cost_have_scipys_intervals_over_targets(found):
    text = findings(found[0])[-1].text
    shares = np.array([after - before for before, after in SHARES.values()])
    assert f"in {100 * np.mean([after for _, after in SHARES.values()]):.1f}% of cases with 9 experts" in text
    assert "more for 3 of 3 targets" in text and "intervals over targets" in text
    for values, shown in (
        (shares, lambda end: signed(end)),
        (np.array(list(COSTS.values())), lambda e: f"{np.exp(e):.1f}"),
    ):
        options = {"n_resamples": 2_000, "method": "percentile", "rng": np.random.default_rng(3)}
        interval = stats.bootstrap((values,), np.mean, **options).confidence_interval
        assert f"{shown(interval.low)} to {shown(interval.high)}" in text


def test_two_targets_have_no_interval_of_generated_language(found):
    text = findings(replace(found[0], targets=["de", "es"]))[-1].text
    assert "no interval" in text and "over targets" not in text and "nan" not in text


@pytest.mark.parametrize(("added", "said"), [(0.4, "part of the gain is more"), (-0.4, "translations are lost")])
def test_what_is_left_when_languages_are_centred_is_said_by_its_sign(found, added, said):
    centred = found[0].alignment.copy()
    centred.loc[centred["units"] == "expert", "value"] = centred.loc[centred["units"] == "none", "value"].tolist() * 3
    equal = findings(replace(found[0], alignment=centred))[4].text
    assert "no gain is seen beyond a shift" in equal and "within chance" in equal
    centred.loc[centred["units"] == "expert", "value"] += added
    assert said in findings(replace(found[0], alignment=centred))[4].text
