"""Tables and figure of models trained on mixtures of languages, from made-up metrics, against loops and numpy."""

import json
import math
from itertools import permutations, product

import h5py
import numpy as np
import pandas as pd
import pytest

from workflow_scripts.figures import figure_mixtures
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons import expert_files
from workflow_scripts.tables import (
    layout,
    mixture_regressions,
    table_mixtures,
    table_mixtures_answers,
    table_mixtures_regressions,
)
from workflow_scripts.tables.mixtures import OUTCOMES, TrainedOnMixture

LANGUAGES = ["de", "en", "es", "ja"]
TARGETS = ["es", "de"]
SHARES = {
    "even": {"de": 0.25, "en": 0.25, "es": 0.25, "ja": 0.25},
    "little": {"de": 0.33, "en": 0.33, "es": 0.01, "ja": 0.33},
    "none": {"de": 0.5, "en": 0.5, "es": 0.0, "ja": 0.0},
    "english": {"de": 0.05, "en": 0.85, "es": 0.05, "ja": 0.05},
}
MODELS = [
    {"name": f"{name}-s{seed}", "label": f"{name} {seed}", "seed": seed, "shares": shares}
    for name, shares in SHARES.items()
    for seed in (0, 1)
]
NAMES = {"es": "Spanish", "de": "German"}
RESAMPLING = {"resamples": 300, "confidence": 0.9, "seed": 3}
COMMON = {"models": MODELS, "poolings": ["max"]}
SPEC = {
    **COMMON,
    "targets": TARGETS,
    "languages": LANGUAGES,
    "dataset": "flores",
    "seeds": [5, 6],
    "chosen": {model["name"]: 3 for model in MODELS},
    "resampling": RESAMPLING,
}
SITES = [
    NeuronSite(module="h.0.mlp", layer=0, width=4, offset=0),
    NeuronSite(module="h.2.mlp", layer=2, width=6, offset=4),
]
MEASURES = [("pairs", "none"), ("pairs", "all"), ("cosine_accuracy", "none"), ("cosine_accuracy", "language")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The inputs of the table by option, and the values: by model, target, units, seed and measure a matrix."""
    folder, generator = tmp_path_factory.mktemp("metrics"), np.random.default_rng(0)
    inputs = {option: [] for option in ("alignment", "language-id", "perplexity", "experts", "conditions")}
    values = {}
    for name in (model["name"] for model in MODELS):
        conditions = [
            ("none", None, None),
            *product(["expert"], TARGETS, [None]),
            *product(["random"], TARGETS, [5, 6]),
        ]
        for units, target, seed in conditions:
            rows = []
            leading = {"model": name, "condition": f"{target}-{units}-{seed}", "method": "force", "units": units}
            leading |= {"target": target, "pooling": target and "max", "k": 3, "seed": seed, "dataset": "flores"}
            for measure, centring in MEASURES:
                values[name, target, units, seed, measure, centring] = matrix = generator.uniform(size=(4, 4))
                for one, other in permutations(range(4), 2):
                    pair = {"query": LANGUAGES[one], "candidate": LANGUAGES[other], "value": matrix[one, other]}
                    space = "pre" if units == "none" else "post"
                    rows.append({**leading, "space": space, "centring": centring, "measure": measure, **pair})
                    if units == "expert":
                        constant = {"space": "constant", "centring": centring, "measure": measure, **pair, "value": 9.0}
                        rows.append({**leading, **constant})
            inputs["alignment"].append(folder / f"{name}-{target}-{units}-{seed}" / "alignment.csv")
            inputs["alignment"][-1].parent.mkdir()
            pd.DataFrame(rows).to_csv(inputs["alignment"][-1], index=False)
        inputs["experts"].append(folder / f"{name}.h5")
        with h5py.File(inputs["experts"][-1], "w") as file:
            there = expert_files.create(file, LANGUAGES, SITES, ["expertise"])
            there["expertise"][:] = values[name, "expertise"] = generator.uniform(size=(4, 10))
        for target in TARGETS:
            units = [Site(module="h.0.mlp", width=4, units=[1], parameters={"value": [0.0]})]
            units += [Site(module="h.2.mlp", width=6, units=[0, 5], parameters={"value": [0.0, 0.0]})]
            inputs["conditions"].append(folder / f"{name}-{target}.json")
            condition = Condition(
                name=target, model=name, method="force", units="expert", target=target, pooling="max", k=3, sites=units
            )
            write_condition(inputs["conditions"][-1], condition)
            for option, columns in {
                "language-id": ["accuracy"],
                "perplexity": ["log_perplexity", "difference_error"],
            }.items():
                rows = []
                for k, sample in product([0, 3, 9], [0, 1] if option == "language-id" else [0]):
                    drawn = dict(zip(columns, generator.uniform(size=2), strict=False))
                    values[name, target, option, k, sample] = drawn
                    leading = {"model": name, "condition": f"{target}-{k}", "units": "expert" if k else "none"}
                    rows.append({**leading, "target": target, "pooling": "max", "k": k, "sample_seed": sample, **drawn})
                inputs[option].append(folder / f"{name}-{target}-{option}.csv")
                pd.DataFrame(rows).to_csv(inputs[option][-1], index=False)
    return inputs, values


def run(main, spec, inputs, folder, outputs=layout.OUTPUTS):
    options = [each for option, paths in inputs.items() for each in (f"--{option}", *map(str, paths))]
    written = [each for option, suffix in outputs.items() for each in (f"--{option}", str(folder / f"out.{suffix}"))]
    main(["--spec", json.dumps(spec), *options, *written])


TABLES = {"csv": "csv", "markdown": "md", "latex": "tex", "json": "json"}


@pytest.fixture(scope="module")
def table(made, tmp_path_factory):
    """The table of outcomes, as the stage writes it, and its path."""
    folder = tmp_path_factory.mktemp("table")
    run(table_mixtures.main, SPEC, made[0], folder, TABLES)
    return pd.read_csv(folder / "out.csv"), folder / "out.csv", layout.read(folder / "out.json")


def test_outcomes_are_means_over_pairs_of_what_was_measured(made, table):
    values, (found, _, shown) = made[1], table
    at = {(row.model, row.target, row.outcome): row for row in found.itertuples()}
    assert len(found) == len(at) == len(MODELS) * len(TARGETS) * len(OUTCOMES)
    for model, target in product(MODELS, TARGETS):
        name, place = model["name"], LANGUAGES.index(target)

        def mean(outcome, units, seed=None, name=name, target=target, place=place):
            measure = "pairs" if outcome.startswith("distance") else "cosine_accuracy"
            centred = "all" if measure == "pairs" else "language"
            centring = centred if outcome.endswith("centred") else "none"
            matrix = values[name, None if units == "none" else target, units, seed, measure, centring]
            chosen = [
                matrix[query, candidate]
                for query, candidate in permutations(range(4), 2)
                if "target" not in outcome or query == place
                if "others" not in outcome or query != place
            ]
            return np.mean(chosen)

        for outcome in (each for each in OUTCOMES if each.startswith(("distance", "retrieval"))):
            row = at[name, target, outcome]
            assert row.pre == pytest.approx(mean(outcome, "none"))
            assert row.post == pytest.approx(mean(outcome, "expert"))
            assert row.change == pytest.approx(row.post - row.pre)
            assert row.ci_low < row.change < row.ci_high
            if outcome.endswith("centred"):
                assert math.isnan(row.random)
            else:
                drawn = np.mean([mean(outcome, "random", seed) for seed in (5, 6)])
                assert row.random == pytest.approx(drawn - row.pre)
        accuracy = {k: np.mean([values[name, target, "language-id", k, s]["accuracy"] for s in (0, 1)]) for k in (0, 3)}
        assert (at[name, target, "language_id"].pre, at[name, target, "language_id"].post) == pytest.approx(
            (accuracy[0], accuracy[3])
        )
        read = {k: values[name, target, "perplexity", k, 0] for k in (0, 3)}
        row = at[name, target, "log_perplexity"]
        assert row.change == pytest.approx(read[3]["log_perplexity"] - read[0]["log_perplexity"])
        assert (row.ci_high - row.ci_low) / 2 == pytest.approx(1.6448536 * read[3]["difference_error"])
        expertise = values[name, "expertise"][place]
        assert at[name, target, "expertise"].post == pytest.approx(np.mean(expertise[[1, 4, 9]]))
        assert at[name, target, "depth"].post == pytest.approx((1 + 3 + 3) / 3)
        assert row.share == model["shares"][target] and row.seed == model["seed"]
    assert len(shown.rows) == len(MODELS) * len(TARGETS)
    assert [cell.text for cell in shown.rows[0][:3]] == ["even 0", "es", "25.00%"]


def test_without_text_the_rest_is_there(made, tmp_path):
    inputs = {option: paths for option, paths in made[0].items() if option not in ("language-id", "perplexity")}
    run(table_mixtures.main, SPEC, inputs, tmp_path, TABLES)
    assert set(pd.read_csv(tmp_path / "out.csv")["outcome"]) == OUTCOMES.keys() - {"language_id", "log_perplexity"}


def test_unevenness_is_what_entropy_lacks():
    models = {model["name"]: TrainedOnMixture(**model) for model in MODELS}
    assert models["even-s0"].unevenness == pytest.approx(0)
    assert models["none-s0"].unevenness == pytest.approx(math.log(2))  # as even, over half of the languages
    assert models["even-s0"].relative_share("es") == 1
    assert models["english-s0"].relative_share("es") == pytest.approx(0.2)
    shares = SHARES["english"].values()
    assert models["english-s0"].unevenness == pytest.approx(math.log(4) + sum(s * math.log(s) for s in shares))


def simulated(share, absent, unevenness, noise, seed=0):
    """Observations of one outcome that follow the mixture in a known way."""
    generator = np.random.default_rng(seed)
    rows = []
    for model, target in product(MODELS, TARGETS):
        trained = TrainedOnMixture(**model)
        relative = trained.relative_share(target)
        value = 0.3 + unevenness * trained.unevenness + 0.05 * (target == "de") - 0.02 * model["seed"]
        value += share * math.log10(relative) if relative else absent
        rows.append({"model": model["name"], "target": target, "value": value + noise * generator.normal()})
    return pd.DataFrame(rows), [TrainedOnMixture(**model) for model in MODELS]


def test_regressions_find_what_made_the_numbers():
    rows, models = simulated(0.2, -0.1, 0.07, noise=0)
    found = mixture_regressions.regress(rows, models, 0.95)
    assert {name: value for name, (value, _, _) in found.coefficients.items()} == pytest.approx(
        {"share": 0.2, "absent": -0.1, "unevenness": 0.07}
    )
    assert (found.observations, found.models, found.note) == (16, 8, "")
    assert found.seed_deviation == pytest.approx(0.02 / math.sqrt(2))


def test_regressions_have_the_errors_of_clusters_written_out():
    rows, models = simulated(0.2, -0.1, 0.07, noise=0.05)
    found = mixture_regressions.regress(rows, models, 0.9)
    by_name = {model.name: model for model in models}
    design = []
    for row in rows.itertuples():
        model = by_name[row.model]
        relative = model.relative_share(row.target)
        share = math.log10(relative) if relative else 0
        design.append([1, share, relative == 0, model.unevenness, row.target == "es", model.seed == 1])
    x, y = np.array(design, dtype=float), rows["value"].to_numpy()
    inverse = np.linalg.inv(x.T @ x)
    coefficients = inverse @ x.T @ y
    residuals = y - x @ coefficients
    middle = np.zeros((6, 6))
    for name in by_name:
        score = x[rows["model"] == name].T @ residuals[rows["model"] == name]
        middle += np.outer(score, score)
    correction = 8 / 7 * 15 / 10
    errors = np.sqrt(correction * np.diag(inverse @ middle @ inverse))
    from scipy.stats import t

    for place, name in enumerate(mixture_regressions.PREDICTORS, start=1):
        reach = t.ppf(0.95, 7) * errors[place]
        expected = coefficients[place], coefficients[place] - reach, coefficients[place] + reach
        assert found.coefficients[name] == pytest.approx(expected)


def test_regressions_say_why_they_have_no_coefficients():
    rows, models = simulated(0.2, -0.1, 0.07, noise=0.05)
    few = rows[rows["model"].isin(["even-s0", "little-s0"])]
    assert mixture_regressions.regress(few, models, 0.9).note == "too few models"
    assert mixture_regressions.regress(rows[:0], models, 0.9).note == "not measured"
    seen = rows[~rows["model"].str.startswith("none")]
    assert set(mixture_regressions.regress(seen, models, 0.9).coefficients) <= {"share", "unevenness"}


def answered(table, changes):
    """The answers where outcomes are as simulated, by the first words of their questions."""
    table = table.copy()
    for outcome, (column, rows) in changes.items():
        place = table["outcome"] == outcome
        table.loc[place, column] = rows["value"].to_numpy()
    spec = table_mixtures_answers.Spec(**COMMON, names=NAMES, confidence=0.9)
    found = table_mixtures_answers.answers(table, spec)
    return {row.question.split(",")[0]: row for row in found.itertuples()}, table_mixtures_answers.as_table(found, spec)


@pytest.mark.parametrize("sign", [1, -1])
def test_answers_follow_what_was_measured(table, sign):
    gains = simulated(0.2 * sign, -0.3 * sign, 0, 0.01)[0]
    gains["value"] = gains["value"] - (0 if sign > 0 else 1)
    distances = simulated(-0.2 * sign, 0, 0.3 * sign, 0.01)[0]
    steered = simulated(0, 0, 0, 0.01)[0]
    steered["value"] = steered["value"] * sign
    changes = {
        "retrieval_target": ("change", gains),
        "distance": ("change", distances),
        "language_id": ("change", steered),
    }
    found, shown = answered(table[0], changes)
    assert {row.answer for row in found.values()} == {"yes" if sign > 0 else "no"}
    steered_to = found["Can a model be steered to a language that it was never trained on?"]
    unseen = steered[steered["model"].str.startswith("none") & (steered["target"] == "es")]
    assert steered_to.value == pytest.approx(unseen["value"].mean())
    assert "(Spanish)" in steered_to.measured
    assert [row[1].verdict for row in shown.rows] == [sign > 0] * 6


def test_answers_are_undecided_where_intervals_hold_nothing_or_both_ways(table):
    noise = simulated(0, 0, 0, 1)[0]
    noise["value"] -= noise["value"].mean()
    found, shown = answered(table[0], {"retrieval_target": ("change", noise)})
    assert found["Do they gain more"].answer == "undecided"
    assert any(row[1].gray for row in shown.rows)
    fewer = table[0][table[0]["outcome"] != "language_id"]
    assert (
        answered(fewer, {})[0]["Can a model be steered to a language that it was never trained on?"].answer
        == "undefined"
    )


def test_stages_of_regressions_answers_and_the_figure(table, tmp_path):
    found, path, _ = table
    for module, spec in (
        (table_mixtures_regressions, {**COMMON, "confidence": 0.9}),
        (table_mixtures_answers, {**COMMON, "names": NAMES, "confidence": 0.9}),
    ):
        folder = tmp_path / module.__name__
        folder.mkdir()
        run(module.main, spec, {"mixtures": [path]}, folder, TABLES)
        assert layout.read(folder / "out.json").rows
    regressed = pd.read_csv(tmp_path / table_mixtures_regressions.__name__ / "out.csv")
    assert len(regressed) == len(OUTCOMES) * 3 and set(regressed["models"]) == {len(MODELS)}
    spec = {**COMMON, "targets": TARGETS, "names": NAMES, "dataset": "flores", "confidence": 0.9}
    run(
        figure_mixtures.main,
        spec,
        {"mixtures": [path]},
        tmp_path,
        {name: name for name in ("pdf", "png", "csv", "json")},
    )
    drawn = pd.read_csv(tmp_path / "out.csv")
    assert len(drawn) == len(found)
    change = found["change"].where(~found["outcome"].isin(["expertise", "depth"]), found["post"])
    np.testing.assert_allclose(drawn["value"], change)


def test_the_figure_draws_every_model_at_its_share_and_none_at_the_left(table):
    spec = figure_mixtures.Spec(**COMMON, targets=TARGETS, names=NAMES, dataset="flores", confidence=0.9)
    drawn = figure_mixtures.points(table[0], spec)
    figure = figure_mixtures.draw(drawn, spec)
    axis = figure.axes[0]
    lines = [line for line in axis.lines if line.get_marker() == "o"]
    assert len(lines) == 1  # of the first target; the other has another marker
    distances = drawn[(drawn["outcome"] == "distance") & (drawn["target"] == "es")]
    np.testing.assert_allclose(lines[0].get_ydata(), distances["value"])
    across = lines[0].get_xdata()
    assert set(np.flatnonzero(distances["share"].to_numpy() == 0)) == set(np.flatnonzero(across == across.min()))
    shares = distances["share"].to_numpy()
    seen = shares > 0
    assert np.ptp(across[seen] - np.log10(shares[seen])) < 1e-9
