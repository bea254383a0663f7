"""The comparison of methods, against means taken from made-up metric CSVs one by one."""

import csv
import json
from itertools import permutations
from statistics import mean, stdev

import pandas as pd
import pytest

from workflow_scripts import table_methods
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.files import canonical_json

LANGUAGES = ["de", "en", "es"]
TARGETS = ["en", "es"]
CONDITIONS = {
    "none": {"en": "base", "es": "base"},
    "intervention": {target: f"{target}-expert-max-k9" for target in TARGETS},
    "aura": {target: f"{target}-expert-max-k9-aura" for target in TARGETS},
}
SLUGS = list(dict.fromkeys(slug for slugs in CONDITIONS.values() for slug in slugs.values()))
SWEPT = ["base", "en-expert-max-k9-aura", "es-expert-max-k9-aura"]  # the study's own k is in no sweep
POOLINGS = {"none": None, "intervention": "max", "aura": "max"}
SPEC = {
    "models": [{"name": "tiny", "label": "Tiny"}],
    "poolings": ["max"],
    "compared": [
        {"model": "tiny", "pooling": POOLINGS[method], "method": method, "conditions": slugs}
        for method, slugs in CONDITIONS.items()
    ],
    "base": "base",
    "languages": LANGUAGES,
    "paraphrased": ["es"],
    "similarity": "cosine",
}


def value(*what) -> float:
    """Some number from 0 to 1, another for everything that is measured."""
    return sum(ord(character) * (place + 3) for place, character in enumerate("/".join(map(str, what)))) % 997 / 997


def leading(slug, target=None):
    base = slug == "base"
    named = {"model": "tiny", "condition": slug, "method": "none" if base else "aura", "units": "expert"}
    return {**named, "target": target or ("" if base else slug[:2]), "pooling": "" if base else "max"}


def rows_of(kind, slug):
    pairs = list(permutations([*LANGUAGES, "th"], 2))  # Thai is not among the languages of the table
    if kind == "distances":
        for measure in ("pairs", "pairs_centred", "means"):
            for query, candidate in pairs:
                observed = value(slug, measure, query, candidate)
                yield leading(slug) | dict(measure=measure, query=query, candidate=candidate, value=observed)
    elif kind == "retrieval":
        for similarity in ("cosine", "inner_product"):
            for query, candidate in pairs:
                observed = value(slug, similarity, query, candidate)
                yield leading(slug) | dict(similarity=similarity, query=query, candidate=candidate, accuracy=observed)
    elif kind == "paraphrase":
        for similarity in ("cosine", "inner_product"):
            for space in ("pre", "post", "mixed"):
                # What the unintervened model does is the same under every condition.
                observed = value("base" if space == "pre" else slug, similarity, space)
                yield leading(slug) | dict(similarity=similarity, language=slug[:2], space=space, accuracy=observed)
    else:
        for target in TARGETS if slug == "base" else [slug[:2]]:
            if kind == "perplexity":
                yield leading(slug, target) | dict(log_perplexity=value(slug, target, kind))
            else:
                for seed in (0, 1):
                    yield leading(slug, target) | dict(sample_seed=seed, accuracy=value(slug, target, seed))


@pytest.fixture
def files(tmp_path):
    """Metric CSVs of each kind, as the workflow gives them."""
    given = {
        "distances": SLUGS,
        "retrieval": SLUGS,
        "paraphrase": ["es-expert-max-k9", "es-expert-max-k9-aura"],
        "language_id": SWEPT,
        "perplexity": SWEPT,
    }
    paths = {}
    for kind, slugs in given.items():
        for slug in slugs:
            path = tmp_path / f"{kind}-{slug}.csv"
            pd.DataFrame(rows_of(kind, slug)).to_csv(path, index=False)
            paths.setdefault(kind, []).append(path)
    return paths


def run(files, folder, spec=SPEC):
    inputs = [
        word for kind, paths in files.items() for word in (f"--{kind.replace('_', '-')}", *map(str, paths))
    ]  # fmt: skip
    formats = {"csv": "csv", "markdown": "md", "latex": "tex", "json": "json"}
    outputs = [word for name, end in formats.items() for word in (f"--{name}", str(folder / f"methods.{end}"))]
    table_methods.main(["--spec", canonical_json(spec), *inputs, *outputs])
    with (folder / "methods.csv").open() as file:
        return {(row["method"], row["metric"]): row for row in csv.DictReader(file)}


def expected(method, metric, target):
    slug = CONDITIONS[method][target]
    if metric in ("distance", "centred_distance"):
        measure = {"distance": "pairs", "centred_distance": "pairs_centred"}[metric]
        return mean(value(slug, measure, *pair) for pair in permutations(LANGUAGES, 2))
    if metric == "retrieval":
        return mean(value(slug, "cosine", target, other) for other in LANGUAGES if other != target)
    if metric == "paraphrase":
        return value(slug, "cosine", "pre" if method == "none" else "post") if target == "es" else None
    if method == "intervention":
        return None
    seeds = mean(value(slug, target, seed) for seed in (0, 1))
    return value(slug, target, "perplexity") if metric == "log_perplexity" else seeds


def test_every_cell_is_the_mean_over_targets_of_what_was_measured(files, tmp_path):
    found = run(files, tmp_path)
    assert len(found) == 3 * 6
    for (method, metric), row in found.items():
        values = [each for target in TARGETS if (each := expected(method, metric, target)) is not None]
        assert int(row["targets"]) == len(values)
        if not values:
            assert row["mean"] == ""
            continue
        assert float(row["mean"]) == pytest.approx(mean(values), abs=1e-12)
        if len(values) > 1:
            assert float(row["sem"]) == pytest.approx(stdev(values) / len(values) ** 0.5, abs=1e-12)


def test_the_table_shows_a_row_for_each_method_and_dashes_for_what_was_not_measured(files, tmp_path):
    run(files, tmp_path)
    table = json.loads((tmp_path / "methods.json").read_text())
    assert [[cell["text"] for cell in row[:2]] for row in table["rows"]] == [
        *(["Tiny", "none"], ["Tiny", "intervention"], ["Tiny", "aura"])
    ]
    assert [cell["text"] for cell in table["rows"][1][-2:]] == ["–", "–"]
    assert "–" not in [cell["text"] for cell in table["rows"][2]]


def test_what_a_study_does_not_measure_has_no_column(files, tmp_path):
    kept = {**files, "paraphrase": [], "language_id": [], "perplexity": []}
    run(kept, tmp_path, {**SPEC, "paraphrased": []})
    table = json.loads((tmp_path / "methods.json").read_text())
    assert [column["text"] for column in table["columns"]] == [
        *("Model", "Method", "Distance", "Centred Distance", "Retrieval")
    ]


@pytest.mark.parametrize("kind", ["distances", "retrieval", "paraphrase"])
def test_a_missing_condition_is_refused(files, tmp_path, kind):
    kept = {**files, kind: [path for path in files[kind] if "es-expert-max-k9-aura" not in path.name]}
    with pytest.raises(StudyError, match=r"was given 0.* run"):
        run(kept, tmp_path)
