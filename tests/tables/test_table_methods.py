"""The comparison of methods, against means taken from made-up metric CSVs one by one."""

import csv
import json
import math
from itertools import combinations, pairwise, permutations, product
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from workflow_scripts.figures import drawing, figure_methods
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.tables import table_methods
from workflow_scripts.tables.comparison import METRICS, at_perplexity

LANGUAGES = ["de", "en", "es"]
TARGETS = ["en", "es"]
CONDITIONS = {
    ("none", 0.0): {"en": ["base"], "es": ["base"]},
    ("constant", None): {target: [f"{target}-expert-max-k9"] for target in TARGETS},
    ("intervention", 1.0): {target: [f"{target}-expert-max-k9"] for target in TARGETS},
    ("drawn", 1.0): {target: [f"{target}-random-max-k9-s{seed}-drawn" for seed in (0, 1)] for target in TARGETS},
    ("aura", 0.5): {target: [f"{target}-expert-max-k9-aura-x0.5"] for target in TARGETS},
    ("aura", 1.0): {target: [f"{target}-expert-max-k9-aura"] for target in TARGETS},
}
SLUGS = list(dict.fromkeys(slug for by_target in CONDITIONS.values() for slugs in by_target.values() for slug in slugs))
OWN = [f"{target}-expert-max-k9" for target in TARGETS]
SPEC = {
    "models": [{"name": "tiny", "label": "Tiny"}],
    "poolings": ["max"],
    "compared": [
        {
            "model": "tiny",
            "pooling": None if method == "none" else "max",
            "method": method,
            "strength": strength,
            "conditions": slugs,
        }
        for (method, strength), slugs in CONDITIONS.items()
    ],
    "base": "base",
    "languages": LANGUAGES,
    "paraphrased": ["es"],
    "similarity": "cosine",
    "resampling": {"resamples": 100},
}


def value(*what) -> float:
    """Some number from 0 to 1, another for everything that is measured."""
    return sum(ord(character) * (place + 3) for place, character in enumerate("/".join(map(str, what)))) % 997 / 997


def log_perplexity(slug, target) -> float:
    """AurA reaches that of the study's own between its strengths; random units never do."""
    base, own, reaches = slug == "base", slug in OWN, slug.endswith("aura")
    return value(slug, target, "perplexity") * 0.1 + (0.0 if base else 0.3 if own else 1.0 if reaches else 0.15)


# What generated sentences are measured by, and the columns of it.
GENERATED = {"language_id": "accuracy"} | {each: each for each in ("ngram_log_perplexity", "distinct_trigrams")}


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
    elif kind == "alignment":
        for space in ("post", "constant"):
            for measure in ("pairs", "cosine_accuracy", "rsa"):
                for query, candidate in pairs:
                    observed = value(slug, space, measure, query, candidate)
                    where = dict(space=space, centring="none", measure=measure, query=query, candidate=candidate)
                    yield leading(slug) | where | dict(value=observed)
    elif kind == "paraphrase":
        for similarity in ("cosine", "inner_product"):
            for space in ("pre", "post", "constant", "mixed"):
                # What the unintervened model does is the same under every condition.
                observed = value("base" if space == "pre" else slug, similarity, space)
                yield leading(slug) | dict(similarity=similarity, language=slug[:2], space=space, accuracy=observed)
    else:
        for target in TARGETS if slug == "base" else [slug[:2]]:
            if kind == "perplexity":
                yield leading(slug, target) | dict(log_perplexity=log_perplexity(slug, target))
            else:
                for seed in (0, 1):
                    found = {column: value(slug, target, seed, metric) for metric, column in GENERATED.items()}
                    yield leading(slug, target) | dict(sample_seed=seed) | found


