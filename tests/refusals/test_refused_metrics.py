"""Embeddings and metrics that are refused, with the file; and what degenerate ones are counted as, by a stated rule."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.interventions.conditions import Condition, write_condition
from workflow_scripts.measures import (
    correlate_languages,
    measure_abx,
    measure_distances,
    measure_retrieval,
    retrieve_paraphrases,
    retrieve_translations,
)

LANGUAGES = ["de", "en", "es"]
SENTENCES = 8


@pytest.fixture
def space(tmp_path):
    """Writes embeddings by language and part as `space.h5`; returns the command line of a stage that measures them."""
    write_condition(tmp_path / "base.json", Condition(name="base", model="own"))

    def space(embeddings, output, ids=None, **spec):
        with h5py.File(tmp_path / "space.h5", "w") as file:
            for number, (name, values) in enumerate(embeddings.items()):
                names = [f"dev-{row}" for row in range(len(values))] if ids is None else ids[number]
                write_part(file.create_group(name), names, values)
        outputs = [item for name in output.split() for item in (f"--{name}", tmp_path / f"{name}.csv")]
        layer = {"layer": "last"} if output in ("distances medoid", "retrieval", "abx") else {}
        return [
            "--spec",
            json.dumps({"dataset": "dev", **layer, **spec}),
            "--condition",
            tmp_path / "base.json",
            *outputs,
        ]

    return space


def drawn(seed=0, part="sentence", languages=LANGUAGES):
    draw = np.random.default_rng(seed)
    return {f"{language}/{part}": draw.normal(size=(SENTENCES, 5)).astype(np.float32) for language in languages}


def constant():
    return {name: np.full_like(values, 0.1) for name, values in drawn().items()}


def changed(edit):
    """Embeddings of which an edit changes those of Spanish."""
    embeddings = drawn()
    edit(embeddings["es/sentence"])
    return embeddings


def nan(values):
    values[2, 0] = np.nan


def zero(values):
    values[2] = 0


def long(values):
    values[2] = 1e30


# What is wrong, the embeddings, the stage, what differs in its spec, and what it says.
CASES = [
    (
        "constant",
        constant(),
        measure_distances,
        {},
        r"space\.h5: the embedding at \(0, 0\) is zero.* Check the model's weights",
    ),
    (
        "constant",
        constant(),
        measure_retrieval,
        {},
        r"space\.h5: the embedding in row 0 has length 0: it has no direction\. Check",
    ),
    (
        "zero",
        changed(zero),
        measure_distances,
        {},
        r"space\.h5: the embedding at \(2, 2\) is zero, so that its cosine distances",
    ),
    (
        "zero",
        changed(zero),
        measure_retrieval,
        {},
        r"space\.h5: the embedding in row 2 has length 0: it has no direction",
    ),
    (
        "zero",
        changed(zero),
        measure_abx,
        {},
        r"space\.h5: the embedding at \(2, 2\) is zero.* Check the model's w",
    ),
    (
        "NaN",
        changed(nan),
        measure_distances,
        {},
        r"space\.h5 holds NaN or infinite embeddings of es/sentence; see the log",
    ),
    (
        "NaN",
        changed(nan),
        measure_retrieval,
        {},
        r"space\.h5 holds NaN or infinite embeddings of es/sentence; see the log",
    ),
    (
        "too long",
        changed(long),
        measure_retrieval,
        {},
        r"space\.h5: the embedding in row 2 has length .*products would exceed",
    ),
    (
        "no language",
        drawn(languages=["de", "en"]),
        measure_distances,
        {},
        r"space\.h5 has no embeddings of es/sentence; it has",
    ),
    ("other part", drawn(part="sentence1"), measure_retrieval, {}, r"space\.h5 has no embeddings of de/sentence"),
]


@pytest.mark.parametrize(
    ("embeddings", "stage", "spec", "message"),
    [case[1:] for case in CASES],
    ids=[f"{name} {stage.__name__.rpartition('.')[2]}" for name, _, stage, *_ in CASES],
)
def test_refused_with_the_file(refused, space, tmp_path, embeddings, stage, spec, message):
    common = {"languages": LANGUAGES, **spec}
    if stage is measure_distances:
        command = space(embeddings, "distances medoid", **common)
    elif stage is measure_abx:
        command = space(embeddings, "abx", **common)
    else:
        command = space(embeddings, "retrieval", similarities=["inner_product", "cosine", "centred_cosine"], **common)
    refused(stage.main, [*command, "--embeddings", tmp_path / "space.h5"], message)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize(
    ("stage", "outputs"), [(measure_distances, "distances medoid"), (measure_retrieval, "retrieval")]
)
def test_one_language_is_refused_as_in_the_config(space, tmp_path, stage, outputs):
    similarities = {"similarities": ["cosine"]} if stage is measure_retrieval else {}
    command = space(drawn(languages=["es"]), outputs, languages=["es"], **similarities)
    with pytest.raises(ValidationError, match="languages\n  List should have at least 2 items"):
        stage.main(list(map(str, [*command, "--embeddings", tmp_path / "space.h5"])))


def test_other_ids_are_refused(refused, space, tmp_path):
    ids = [[f"{language}-{row}" for row in range(SENTENCES)] for language in LANGUAGES]
    command = space(drawn(), "retrieval", ids, languages=LANGUAGES, similarities=["cosine"])
    command += ["--embeddings", tmp_path / "space.h5"]
    refused(measure_retrieval.main, command, r"space\.h5: the ids of en differ from those of de")


def test_pairs_and_translations_of_other_ids_are_refused(refused, space, tmp_path):
    ids = [[f"{side}-{row}" for row in range(SENTENCES)] for side in (1, 2)]
    pairs = drawn(0, "sentence1", ["es"]) | drawn(1, "sentence2", ["es"])
    command = space(pairs, "paraphrase", ids, language="es", similarities=["cosine"])
    command += ["--base", tmp_path / "space.h5", "--intervened", tmp_path / "space.h5"]
    refused(retrieve_paraphrases.main, command, r"space\.h5: es has other ids in sentence1 than in sentence2")

    sides = drawn(0, "source", ["es"]) | drawn(1, "target", ["es"])
    spec = {"languages": ["es"], "similarities": ["cosine"]}
    command = [*space(sides, "translation", ids, task="translation", **spec), "--embeddings", tmp_path / "space.h5"]
    refused(
        retrieve_translations.main,
        command,
        r"space\.h5: es has other ids in source than in target; delete it and run again",
    )

    sides = drawn(0, "query", ["es"]) | drawn(1, "candidates", ["es"])
    command = [*space(sides, "translation", ids, task="mining", **spec), "--embeddings", tmp_path / "space.h5"]
    refused(
        retrieve_translations.main,
        command,
        r"space\.h5, es: no candidate has the id 1-0 of a query; delete it and run again",
    )


# What lies in the place of the distances, and what the correlations' stage says.
METRICS = [
    ("empty", "", r"distances\.csv has no column model, .*; delete it and run again"),
    (
        "other columns",
        "a,b\n1,2\n",
        r"distances\.csv has no column model, condition, .* so it is not the metric CSV exp",
    ),
    (
        "no row of a language",
        "model,condition,units,target,pooling,measure,query,candidate,value\nown,base,none,,,pairs,es,de,0.5\n",
        r"distances\.csv lacks pairs of es to en; delete it and run again",
    ),
]


@pytest.mark.parametrize(("content", "message"), [case[1:] for case in METRICS], ids=[case[0] for case in METRICS])
def test_metrics_that_lack_something_are_refused(refused, space, tmp_path, content, message):
    embeddings = drawn()
    command = space(embeddings, "retrieval", languages=LANGUAGES, similarities=["cosine"])
    measure_retrieval.main(list(map(str, [*command, "--embeddings", tmp_path / "space.h5"])))
    (tmp_path / "distances.csv").write_text(content)
    spec = {"dataset": "dev", "query": "es", "candidates": LANGUAGES, "seen": LANGUAGES, "similarities": ["cosine"]}
    command = ["--spec", json.dumps({**spec, "measures": ["pairs"]}), "--condition", tmp_path / "base.json"]
    for name in ("base-retrieval", "retrieval"):
        command += [f"--{name}", tmp_path / "retrieval.csv"]
    for name in ("base-distances", "distances"):
        command += [f"--{name}", tmp_path / "distances.csv"]
    refused(correlate_languages.main, [*command, "--correlations", tmp_path / "correlations.csv"], message)
    assert not (tmp_path / "correlations.csv").exists()


def accuracies(space, tmp_path, embeddings, similarities=("inner_product", "cosine")):
    """Accuracy by similarity, query and candidate, from the stage."""
    languages = [name.partition("/")[0] for name in embeddings]
    command = space(embeddings, "retrieval", languages=languages, similarities=list(similarities))
    measure_retrieval.main(list(map(str, [*command, "--embeddings", tmp_path / "space.h5"])))
    return pd.read_csv(tmp_path / "retrieval.csv").set_index(["similarity", "query", "candidate"])["accuracy"]


def test_constant_embeddings_score_chance(space, tmp_path):
    found = accuracies(space, tmp_path, constant())
    assert len(found) == 2 * 3 * 2
    assert (found == 1 / SENTENCES).all()


def test_constant_embeddings_discriminate_nothing(space, tmp_path):
    command = space(constant(), "abx", languages=LANGUAGES)
    measure_abx.main(list(map(str, [*command, "--embeddings", tmp_path / "space.h5"])))
    found = pd.read_csv(tmp_path / "abx.csv")["score"]
    assert len(found) == 2 * 3 * 2
    assert (found == 0.5).all()


@pytest.mark.parametrize("times", [2, 4])
def test_of_equal_candidates_each_counts_its_share(space, tmp_path, times):
    """Translations are found but for the first sentence, which stands there several times: each is right by 1/m."""
    meaning = np.eye(SENTENCES, dtype=np.float32)
    meaning[:times] = meaning[0]
    found = accuracies(space, tmp_path, {"de/sentence": meaning, "en/sentence": 2 * meaning})
    assert found.to_numpy() == pytest.approx((SENTENCES - times + times / times) / SENTENCES)


def test_equal_candidates_of_which_none_is_right_count_nothing(space, tmp_path):
    queries = np.eye(SENTENCES, dtype=np.float32)
    candidates = np.roll(queries, 1, axis=0)
    queries[1], candidates[2] = queries[3], candidates[1]
    found = accuracies(space, tmp_path, {"de/sentence": queries, "en/sentence": candidates})
    assert (found == 0).all()


def test_correlations_of_what_is_constant_are_undefined(space, tmp_path):
    embeddings = {f"{language}/sentence": np.eye(SENTENCES, dtype=np.float32) for language in [*LANGUAGES, "fr"]}
    accuracies(space, tmp_path, embeddings)
    languages = [*LANGUAGES, "fr"]
    command = space(embeddings, "distances medoid", languages=languages)
    measure_distances.main(list(map(str, [*command, "--embeddings", tmp_path / "space.h5"])))
    spec = {"dataset": "dev", "query": "es", "candidates": languages, "seen": languages[:2]}
    spec["resampling"] = {"resamples": 100}
    command = ["--spec", json.dumps({**spec, "similarities": ["cosine"], "measures": ["pairs"]})]
    for name in ("retrieval", "distances"):
        command += [f"--{name}", tmp_path / f"{name}.csv", f"--base-{name}", tmp_path / f"{name}.csv"]
    command += ["--condition", tmp_path / "base.json", "--correlations", tmp_path / "correlations.csv"]
    correlate_languages.main(list(map(str, command)))
    found = pd.read_csv(tmp_path / "correlations.csv")
    assert len(found) == 2 * 4
    assert found[["r", "ci_low", "ci_high", "p_value"]].isna().all(axis=None)
