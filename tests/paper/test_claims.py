"""The paper's claims on made-up metrics: each of them where it holds, where it does not, and where it is undefined."""

import csv
import json
import math
from dataclasses import fields, replace
from itertools import product
from statistics import mean, median

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.paper import table_claims as stage
from workflow_scripts.paper.claims import CLAIMS, decide
from workflow_scripts.paper.claims.claim import spearman
from workflow_scripts.paper.claims.evidence import KINDS, LACKING, Evidence, Study, gather
from workflow_scripts.tables import layout

LANGUAGES = ["he", "fa", "cs", "el", "ru", "ja", "pt", "fr", "es", "en"]
TARGETS = ["en", "es", "fr", "ja"]
SEEDS = [0, 1]
KS = [0, 50, 100]
MODELS = [
    {"name": "aya", "label": "Aya-8B", "published": "aya-8b", "seen": LANGUAGES[1:]},
    {"name": "bloom", "label": "Bloom-7B", "published": "bloom-7b", "seen": ["pt", "fr", "es", "en"]},
    {"name": "polylm", "label": "PolyLM-13B", "published": "polylm-13b", "seen": LANGUAGES[4:]},
]
STUDY = {
    "models": MODELS,
    "poolings": ["max"],
    "targets": TARGETS,
    "shown_target": "es",
    "languages": LANGUAGES,
    "similarity": "cosine",
    "distance": "pairs",
    "medoid": "sentence",
    "seeds": SEEDS,
    "ks": KS,
    "chosen": dict.fromkeys(["aya", "bloom", "polylm"], 100),
}
PRE = 0.02
# Gains of the nine candidates in the order of LANGUAGES, with the medians and maxima of the paper.
GAINS = {
    "aya": [0.02, 0.1, 0.2, 0.28, 0.32, 0.4, 0.5, 0.6, 0.74],
    "bloom": [0, 0.01, 0.02, 0.05, 0.14, 0.15, 0.16, 0.2, 0.89],
    "polylm": [-0.02, 0, 0.002, 0.004, 0.005, 0.01, 0.02, 0.05, 0.12],
}
DISTANCES = {"aya": (0.72, 0.19), "bloom": (0.72, 0.17), "polylm": (0.85, 0.56)}
PARAPHRASES = {"aya": (0.85, 0.86, 0.64), "bloom": (0.80, 0.82, 0.33), "polylm": (0.52, 0.56, 0.41)}
R = {"acc_post~d_post": -0.9, "acc_pre~d_pre": -0.8, "d_post~d_pre": 0.7, "delta_acc~delta_d": 0.2}


# --- Metrics in which every claim of the paper holds ---


def conditions():
    for model in (model["name"] for model in MODELS):
        yield {"model": model, "condition": "base", "method": "none", "units": "none", "k": 0}
        for target in TARGETS:
            named = {"model": model, "method": "force", "target": target, "pooling": "max", "k": 100}
            yield {**named, "condition": f"{target}-expert-max-k100", "units": "expert"}
            for seed in SEEDS:
                yield {**named, "condition": f"{target}-random-max-k100-s{seed}", "units": "random", "seed": seed}


def gain_of(condition, query, candidate):
    model, target, units = condition["model"], condition.get("target"), condition["units"]
    if units == "none":
        return 0
    if units == "random":
        spread = 0.001 * (1 if condition["seed"] else -1)
        return spread + (-0.01 if model != "bloom" else 0.02 if target == "fr" else 0)
    if (model, query, candidate) == ("aya", "ja", "he"):
        return -0.05
    if candidate == target:
        return 0
    level = GAINS[model][[language for language in LANGUAGES if language != target].index(candidate)]
    return level if query == target else level / 2