@pytest.fixture
def files(tmp_path):
    """Metric CSVs of each kind, as the workflow gives them."""
    given = {
        **dict.fromkeys(["distances", "retrieval", "language_id", "perplexity"], SLUGS),
        "alignment": OWN,
        "paraphrase": [slug for slug in SLUGS if slug.startswith("es")],
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
        return list(csv.DictReader(file))


def measured(method, strength, metric, target):
    """What the row of a target is to say; None where nothing was measured."""
    values = []
    for slug in CONDITIONS[method, strength][target]:
        if metric in ("distance", "centred_distance"):
            measure = {"distance": "pairs", "centred_distance": "pairs_centred"}[metric]
            where = (slug, "constant", measure) if method == "constant" else (slug, measure)
            found = [value(*where, *pair) for pair in permutations(LANGUAGES, 2)]
            values.append(None if (method, metric) == ("constant", "centred_distance") else mean(found))
        elif metric == "retrieval":
            where = (slug, "constant", "cosine_accuracy") if method == "constant" else (slug, "cosine")
            values.append(mean(value(*where, target, other) for other in LANGUAGES if other != target))
        elif metric == "paraphrase":
            space = {"none": "pre", "constant": "constant"}.get(method, "post")
            values.append(value(slug, "cosine", space) if target == "es" else None)
        elif method == "constant":
            values.append(None)
        elif metric == "log_perplexity":
            values.append(log_perplexity(slug, target))
        else:
            values.append(mean(value(slug, target, seed, metric) for seed in (0, 1)))
    return None if None in values else mean(values)


def matched(method, metric, target):
    """What the row at the perplexity of the study's own is to say, by the definition, a pair of strengths at a time."""
    strengths = [0.0, *(strength for name, strength in CONDITIONS if name == method)]
    wanted = measured("intervention", 1.0, "log_perplexity", target)

    def at(strength, what):
        return measured("none" if strength == 0 else method, strength, what, target)

    for low, high in pairwise(strengths):
        before, after = at(low, "log_perplexity"), at(high, "log_perplexity")
        if min(before, after) <= wanted <= max(before, after):
            share = (wanted - before) / (after - before)
            if metric == "strength":
                return low + share * (high - low)
            ends = at(low, metric), at(high, metric)
            return None if None in ends else ends[0] + share * (ends[1] - ends[0])
    return None


def check(row, values):
    values = [each for each in values if each is not None]
    assert int(row["targets"]) == len(values)
    if not values:
        assert row["mean"] == ""
        return
    assert float(row["mean"]) == pytest.approx(mean(values), abs=1e-12)
    if len(values) > 1:
        assert float(row["sem"]) == pytest.approx(stdev(values) / len(values) ** 0.5, abs=1e-12)


def test_every_cell_is_the_mean_over_targets_of_what_was_measured(files, tmp_path):
    rows = run(files, tmp_path)
    at_strengths = [row for row in rows if row["matched"] == "False"]
    assert len(at_strengths) == len(CONDITIONS) * len(METRICS)
    for row in at_strengths:
        strength = float(row["strength"]) if row["strength"] else None
        check(row, [measured(row["method"], strength, row["metric"], target) for target in TARGETS])


def test_methods_are_matched_at_the_perplexity_of_the_studys_own(files, tmp_path):
    rows = [row for row in run(files, tmp_path) if row["matched"] == "True"]
    assert [(row["method"], row["metric"]) for row in rows] == list(product(["drawn", "aura"], METRICS))
    for row in rows:
        check(row, [matched(row["method"], row["metric"], target) for target in TARGETS])
        strengths = [each for target in TARGETS if (each := matched(row["method"], "strength", target)) is not None]
        if strengths:
            assert float(row["strength"]) == pytest.approx(mean(strengths))
    reached = {row["method"]: int(row["targets"]) for row in rows if row["metric"] == "log_perplexity"}
    assert reached == {"drawn": 0, "aura": 2}


@pytest.mark.parametrize(
    ("perplexities", "wanted", "place"),
    [
        ([1, 2, 4], 3, 1.5),
        ([1, 2, 4], 2, 1.0),
        ([1, 1, 2], 1, 1.0),
        ([3, 2, 1], 1.5, 1.5),
        ([1, 4, 1], 2, 1 / 3),
        ([1, 2, 4], 5, None),
        ([1, float("nan"), 4], 2, None),
    ],
)
def test_a_curve_reaches_a_perplexity_where_it_first_crosses_it(perplexities, wanted, place):
    curve = [{"strength": float(strength), "log_perplexity": each} for strength, each in enumerate(perplexities)]
    found = at_perplexity(curve, wanted)["strength"]
    assert math.isnan(found) if place is None else found == pytest.approx(place)


def by_language(method, strength, metric, target):
    """Of the metrics that are means over languages, what they are means of; of a matched row where `strength` is
    None."""
    if strength is None:
        share = matched(method, "strength", target)
        if share is None:
            return None
        strengths = [0.0, *(strength for name, strength in CONDITIONS if name == method)]
        low, high = next(pair for pair in pairwise(strengths) if pair[0] <= share <= pair[1])
        ends = [by_language("none" if not each else method, each, metric, target) for each in (low, high)]
        return {key: ends[0][key] + (share - low) / (high - low) * (ends[1][key] - ends[0][key]) for key in ends[0]}
    slugs = CONDITIONS[method, strength][target]
    if metric == "retrieval":
        others = [other for other in LANGUAGES if other != target]
        return {other: mean(value(slug, "cosine", target, other) for slug in slugs) for other in others}
    measure = {"distance": "pairs", "centred_distance": "pairs_centred"}[metric]
    return {pair: mean(value(slug, measure, *pair) for slug in slugs) for pair in permutations(LANGUAGES, 2)}


def resampled(differences, languages):
    """Percentiles of what means over languages are in resamples, drawn as scipy draws them; a dict for each target."""
    means = []
    for drawn in np.random.default_rng(0).integers(
        0, len(languages), (SPEC["resampling"]["resamples"], len(languages))
    ):
        names = [languages[each] for each in drawn]
        of_targets = []
        for of_target in differences:
            pairs = list(product(names, repeat=2)) if isinstance(next(iter(of_target)), tuple) else names
            if counted := [of_target[each] for each in pairs if each in of_target]:
                of_targets.append(mean(counted))
        if len(of_targets) == len(differences):
            means.append(mean(of_targets))
    return *np.quantile(means, [0.025, 0.975]), len(means)


@pytest.mark.parametrize("reference", ["none", "own"])
def test_differences_have_intervals_over_languages(files, tmp_path, reference):
    rows = run(files, tmp_path)
    of_reference = {"none": ("none", 0.0), "own": ("intervention", 1.0)}[reference]
    checked = 0
    for row in rows:
        columns = [row[f"from_{reference}{end}"] for end in ("", "_low", "_high", "_resamples")]
        if row["method"] == of_reference[0]:
            assert columns == ["", "", "", "0"]
            continue
        if not int(row["targets"]) or row["method"] == "constant":
            continue
        strength = None if row["matched"] == "True" else float(row["strength"])
        if row["metric"] in ("paraphrase", *GENERATED, "log_perplexity"):
            at = matched if row["matched"] == "True" else measured
            what = (row["method"], *([] if at is matched else [strength]), row["metric"])
            pairs = [(at(*what, target), measured(*of_reference, row["metric"], target)) for target in TARGETS]
            assert float(columns[0]) == pytest.approx(mean(a - b for a, b in pairs if None not in (a, b)), abs=1e-12)
            assert columns[1:] == ["", "", "0"]
            continue
        differences = []
        for target in TARGETS:
            here = by_language(row["method"], strength, row["metric"], target)
            there = by_language(*of_reference, row["metric"], target)
            differences.append({key: here[key] - there[key] for key in here})
        expected = mean(mean(each.values()) for each in differences)
        assert float(columns[0]) == pytest.approx(expected, abs=1e-12)
        assert [float(each) for each in columns[1:]] == pytest.approx(resampled(differences, LANGUAGES), abs=1e-12)
        checked += 1
    assert checked == 3 * 5


def test_a_single_target_is_nobodys_candidate(files, tmp_path):
    compared = [{**row, "conditions": {"es": row["conditions"]["es"]}} for row in SPEC["compared"]]
    rows = run(files, tmp_path, {**SPEC, "compared": compared})
    (row,) = [row for row in rows if (row["method"], row["metric"]) == ("intervention", "retrieval")]
    assert row["from_none_low"] == "" and row["from_none_resamples"] == "0"  # two candidates have no interval


def test_the_table_shows_a_row_for_each_strength_and_one_at_matched_perplexity(files, tmp_path):
    run(files, tmp_path)
    table = json.loads((tmp_path / "methods.json").read_text())
    shown = [[cell["text"].partition(":")[0] for cell in row[1:3]] for row in table["rows"]]
    assert shown == [
        *(["none", ""], ["constant", ""], ["intervention", "1"], ["drawn", "1"], ["drawn", "matched"]),
        *(["aura", "0.5"], ["aura", "1"], ["aura", "matched"]),
    ]
    assert [cell["text"] for cell in table["rows"][1][-2:]] == ["–", "–"]


def test_what_a_study_does_not_measure_has_no_column_and_is_not_described(files, tmp_path):
    unmeasured = ["paraphrase", "language id", "perplexity", "trigrams", "sweep.ks", "matched"]
    run(files, tmp_path)
    whole = json.loads((tmp_path / "methods.json").read_text())["caption"].lower()
    assert [words for words in unmeasured if words not in whole] == []
    kept = {**files, "paraphrase": [], "language_id": [], "perplexity": []}
    assert not [row for row in run(kept, tmp_path, {**SPEC, "paraphrased": []}) if row["matched"] == "True"]
    table = json.loads((tmp_path / "methods.json").read_text())
    assert [column["text"] for column in table["columns"]] == [
        *("Model", "Method", "Strength", "Distance", "Centred Distance", "Retrieval")
    ]
    assert [words for words in unmeasured if words in table["caption"].lower()] == []


@pytest.mark.parametrize("kind", ["distances", "retrieval", "paraphrase", "alignment"])
def test_a_missing_condition_is_refused(files, tmp_path, kind):
    missing = "es-expert-max-k9" if kind == "alignment" else "es-expert-max-k9-aura"
    kept = {**files, kind: [path for path in files[kind] if path.stem != f"{kind}-{missing}"]}
    with pytest.raises(StudyError, match=r"was given 0.* run"):
        run(kept, tmp_path)


FIGURE = {"model": SPEC["models"][0], "poolings": ["max"], "methods": ["drawn", "aura"], "targets": TARGETS}


def test_the_figure_draws_every_method_over_its_strengths(files, tmp_path):
    rows = {(row["method"], row["strength"], row["metric"]): row["mean"] for row in run(files, tmp_path)}
    outputs = [word for name in ("pdf", "png", "csv", "json") for word in (f"--{name}", str(tmp_path / f"m.{name}"))]
    table = ["--table", str(tmp_path / "methods.csv")]
    figure_methods.main(["--spec", canonical_json(FIGURE), *table, *outputs])
    drawn = pd.read_csv(tmp_path / "m.csv")
    assert drawn["method"].tolist() == ["none", "constant", "intervention", "drawn", "aura", "aura"]
    for row in drawn[drawn["method"] != "constant"].to_dict("records"):
        for metric in METRICS:
            assert row[metric] == pytest.approx(float(rows[row["method"], str(row["strength"]), metric]))
    caption = json.loads((tmp_path / "m.json").read_text())["caption"]
    assert "Not drawn" not in caption and "2 targets (en, es)" in caption


def test_the_figure_says_what_it_cannot_draw(files, tmp_path):
    kept = {**files, "perplexity": [path for path in files["perplexity"] if "drawn" not in path.name]}
    run(kept, tmp_path)
    spec = figure_methods.Spec(**FIGURE)
    drawn = figure_methods.points(pd.read_csv(tmp_path / "methods.csv"), spec)
    assert "was not measured: drawn." in figure_methods.caption(spec, drawn)
    assert figure_methods.drawn_methods(drawn, spec) == ["none", "intervention", "aura"]
    with pytest.raises(StudyError, match="no row of other"):
        other = {**FIGURE, "model": {"name": "other", "label": "Other"}}
        figure_methods.points(pd.read_csv(tmp_path / "methods.csv"), figure_methods.Spec(**other))


def test_the_figure_labels_its_lines_and_has_no_colour_twice(files, tmp_path):
    run(files, tmp_path)
    methods = ["drawn", *(f"method_{number}" for number in range(12))]
    spec = figure_methods.Spec(**{**FIGURE, "methods": methods})
    drawn = figure_methods.points(pd.read_csv(tmp_path / "methods.csv"), spec)
    (of_drawn,) = drawn[drawn["method"] == "drawn"].to_dict("records")
    others = [
        {**of_drawn, "method": method} | {metric: of_drawn[metric] + number / 40 for metric in METRICS}
        for number, method in enumerate(methods[1:])
    ]
    with drawing.style():
        figure = figure_methods.draw(pd.concat([drawn, pd.DataFrame(others)]), spec)
        figure.draw_without_rendering()
    assert not figure.legends and figure.get_figwidth() <= drawing.PAGE_WIDTH
    named = {"unintervened", "own intervention", "constant alone", *(method.replace("_", " ") for method in methods)}
    for axis in figure.axes:
        labels = [text for text in axis.texts if text.get_text()]
        assert named - {"constant alone"} <= {label.get_text() for label in labels} <= named
        assert len({to_hex(label.get_color()) for label in labels}) == len(labels)
        boxes = [label.get_window_extent() for label in labels]
        for one, other in combinations(boxes, 2):
            assert not (one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1)


def test_the_figure_ends_where_text_is_no_text(files, tmp_path):
    run(files, tmp_path)
    spec = figure_methods.Spec(**FIGURE)
    drawn = figure_methods.points(pd.read_csv(tmp_path / "methods.csv"), spec)
    base, own = (drawn.loc[drawn["method"] == method, "log_perplexity"].item() for method in ("none", "intervention"))
    assert figure_methods.shown_cost(drawn) == pytest.approx(base + 1.5)
    worse = drawn.assign(log_perplexity=drawn["log_perplexity"].where(drawn["method"] != "intervention", base + 1))
    assert figure_methods.shown_cost(worse) == pytest.approx(base + 3) and own < base + 0.5
    far = drawn.assign(log_perplexity=drawn["log_perplexity"].where(drawn["method"] != "drawn", 99))
    assert all(axis.get_xlim()[1] == pytest.approx(base + 1.5) for axis in figure_methods.draw(far, spec).axes)
    unmeasured = drawn.assign(log_perplexity=math.nan)
    assert figure_methods.shown_cost(unmeasured) == math.inf
