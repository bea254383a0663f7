"""The table of retrieval by family and script, from made-up accuracies, against means taken one by one."""

import json
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.config.sections import Resampling
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.averages import average_over_languages
from workflow_scripts.tables import layout, table_families

LANGUAGES = ["de", "en", "es", "ja", "he", "ru"]
FAMILY = dict.fromkeys(["de", "en", "es", "ru"], "Indo-European") | {"ja": "Japonic", "he": "Afro-Asiatic"}
SCRIPT = dict.fromkeys(["de", "en", "es"], "Latn") | {"ja": "Jpan", "he": "Hebr", "ru": "Cyrl"}
TARGETS = ["es", "ja"]
SPEC = {
    "models": [{"name": "tiny", "label": "Tiny"}],
    "poolings": ["max"],
    "targets": TARGETS,
    "languages": LANGUAGES,
    "dataset": "flores",
    "similarity": "cosine",
    "family": FAMILY,
    "script": SCRIPT,
    "resampling": {"resamples": 300, "confidence": 0.9, "seed": 3},
}
GROUPS = {
    ("all", "all languages"): LANGUAGES,
    ("found", "some translations found"): ["de", "en", "es", "ru"],
    ("found", "hardly any found"): ["ja", "he"],
    ("family", "Indo-European"): ["de", "en", "es", "ru"],
    ("family", "Afro-Asiatic"): ["he"],
    ("family", "Japonic"): ["ja"],
    ("script", "Latn"): ["de", "en", "es"],
    ("script", "Cyrl"): ["ru"],
    ("script", "Hebr"): ["he"],
    ("script", "Jpan"): ["ja"],
}


@pytest.fixture
def metrics(tmp_path):
    """Accuracies by condition, query and candidate, and the CSVs that hold them, by two similarities."""
    draw = np.random.default_rng(0)
    accuracies, paths = {}, []
    for target in (None, *TARGETS):
        name, units = (f"{target}-expert-max-k9", "expert") if target else ("base", "none")
        leading = {"model": "tiny", "condition": name, "method": "force", "units": units, "target": target}
        leading |= {"pooling": "max" if target else None, "k": 9, "seed": None, "dataset": "flores"}
        rows = []
        for query, candidate in permutations(LANGUAGES, 2):
            # Japanese and Hebrew are never found without intervention; Russian by German alone, and just so.
            rare = candidate in ("ja", "he") or (candidate == "ru" and query != "de")
            value = 0.101 if (query, candidate) == ("de", "ru") else draw.uniform(0, 0.1 if rare else 0.6)
            accuracies[target, query, candidate] = value if target is None else draw.uniform()
            for similarity in ("cosine", "inner_product"):
                shown = accuracies[target, query, candidate] if similarity == "cosine" else 0.5
                pair = {"query": query, "candidate": candidate, "similarity": similarity, "accuracy": shown}
                rows.append({**leading, **pair})
        paths.append(tmp_path / f"{name}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
    return accuracies, paths


def run(folder, metrics):
    files = {name: folder / f"families.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    table_families.main(["--spec", json.dumps(SPEC), "--retrieval", *map(str, metrics[1]), *options])
    return pd.read_csv(files["csv"]), layout.read(files["json"])


def as_candidate(accuracies, target, language):
    return np.mean([accuracies[target, query, language] for query in LANGUAGES if query != language])


def test_each_group_has_the_mean_over_its_languages_as_candidates(tmp_path, metrics):
    accuracies, _ = metrics
    tidy, _ = run(tmp_path, metrics)
    assert list(zip(tidy["grouping"], tidy["group"], tidy["target"], strict=True)) == [
        (*group, target) for target in TARGETS for group in GROUPS
    ]
    for row in tidy.itertuples():
        members = GROUPS[row.grouping, row.group]
        pre = np.array([as_candidate(accuracies, None, language) for language in members])
        post = np.array([as_candidate(accuracies, row.target, language) for language in members])
        assert row.languages == len(members)
        assert (row.pre, row.post) == pytest.approx((pre.mean(), post.mean()))
        expected = average_over_languages(post - pre, Resampling(**SPEC["resampling"]))
        found = (row.change, row.ci_low, row.ci_high)
        assert found == pytest.approx((expected.mean, expected.ci_low, expected.ci_high), nan_ok=True)
        assert np.isnan(row.ci_low) == (len(members) < 3)


def test_the_shown_table_has_a_row_for_each_group_and_a_column_for_each_target(tmp_path, metrics):
    tidy, shown = run(tmp_path, metrics)
    assert [row[2].text for row in shown.rows] == [group for _, group in GROUPS]
    assert [column.text for column in shown.columns] == ["Model", "By", "Candidates", "Languages", "Pre", *TARGETS]
    by_key = tidy.set_index(["group", "target"])
    for row in shown.rows:
        group = row[2].text
        assert row[3].text == str(by_key.loc[(group, "es"), "languages"])
        assert row[4].text == f"{by_key.loc[(group, 'es'), 'pre']:.3f}"
        for cell, target in zip(row[5:], TARGETS, strict=True):
            expected = by_key.loc[(group, target)]
            interval = f" [{expected['ci_low']:z.3f} {expected['ci_high']:z.3f}]" if expected["resamples"] else ""
            assert cell.text == f"{expected['change']:z.3f}{interval}"
    assert "more than 10%" in shown.caption and "30 ordered pairs" in shown.caption


def test_a_missing_accuracy_is_refused(tmp_path, metrics):
    accuracies, paths = metrics
    frame = pd.read_csv(paths[1])
    frame[frame["candidate"] != "he"].to_csv(paths[1], index=False)
    with pytest.raises(StudyError, match="accuracies of retrieval lack 5 of 60 rows"):
        run(tmp_path, (accuracies, paths))