def paper_like():
    """Rows of every kind of metric."""
    rows = {kind: [] for kind in KINDS}
    for condition in conditions():
        pre, post = DISTANCES[condition["model"]]
        distance = {"none": pre, "expert": post, "random": pre - 0.05}[condition["units"]]
        for place, (query, candidate) in enumerate(product(LANGUAGES, LANGUAGES)):
            if query != candidate:
                where = {**condition, "dataset": "flores", "query": query, "candidate": candidate}
                rows["distances"].append({**where, "measure": "pairs", "value": distance + place / 1e4})
                accuracy = PRE + gain_of(condition, query, candidate)
                rows["retrieval"].append({**where, "similarity": "cosine", "accuracy": accuracy})
        for place, language in enumerate(LANGUAGES):
            where = {**condition, "dataset": "flores", "medoid": "sentence", "language": language}
            rows["medoid"].append({**where, "value": 0.9 * distance + place / 1e4})
        if condition["units"] == "none":
            continue
        pre, post, mixed = PARAPHRASES[condition["model"]]
        post, mixed = (post, mixed) if condition["units"] == "expert" else (pre - 0.02 - condition["seed"] / 50, 0.1)
        where = {**condition, "dataset": "paws-x", "similarity": "cosine", "language": condition["target"]}
        for space, accuracy in {"pre": pre, "post": post, "mixed": mixed}.items():
            rows["paraphrase"].append({**where, "space": space, "pairs": 900, "accuracy": accuracy})
        if condition["units"] == "expert":
            rows["correlations"] += list(correlation_rows(condition))
    for model, target, k in product(DISTANCES, TARGETS, KS):
        units = {"condition": f"{target}-expert-max-k{k}", "units": "expert", "pooling": "max"}
        where = {"model": model, **(units if k else {"condition": "base", "units": "none"}), "target": target, "k": k}
        share = 0.8 - k / 200 if (model, target) == ("aya", "en") else 0.05 + k / 120
        for seed in (0, 1):
            varied = share + 0.01 * (1 if seed else -1)
            rows["language_id"].append({**where, "sample_seed": seed, "accuracy": varied})
        rows["perplexity"].append({**where, "language": target, "log_perplexity": 2 + k / 100})
    return {kind: pd.DataFrame(found) for kind, found in rows.items()}


def correlation_rows(condition):
    for candidates, (name, r) in product(["seen", "all"], R.items()):
        reading = {"similarity": "cosine", "measure": "pairs", "candidates_set": candidates}
        named = {"query": condition["target"], "correlation": name}
        p_value = 0.4 if name == "delta_acc~delta_d" else 0.01
        yield {**condition, **reading, **named, "r": r if candidates == "seen" else 0.8 * r, "p_value": p_value}


@pytest.fixture(scope="module")
def metrics():
    return paper_like()


@pytest.fixture(scope="module")
def evidence(metrics):
    """By the model's name in the study."""
    study = Study.model_validate(STUDY)
    return {model.name: gather(metrics, study, model, "max") for model in study.models}


@pytest.fixture(scope="module")
def empty(evidence):
    """Of models of which nothing was measured."""
    study = Study.model_validate(STUDY)
    return {model.name: gather({}, study, model, "max") for model in study.models}


def about(claim, evidence, change=lambda one: one):
    """What the claim is decided from: every model's evidence, or that of a model it is about."""
    if claim.compares:
        return [change(one) for one in evidence.values()]
    name = claim.only.split("-")[0] if claim.only else "aya" if claim.but == "bloom-7b" else "bloom"
    assert claim.concerns(evidence[name])
    return change(evidence[name])


def test_every_claim_holds_where_the_metrics_are_like_the_paper_s(metrics):
    decided = decide(metrics, Study.model_validate(STUDY))
    others = decided[decided["holds"] != "yes"]
    assert set(zip(others["claim"], others["model"], others["holds"], strict=True)) == {
        ("unseen_targets_are_generated", "aya", "undefined"),
        ("unseen_targets_are_generated", "polylm", "undefined"),
    }
    assert set(decided["claim"]) == {claim.name for claim in CLAIMS}


# --- How each claim stops to hold, by as little as its words allow ---


