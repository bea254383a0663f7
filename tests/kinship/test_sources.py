"""Choosing the language to train in, from made-up scores, against scipy's coefficients and choices made one by one."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workflow_scripts.config.sections import Resampling
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.kinship.sources import correlations_by_test, scores_elsewhere, scores_of_choice
from workflow_scripts.measures.averages import average_over_languages
from workflow_scripts.tables import layout, table_sources

LANGUAGES = ["de", "en", "es", "ja", "he", "ru", "th"]
RESAMPLING = {"resamples": 300, "confidence": 0.9, "seed": 3}
SPEC = {
    "models": [{"name": "tiny", "label": "Tiny"}],
    "tasks": [{"name": "topics", "dataset": "sib", "languages": LANGUAGES}],
    "resampling": RESAMPLING,
}


@pytest.fixture
def scores():
    """Scores with ties, by language of training and of test."""
    return np.random.default_rng(0).integers(0, 12, (len(LANGUAGES),) * 2) / 12


@pytest.fixture
def similarity():
    """Symmetric similarities with ties; of Thai only one pair is known, of Hebrew none."""
    drawn = np.random.default_rng(1).integers(0, 5, (len(LANGUAGES),) * 2) / 4
    both = np.triu(drawn) + np.triu(drawn, 1).T
    thai, hebrew = LANGUAGES.index("th"), LANGUAGES.index("he")
    both[thai, 1:] = both[1:, thai] = both[hebrew] = both[:, hebrew] = np.nan
    return both


def sources(test, similarity):
    return [row for row in range(len(LANGUAGES)) if row != test and not np.isnan(similarity[row, test])]


def test_coefficients_are_scipys_over_the_sources_that_are_known(scores, similarity):
    pearson, spearman = correlations_by_test(scores, similarity)
    for test, language in enumerate(LANGUAGES):
        known = sources(test, similarity)
        if language in ("th", "he"):
            assert np.isnan(pearson[test]) and np.isnan(spearman[test])
            continue
        sides = scores[known, test], similarity[known, test]
        assert pearson[test] == pytest.approx(stats.pearsonr(*sides).statistic)
        assert spearman[test] == pytest.approx(stats.spearmanr(*sides).statistic)


def test_a_constant_side_has_no_coefficient(scores):
    assert np.isnan(correlations_by_test(scores, np.full(scores.shape, 0.3))).all()


def test_the_most_similar_source_is_chosen_and_of_several_the_mean_is_taken(scores, similarity):
    found = scores_of_choice(scores, similarity)
    for test, language in enumerate(LANGUAGES):
        known = sources(test, similarity)
        if language == "he":
            assert np.isnan(found[test])
            continue
        nearest = max(similarity[row, test] for row in known)
        assert found[test] == pytest.approx(
            np.mean([scores[row, test] for row in known if similarity[row, test] == nearest])
        )


def test_the_source_that_is_best_elsewhere_does_not_know_the_test_language(scores):
    found = scores_elsewhere(scores)
    for source in range(len(LANGUAGES)):
        for test in range(len(LANGUAGES)):
            others = [scores[source, other] for other in range(len(LANGUAGES)) if other not in (source, test)]
            if source != test:
                assert found[source, test] == pytest.approx(np.mean(others))


def run(folder, scores, similarity, dropped=0, ngrams=None):
    leading = {"model": "tiny", "condition": "base", "units": "none", "target": None, "pooling": None, "task": "topics"}
    rows = [
        {**leading, "train": train, "test": test, "measure": measure, "score": scores[row, column] if shown else 0.5}
        for row, train in enumerate(LANGUAGES)
        for column, test in enumerate(LANGUAGES)
        for measure, shown in (("accuracy", True), ("macro_f1", False))
    ]
    pd.DataFrame(rows[dropped:]).to_csv(folder / "transfer.csv", index=False)
    pairs = [
        {
            "measure": "genetic",
            "first": LANGUAGES[one],
            "second": LANGUAGES[other],
            "similarity": similarity[one, other],
        }
        for one, other in combinations(range(len(LANGUAGES)), 2)
    ]
    pd.DataFrame(pairs).to_csv(folder / "languages.csv", index=False)
    files = {name: folder / f"sources.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    inputs = ["--similarities", str(folder / "languages.csv"), "--transfer", str(folder / "transfer.csv")]
    if ngrams is not None:
        of_ngrams = [
            {"task": "topics", "train": train, "test": test, "measure": "accuracy", "score": ngrams[row, column]}
            for row, train in enumerate(LANGUAGES)
            for column, test in enumerate(LANGUAGES)
        ]
        pd.DataFrame(of_ngrams).to_csv(folder / "ngrams.csv", index=False)
        inputs += ["--ngrams", str(folder / "ngrams.csv")]
    table_sources.main(["--spec", json.dumps(SPEC), *inputs, *options])
    return pd.read_csv(files["csv"]).set_index("choice"), layout.read(files["json"])


def test_each_way_to_choose_has_its_score_and_its_regret(tmp_path, scores, similarity):
    tidy, shown = run(tmp_path, scores, similarity)
    assert list(tidy.index) == ["genetic", "best elsewhere", "any source", "best source"]
    others = np.where(np.eye(len(LANGUAGES), dtype=bool), np.nan, scores)
    best = np.nanmax(others, axis=0)
    by_kin = scores_of_choice(scores, similarity)
    known = np.isfinite(by_kin)
    expected = {
        "genetic": (by_kin[known], (best - by_kin)[known]),
        "any source": (np.nanmean(others, axis=0), best - np.nanmean(others, axis=0)),
        "best source": (best, np.zeros(len(best))),
    }
    for choice, values in expected.items():
        for quantity, of_quantity in zip(("score", "regret"), values, strict=True):
            average = average_over_languages(of_quantity, Resampling(**RESAMPLING))
            found = tidy.loc[choice, [quantity, f"{quantity}_low", f"{quantity}_high"]].tolist()
            assert found == pytest.approx([average.mean, average.ci_low, average.ci_high])
        assert tidy.loc[choice, "languages"] == len(values[0])
    pearson, _ = correlations_by_test(scores, similarity)
    assert tidy.loc["genetic", "pearson"] == pytest.approx(np.nanmean(pearson))
    assert tidy.loc[["any source", "best source"], ["pearson", "spearman"]].isna().all(axis=None)
    assert [row[2].text for row in shown.rows] == list(tidy.index)
    assert shown.rows[0][5].text.startswith(f"{by_kin[known].mean():.3f} [")


def test_ngrams_are_an_input_beside_embeddings(tmp_path, scores, similarity):
    ngrams = np.random.default_rng(7).random(scores.shape)
    tidy, shown = run(tmp_path, scores, similarity, ngrams=ngrams)
    alone, _ = run(tmp_path, scores, similarity)
    pd.testing.assert_frame_equal(tidy[tidy["input"] == "embeddings"], alone)
    of_ngrams = tidy[tidy["input"] == "ngrams"]
    assert list(of_ngrams.index) == list(alone.index) and of_ngrams["model"].isna().all()
    pearson, spearman = correlations_by_test(ngrams, similarity)
    found = of_ngrams.loc["genetic", ["pearson", "spearman"]].tolist()
    assert found == pytest.approx([np.nanmean(pearson), np.nanmean(spearman)])
    others = np.where(np.eye(len(LANGUAGES), dtype=bool), np.nan, ngrams)
    assert of_ngrams.loc["best source", "score"] == pytest.approx(np.nanmax(others, axis=0).mean())
    assert [row[0].text for row in shown.rows] == ["Tiny"] * 4 + ["Character n-grams"] * 4
    assert "Character n-grams: a logistic regression on TF-IDF vectors" in shown.caption


def test_a_missing_score_is_refused(tmp_path, scores, similarity):
    with pytest.raises(StudyError, match="scores of probes lack 1 of 42 rows"):
        run(tmp_path, scores, similarity, dropped=4)
