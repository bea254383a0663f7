"""Figures of retrieval by family, from made-up accuracies: rows, marks and cells against numbers looked up singly."""

import json
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from drawn import figure_by

from workflow_scripts.figures import figure_families, figure_family_matrix
from workflow_scripts.jobs.errors import StudyError

LANGUAGES = ["de", "zh", "es", "ja", "he", "ru", "en", "bn"]
FAMILY = dict.fromkeys(["de", "en", "es", "ru", "bn"], "Indo-European")
FAMILY |= {"ja": "Japonic", "he": "Afro-Asiatic", "zh": "Sino-Tibetan"}
SCRIPT = dict.fromkeys(["de", "en", "es"], "Latn") | {
    "ja": "Jpan",
    "he": "Hebr",
    "ru": "Cyrl",
    "bn": "Beng",
    "zh": "Hans",
}
TARGETS = ["es", "ja"]
MODEL = {"name": "tiny", "label": "Tiny"}
SPEC = {
    "panels": [{"model": MODEL, "target": target, "title": target.upper()} for target in TARGETS],
    "poolings": ["max"],
    "names": {"es": "Spanish", "ja": "Japanese"},
    "dataset": "flores",
    "similarity": "cosine",
}
RESAMPLING = {"resamples": 300, "confidence": 0.9, "seed": 3}


def outputs(folder):
    return [
        item for format in ("pdf", "png", "csv", "json") for item in (f"--{format}", str(folder / f"figure.{format}"))
    ]


@pytest.fixture
def table():
    """The table by family: some groups with an interval, one that is too small for one."""
    draw = np.random.default_rng(1)
    groups = [
        ("all", "all languages", 8),
        ("family", "Indo-European", 5),
        ("family", "Japonic", 1),
        ("script", "Latn", 3),
    ]
    rows = []
    for target in TARGETS:
        for number, (grouping, group, languages) in enumerate(groups):
            change = draw.uniform(-0.1, 0.3)
            row = {"model": "tiny", "pooling": "max", "grouping": grouping, "group": group, "target": target}
            row |= {"languages": languages, "pre": 0.1 * number + 0.2, "post": 0.1 * number + 0.2 + change}
            ends = {"ci_low": change - 0.02, "ci_high": change + 0.05} if languages >= 3 else {}
            rows.append({**row, "change": change, **ends})
    return pd.DataFrame(rows)


def groups_figure(folder, table):
    table.to_csv(folder / "families.csv", index=False)
    command = ["--spec", json.dumps({**SPEC, "resampling": RESAMPLING}), "--families", str(folder / "families.csv")]
    return figure_by(figure_families.main, [*command, *outputs(folder)])


def test_each_group_of_three_languages_or_more_has_its_accuracies_and_its_interval(tmp_path, table):
    figure = groups_figure(tmp_path, table)
    drawn = pd.read_csv(tmp_path / "figure.csv")
    for axis, target in zip(figure.axes, TARGETS, strict=True):
        here = table[(table["target"] == target) & (table["languages"] >= 3)]
        before, after = (line.get_xdata() for line in axis.lines[-2:])
        assert list(before) == list(here["pre"]) and list(after) == list(here["post"])
        heights = axis.lines[-1].get_ydata()
        assert list(np.diff(heights)) == pytest.approx([1.6, 1.6])  # each is the first of its grouping
        intervals = [segment[:, 0] for segment in axis.collections[-1].get_segments()]
        expected = np.stack([here["pre"] + here["ci_low"], here["pre"] + here["ci_high"]], axis=1)
        assert np.array(intervals) == pytest.approx(expected)
        assert drawn.loc[drawn["target"] == target, "group"].tolist() == here["group"].tolist()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["all languages (8)", "Indo-European (5)", "Latn (3)"]
    said = json.loads((tmp_path / "figure.json").read_text())["caption"]
    assert "8 languages" in said and "90% bootstrap" in said


def test_a_table_without_a_target_is_refused(tmp_path, table):
    with pytest.raises(StudyError, match="rows of the table by family lack 3 of 3"):
        groups_figure(tmp_path, table[table["target"] == "es"])


@pytest.fixture
def metrics(tmp_path):
    """Accuracies by target (None: before) and pair, and the CSVs that hold them."""
    draw = np.random.default_rng(0)
    accuracies, paths = {}, []
    for target in (None, *TARGETS):
        name, units = (f"{target}-expert-max-k9", "expert") if target else ("base", "none")
        leading = {
            "model": "tiny",
            "condition": name,
            "units": units,
            "target": target,
            "pooling": "max" if target else None,
        }
        rows = []
        for query, candidate in permutations(LANGUAGES, 2):
            accuracies[target, query, candidate] = draw.uniform()
            pair = {"query": query, "candidate": candidate, "accuracy": accuracies[target, query, candidate]}
            rows += [{**leading, **pair, "similarity": similarity} for similarity in ("cosine",)]
        paths.append(tmp_path / f"{name}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
    return accuracies, paths


def test_cells_are_of_languages_in_the_order_of_their_families_and_scripts(tmp_path, metrics, monkeypatch):
    monkeypatch.setattr(figure_family_matrix, "LABEL_INCHES", 2 * figure_family_matrix.SIDE / len(LANGUAGES))
    accuracies, paths = metrics
    spec = {**SPEC, "languages": LANGUAGES, "family": FAMILY, "script": SCRIPT}
    command = ["--spec", json.dumps(spec), "--retrieval", *map(str, paths), *outputs(tmp_path)]
    figure = figure_by(figure_family_matrix.main, command)
    # One family with room for a label, its most frequent script first; then the others, of one language each.
    ordered = ["de", "en", "es", "bn", "ru", "he", "ja", "zh"]
    images = [axis.images[0] for axis in figure.axes if axis.images]
    for image, target in zip(images, (None, *TARGETS), strict=True):
        values = np.ma.getdata(image.get_array())
        for row, query in enumerate(ordered):
            for column, candidate in enumerate(ordered):
                if query == candidate:
                    assert image.get_array().mask[row, column]
                    continue
                before = accuracies[None, query, candidate]
                expected = before if target is None else accuracies[target, query, candidate] - before
                assert values[row, column] == pytest.approx(expected)
    assert [label.get_text() for label in images[0].axes.get_yticklabels()] == ["Indo-European", "others"]
    assert list(images[0].axes.get_yticks()) == [2, 6]
    assert {tuple(line.get_ydata()) for line in images[0].axes.lines} == {(4.5, 4.5), (0, 1)}
    said = json.loads((tmp_path / "figure.json").read_text())["caption"]
    mean = np.mean([value for (target, _, _), value in accuracies.items() if target == "ja"])
    assert "56 ordered pairs" in said and f"{mean:.3f} (Japanese)" in said and "others" in said


def test_with_room_for_every_family_none_is_among_others(tmp_path):
    given = {**SPEC, "languages": LANGUAGES, "family": FAMILY, "script": SCRIPT}
    spec = figure_family_matrix.Spec.model_validate_json(json.dumps(given))
    ordered, families = figure_family_matrix.by_family(spec)
    assert families == [("Indo-European", 5), ("Afro-Asiatic", 1), ("Japonic", 1), ("Sino-Tibetan", 1)]
    assert sorted(ordered) == sorted(LANGUAGES)