def altered(frame, where=None, **values):
    """A change of evidence: in the rows of a frame that `where` picks, columns get values or functions of rows."""

    def change(evidence):
        rows = getattr(evidence, frame).copy()
        picked = where(rows) if where else pd.Series(True, index=rows.index)
        for column, value in values.items():
            rows[column] = np.where(picked, value(rows) if callable(value) else value, rows[column])
        return replace(evidence, **{frame: rows})

    return change


def half_of_targets(rows):
    return rows["target"].isin(["es", "ja"])


def spanish(rows):
    return rows["target"] == "es"


def one_pair(target, one, other):
    return lambda rows: (
        (rows["target"] == target) & rows["query"].isin([one, other]) & rows["candidate"].isin([one, other])
    )


def queried_by_target(rows):
    return rows["query"] == rows["target"]


def correlation(name):
    return lambda rows: (rows["correlation"] == name) & half_of_targets(rows)


def pre(rows):
    return rows["pre"]


def expert_gain_halved(evidence):
    expert = evidence.retrieval.set_index(["target", "query", "candidate"])["gain"] / 2
    random = evidence.random_retrieval
    half = expert.loc[list(zip(random["target"], random["query"], random["candidate"], strict=True))].to_numpy()
    return altered("random_retrieval", spanish, gain=half)(evidence)


FAILURES = {
    "language_id_rises": altered("language_id", spanish, value=0.5),
    "english_is_generated_less": altered("language_id", value=0.5),
    "unseen_targets_are_generated": altered("language_id", value=0.49),
    "perplexity_is_higher": altered("perplexity", spanish, value=2),
    "perplexity_rises_with_experts": altered("perplexity", spanish, value=lambda rows: -rows["k"]),
    "distances_fall": altered("distances", spanish, post=pre),
    "almost_all_distances_fall": altered(
        "distances", lambda rows: rows["candidate"].isin(["he"]) | spanish(rows), post=pre
    ),
    "target_nears_medoid": altered("medoid", lambda rows: rows["language"] == "es", post=pre),
    "others_near_medoid": altered("medoid", lambda rows: spanish(rows) & (rows["language"] != "es"), post=pre),
    "all_near_target": altered("distances", one_pair("es", "es", "he"), post=pre),
    "polylm_falls_least": altered("medoid", post=0),
    "target_query_gains": altered("retrieval", half_of_targets, gain=0),
    "gains_are_consistent": altered("retrieval", half_of_targets, gain=0),
    "majority_of_candidates_gains": altered("retrieval", lambda rows: rows["gain"] <= 0.14, gain=0),
    "median_gain_is_positive": altered("retrieval", gain=lambda rows: rows["gain"] - 0.14),
    "gains_are_as_published": altered("retrieval", gain=lambda rows: rows["gain"] + 0.051),
    "few_candidates_gain_most": altered("retrieval", gain=0.5),
    "polylm_gains_least": altered("retrieval", gain=0.5),
    "accuracy_doubles": altered("retrieval", post=lambda rows: 1.99 * rows["pre"]),
    "seen_candidates_gain_more": altered("retrieval", gain=lambda rows: -rows["gain"]),
    "gains_carry_over": altered("retrieval", lambda rows: half_of_targets(rows) & ~queried_by_target(rows), gain=0),
    "seen_pairs_gain_more": altered("retrieval", gain=lambda rows: -rows["gain"]),
    "patterns_agree": altered(
        "retrieval", lambda rows: half_of_targets(rows) & queried_by_target(rows), gain=lambda rows: -rows["gain"]
    ),
    "no_pair_drops": altered("retrieval", one_pair("es", "he", "fa"), gain=-0.011),
    "most_pairs_gain_and_some_drop": altered("retrieval", gain=lambda rows: rows["gain"].clip(lower=-0.01)),
    "bloom_examples": altered("retrieval", lambda rows: spanish(rows) & (rows["query"] == "pt"), gain=0),
    "aya_examples": altered("retrieval", one_pair("es", "cs", "el"), gain=0),
    "polylm_examples": altered("retrieval", one_pair("es", "ru", "pt"), gain=0),
    "bloom_under_japanese": altered("retrieval", one_pair("ja", "en", "pt"), gain=0.099),
    "distance_predicts_after": altered("correlations", correlation("acc_post~d_post"), p_value=0.051),
    "distance_predicts_before": altered("correlations", correlation("acc_pre~d_pre"), r=0.9),
    "distances_agree": altered("correlations", correlation("d_post~d_pre"), r=-0.1),
    "gain_is_uncorrelated": altered("correlations", correlation("delta_acc~delta_d"), p_value=0.05),
    "all_candidates_agree": altered("correlations", r=-0.5),
    "accuracy_is_unchanged": altered("paraphrase", half_of_targets, post=lambda rows: rows["pre"] - 0.051),
    "mixed_is_far_below": altered("paraphrase", spanish, mixed=lambda rows: rows["pre"] - 0.05),
    "changes_are_positive": altered("paraphrase", half_of_targets, post=lambda rows: rows["pre"] - 0.01),
    "random_distances_fall_less": altered("random_distances", spanish, post=lambda rows: rows["pre"] - 0.3),
    "random_retrieval_drops": altered("random_retrieval", one_pair("es", "es", "he"), gain=0),
    "random_retrieval_drops_for_most": altered("random_retrieval", half_of_targets, gain=0),
    "random_bloom_is_unchanged": altered("random_retrieval", spanish, gain=0.011),
    "random_bloom_improves_for_french": altered("random_retrieval", gain=0),
    "random_improves_nothing": altered("random_retrieval", half_of_targets, gain=0.011),
    "random_gain_is_far_below": expert_gain_halved,
    "random_paraphrases_change_little": altered(
        "random_paraphrase", half_of_targets, post=lambda rows: rows["pre"] - 0.051
    ),
    "random_paraphrases_change_down": altered(
        "random_paraphrase", half_of_targets, post=lambda rows: rows["pre"] + 0.01
    ),
}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_holds_on_metrics_like_the_paper_s_and_not_on_altered_ones(claim, evidence):
    assert claim.verdict(about(claim, evidence)).holds is True
    changed = claim.verdict(about(claim, evidence, FAILURES[claim.name]))
    assert changed.holds is False
    assert changed.measured != claim.verdict(about(claim, evidence)).measured


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_is_undefined_where_nothing_was_measured(claim, empty):
    verdict = claim.verdict(about(claim, empty))
    assert verdict.holds is None
    assert verdict.measured in LACKING.values()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_says_its_reading_in_plain_text(claim):
    assert claim.statement.endswith(".") and claim.section and claim.paper
    assert claim.decide.__doc__.rstrip().endswith(".")


def of(name):
    return next(claim for claim in CLAIMS if claim.name == name)


def of_model(**values):
    """A change of what is known of the model."""
    return lambda evidence: replace(evidence, model=evidence.model.model_copy(update=values))


REASONS = [
    ("language_id_rises", lambda e: replace(e, k=70), "k = 70 is not in the sweep"),
    ("perplexity_is_higher", lambda e: replace(e, k=70), "k = 70 is not in the sweep"),
    ("perplexity_rises_with_experts", lambda e: replace(e, perplexity=e.perplexity[e.perplexity["k"] < 100]), "fewer"),
    ("unseen_targets_are_generated", of_model(seen=None), "has seen every target"),
    ("gains_are_as_published", of_model(published=None), "none of the paper's"),
    ("seen_candidates_gain_more", of_model(seen=None), "has seen all"),
    ("seen_candidates_gain_more", of_model(seen=[]), "has seen none"),
    ("seen_pairs_gain_more", of_model(seen=None), "has seen all"),
    ("all_candidates_agree", of_model(seen=None), "has seen all"),
    ("accuracy_doubles", altered("retrieval", pre=0), "above 0"),
    ("patterns_agree", altered("retrieval", gain=0), "all gain the same"),
    ("distance_predicts_after", altered("correlations", r=math.nan), "undefined for every target"),
    ("changes_are_positive", altered("paraphrase", post=pre), "no accuracy changes"),
    ("random_gain_is_far_below", altered("retrieval", gain=0), "no gain"),
    ("bloom_under_japanese", lambda e: replace(e, retrieval=e.retrieval[e.retrieval["target"] != "ja"]), "ja"),
    ("bloom_examples", lambda e: replace(e, retrieval=e.retrieval[e.retrieval["query"] != "pt"]), "Portuguese"),
    ("random_bloom_improves_for_french", altered("random_retrieval", target="es"), "French is no target"),
    ("random_bloom_is_unchanged", altered("random_retrieval", target="fr"), "only target"),
    (
        "english_is_generated_less",
        lambda e: replace(e, language_id=e.language_id[e.language_id["target"] != "en"]),
        "En",
    ),
    (
        "all_candidates_agree",
        altered("correlations", lambda rows: (rows["candidates_set"] == "all") ^ half_of_targets(rows), r=math.nan),
        "with seen and with all",
    ),
]


@pytest.mark.parametrize(("name", "change", "reason"), REASONS)
def test_an_undefined_claim_says_why(name, change, reason, evidence):
    verdict = of(name).verdict(about(of(name), evidence, change))
    assert verdict.holds is None and reason in verdict.measured


@pytest.mark.parametrize("name", ["polylm_falls_least", "polylm_gains_least", "gains_are_consistent"])
def test_a_comparison_needs_two_models(name, evidence):
    assert of(name).verdict([evidence["polylm"]]).holds is None


@pytest.mark.parametrize("name", ["polylm_falls_least", "polylm_gains_least"])
def test_a_claim_on_polylm_needs_it_among_the_models(name, evidence):
    assert of(name).verdict([evidence["aya"], evidence["bloom"]]).holds is None
    assert of(name).verdict([evidence["polylm"], evidence["bloom"]]).holds is True


def test_english_may_be_generated_less_in_aya_alone(evidence):
    english = altered("language_id", lambda rows: (rows["target"] == "en") & (rows["k"] > 0), value=0)
    assert of("language_id_rises").verdict(english(evidence["aya"])).holds is True
    assert of("language_id_rises").verdict(english(evidence["bloom"])).holds is False


def test_exactly_nine_tenths_of_the_distances_are_almost_all(evidence):
    distances = evidence["bloom"].distances  # 360 rows
    claim = of("almost_all_distances_fall")
    for rising, holds in ((36, True), (37, False)):
        post = [*distances["pre"][:rising], *distances["post"][rising:]]
        verdict = claim.verdict(replace(evidence["bloom"], distances=distances.assign(post=post)))
        assert verdict.holds is holds
        assert f"{360 - rising} of 360" in verdict.measured


def test_a_change_by_the_tolerance_is_little_but_not_far(evidence):
    by_tolerance = altered("paraphrase", post=lambda rows: rows["pre"] - 0.05, mixed=lambda rows: rows["pre"] - 0.05)
    assert of("accuracy_is_unchanged").verdict(by_tolerance(evidence["bloom"])).holds is True
    assert of("mixed_is_far_below").verdict(by_tolerance(evidence["bloom"])).holds is False


def test_only_changes_in_two_decimals_count_as_changes(evidence):
    hidden = altered("paraphrase", half_of_targets, post=lambda rows: rows["pre"] - 0.004)
    verdict = of("changes_are_positive").verdict(hidden(evidence["bloom"]))
    assert (verdict.holds, verdict.measured) == (True, "2 of 2 changes positive")


def test_targets_without_a_defined_correlation_are_left_out(evidence):
    undefined = altered("correlations", half_of_targets, r=math.nan, p_value=math.nan)
    verdict = of("distance_predicts_after").verdict(undefined(evidence["bloom"]))
    assert verdict.holds is True and "2 of 2 targets" in verdict.measured


gains = st.lists(st.integers(-200, 200).map(lambda value: value / 200), min_size=36, max_size=36)


@given(gains=gains)
def test_claims_on_the_target_as_query_agree_with_plain_python(gains, evidence):
    one = evidence["bloom"]
    rows = one.retrieval[queried_by_target(one.retrieval)]
    post = rows["pre"].to_numpy() + 1 + np.array(gains)
    changed = replace(one, retrieval=rows.assign(gain=gains, post=post))
    by_target, seen, unseen = {}, [], []
    for target, candidate, gain in zip(rows["target"], rows["candidate"], gains, strict=True):
        by_target.setdefault(target, []).append(gain)
        (seen if candidate in ["pt", "fr", "es", "en"] else unseen).append(gain)
    means = {target: mean(values) for target, values in by_target.items()}
    expected = {
        "target_query_gains": sum(sum(values) > 1e-12 for values in by_target.values()) > 2,
        "majority_of_candidates_gains": sum(gain > 0 for gain in gains) > 18,
        "median_gain_is_positive": median(gains) > 0,
        "few_candidates_gain_most": max(gains) > 0 and sum(gain > max(gains) / 2 for gain in gains) < 18,
        "accuracy_doubles": max(mean([PRE + 1 + gain for gain in values]) for values in by_target.values()) / PRE >= 2,
        "seen_candidates_gain_more": mean(seen) > mean(unseen),
        "gains_are_as_published": abs(median(gains) - 0.14) <= 0.05 + 1e-12 and abs(max(gains) - 0.89) <= 0.05 + 1e-12,
    }
    close = [*means.values(), mean(seen) - mean(unseen)]
    if min(map(abs, close)) > 1e-9:  # else rounding decides
        assert {name: of(name).verdict(changed).holds for name in expected} == expected
    median_and_maximum = f"median {100 * median(gains):z.1f}, maximum {100 * max(gains):z.1f}"
    assert of("median_gain_is_positive").verdict(changed).measured.startswith(median_and_maximum)


# --- From CSV files to the table ---


def write(metrics, folder):
    """One CSV a model and condition of each kind, as the workflow has them; the options of the command line."""
    options = []
    for kind, rows in metrics.items():
        options.append(f"--{kind.replace('_', '-')}")
        for (model, condition), part in rows.groupby(["model", "condition"], sort=False):
            path = folder / model / condition / f"{kind}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            part.to_csv(path, index=False)
            options.append(str(path))
    return options


def run(folder, metrics, **changed):
    """Run the stage; the paths that it writes, by format."""
    outputs = {name: folder / f"claims.{name}" for name in layout.OUTPUTS}
    written = [text for name, path in outputs.items() for text in (f"--{name}", str(path))]
    stage.main(["--spec", json.dumps({**STUDY, **changed}), *write(metrics, folder), *written])
    return outputs


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def random_metrics(seed=0):
    """Metrics like the paper's in their shape, with random values, under two poolings."""
    generator = np.random.default_rng(seed)
    values = {"value": 1, "accuracy": 1, "r": 2, "p_value": 1, "log_perplexity": 9}
    metrics = {}
    for kind, rows in paper_like().items():
        mean_pooled = rows[rows["units"] != "none"].assign(pooling="mean")
        mean_pooled["condition"] = mean_pooled["condition"].str.replace("max", "mean")
        both = pd.concat([rows, mean_pooled], ignore_index=True)
        drawn = {name: generator.random(len(both)) * size for name, size in values.items() if name in both}
        metrics[kind] = both.assign(**drawn)
    return metrics


def test_evidence_is_what_loops_over_the_rows_give():
    metrics, study = random_metrics(), Study.model_validate(STUDY)
    found = gather(metrics, study, study.models[1], "mean")

    def look(kind, column, **key):
        rows = metrics[kind]
        for name, value in key.items():
            rows = rows[rows[name] == value]
        return rows[column].tolist()

    bloom = {"model": "bloom"}
    for frame, kind, value in (("distances", "distances", "value"), ("retrieval", "retrieval", "accuracy")):
        assert len(getattr(found, frame)) == len(TARGETS) * 90
        for row in getattr(found, frame).sample(40, random_state=0).itertuples():
            pair = {"query": row.query, "candidate": row.candidate}
            assert [row.pre] == look(kind, value, **bloom, **pair, units="none")
            assert [row.post] == look(kind, value, **bloom, **pair, units="expert", target=row.target, pooling="mean")
        for row in getattr(found, f"random_{frame}").sample(40, random_state=0).itertuples():
            pair = {"query": row.query, "candidate": row.candidate, "target": row.target, "pooling": "mean"}
            by_seed = look(kind, value, **bloom, **pair, units="random")
            assert len(by_seed) == len(SEEDS) and row.post == pytest.approx(mean(by_seed))
    for row in found.medoid.itertuples():
        key = {**bloom, "language": row.language, "units": "expert", "target": row.target, "pooling": "mean"}
        assert [row.post] == look("medoid", "value", **key)
    for frame, units in (("paraphrase", "expert"), ("random_paraphrase", "random")):
        assert getattr(found, frame)["target"].tolist() == TARGETS
        for row, space in product(getattr(found, frame).to_dict("records"), ["pre", "post", "mixed"]):
            key = {**bloom, "target": row["target"], "pooling": "mean", "units": units, "space": space}
            assert row[space] == pytest.approx(mean(look("paraphrase", "accuracy", **key)))
    for frame, value in (("language_id", "accuracy"), ("perplexity", "log_perplexity")):
        for row in getattr(found, frame).itertuples():
            key = {**bloom, "target": row.target, "k": row.k, **({"pooling": "mean"} if row.k else {})}
            assert row.value == pytest.approx(mean(look(frame, value, **key)))
    for row in found.correlations.itertuples():
        key = {"target": row.target, "candidates_set": row.candidates_set, "correlation": row.correlation}
        assert [row.r] == look("correlations", "r", **bloom, **key, pooling="mean")


def test_the_stage_writes_a_row_for_each_claim_model_and_pooling(tmp_path):
    outputs = run(tmp_path, random_metrics(), poolings=["max", "mean"])
    rows = rows_of(outputs["csv"])
    assert list(rows[0]) == ["claim", "section", "statement", "model", "pooling", "measured", "paper", "holds"]
    expected = [
        (claim.name, model, pooling)
        for claim in CLAIMS
        for pooling in ("max", "mean")
        for model in (
            ["all"]
            if claim.compares
            else [
                model["name"]
                for model in MODELS
                if claim.only in (None, model["published"]) and claim.but != model["published"]
            ]
        )
    ]
    assert [(row["claim"], row["model"], row["pooling"]) for row in rows] == expected
    assert {row["holds"] for row in rows} == {"yes", "no", "undefined"}
    table = layout.read(outputs["json"])
    assert [[row[place].text for place in (2, 5, 6)] for row in table.rows] == [
        [row["holds"], row["measured"], row["paper"]] for row in rows
    ]
    assert [row[3].text for row in table.rows[:1]] == ["Aya-8B"]
    held = sum(row["holds"] == "yes" for row in rows)
    assert f"{held} hold," in outputs["markdown"].read_text()


def test_equal_metrics_give_equal_bytes(tmp_path):
    kinds = ("medoid", "retrieval", "paraphrase", "correlations")
    metrics = {kind: rows for kind, rows in random_metrics().items() if kind in kinds}
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        outputs = run(tmp_path / name, metrics, models=MODELS[:1])
        contents.append([path.read_bytes() for path in outputs.values()])
    assert contents[0] == contents[1]


def test_a_study_of_one_other_model_without_control_and_sweep_has_undefined_claims(tmp_path, metrics):
    kept = {}
    for kind in ("distances", "medoid", "retrieval", "paraphrase", "correlations"):
        rows = metrics[kind]
        kept[kind] = rows[(rows["model"] == "bloom") & (rows["units"] != "random")]
    model = {**MODELS[1], "published": None}
    rows = rows_of(run(tmp_path, kept, models=[model], seeds=[])["csv"])
    holds = {(row["claim"], row["model"]): (row["holds"], row["measured"]) for row in rows}
    assert holds["distances_fall", "bloom"][0] == "yes"
    assert holds["perplexity_is_higher", "bloom"] == ("undefined", "no perplexity was measured")
    assert holds["random_improves_nothing", "bloom"][0] == "undefined"
    assert holds["bloom_examples", "bloom-7b"] == ("undefined", "the study does not have this model")
    assert holds["polylm_gains_least", "all"][0] == "undefined"


def test_what_a_model_would_write_is_undefined_where_it_writes_no_text(tmp_path, metrics):
    sweeps = {kind: metrics[kind][metrics[kind]["model"] != "bloom"] for kind in ("language_id", "perplexity")}
    models = [MODELS[0], {**MODELS[1], "published": None, "architecture": "encoder"}]
    files = run(tmp_path, {**metrics, **sweeps}, models=models)
    holds = {(row["claim"], row["model"]): (row["holds"], row["measured"]) for row in rows_of(files["csv"])}
    for claim in ("language_id_rises", "perplexity_is_higher", "perplexity_rises_with_experts"):
        assert holds[claim, "bloom"] == ("undefined", "the model writes no text: it is an encoder")
        assert holds[claim, "aya"][0] == "yes"
    assert holds["distances_fall", "bloom"][0] == "yes"
    caption = json.loads(files["json"].read_text())["caption"]
    assert caption.endswith("Perplexity and generation are left out for Bloom-7B (an encoder).")


def test_a_claim_that_is_not_said_of_the_only_model_is_undefined(metrics):
    decided = decide(metrics, Study.model_validate({**STUDY, "models": MODELS[1:2]}))
    row = decided[decided["claim"] == "random_retrieval_drops"].iloc[0]
    assert (row["model"], row["holds"]) == ("all", "undefined") and "not said of bloom-7b" in row["measured"]


def test_targets_without_paraphrases_are_left_out(metrics):
    paraphrase = metrics["paraphrase"]
    fewer = {**metrics, "paraphrase": paraphrase[paraphrase["target"] != "ja"]}
    study = Study.model_validate(STUDY)
    found = gather(fewer, study, study.models[0], "max")
    assert found.paraphrase["target"].tolist() == found.random_paraphrase["target"].tolist() == ["en", "es", "fr"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"languages": [*LANGUAGES, "uk"]}, "uk"),
        ({"targets": [*TARGETS, "de"]}, "target de"),
        ({"seeds": [0, 1, 2]}, "seed 2"),
        ({"ks": [0, 50, 100, 200]}, "k 200"),
        ({"similarity": "margin"}, "similarity margin"),
        ({"distance": "means"}, "measure means"),
        ({"medoid": "centroid"}, "medoid centroid"),
    ],
)
def test_what_was_asked_for_and_not_measured_is_refused_by_name(changed, named, metrics):
    with pytest.raises(StudyError, match=named):
        decide(metrics, Study.model_validate({**STUDY, **changed}))


def test_evidence_names_what_it_lacks():
    frames = {field.name for field in fields(Evidence)} - {"model", "k", "shown_target"}
    assert frames == set(LACKING)


@pytest.mark.parametrize("options", [[], ["--perplexity", "--language-id"]])
def test_kinds_that_were_not_measured_may_have_no_option_or_one_without_paths(options, tmp_path, metrics):
    kinds = ("distances", "medoid", "retrieval", "correlations", "paraphrase")
    command = write({kind: metrics[kind] for kind in kinds}, tmp_path)
    for name in layout.OUTPUTS:
        command += [f"--{name}", str(tmp_path / f"claims.{name}")]
    stage.main(["--spec", json.dumps(STUDY), *options, *command])
    holds = {row["claim"]: row["holds"] for row in rows_of(tmp_path / "claims.csv")}
    assert holds["perplexity_is_higher"] == holds["language_id_rises"] == "undefined"
    assert holds["distances_fall"] == "yes"


def test_help_lists_every_kind_of_metric(capsys):
    with pytest.raises(SystemExit):
        stage.main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"--{kind.replace('_', '-')}" in shown for kind in KINDS)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=12))
def test_rank_correlation_with_ties_is_scipys(pairs):
    x, y = (pd.Series(side) for side in zip(*pairs, strict=True))
    if x.nunique() > 1 and y.nunique() > 1:
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
