"""Embeddings and metrics that are refused, with the file; and what degenerate ones are counted as, by a stated rule."""

import json
from itertools import permutations

import h5py
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.interventions.conditions import Condition, write_condition
from workflow_scripts.measures import correlate_languages, measure_space, retrieve_paraphrases, retrieve_translations
from workflow_scripts.measures.definitions.abx import abx_scores
from workflow_scripts.measures.definitions.rankings import accuracy
from workflow_scripts.measures.retrieval import pairwise_top1_accuracies
from workflow_scripts.measures.scores import scores_of

LANGUAGES = ["de", "en", "es"]
SENTENCES = 8
SIMILARITIES = ["inner_product", "cosine", "centred_cosine"]
OUTPUTS = " ".join(measure_space.OUTPUTS)


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
        of_space = {}
        if output == OUTPUTS:
            of_space = {"languages": LANGUAGES, "layers": ["last"], "similarities": SIMILARITIES}
            outputs += ["--base", tmp_path / "space.h5", "--embeddings", tmp_path / "space.h5"]
        return [
            "--spec",
            json.dumps({"dataset": "dev", **of_space, **spec}),
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


# What is wrong, the embeddings, and what the stage says.
CASES = [
    ("constant", constant(), r"space\.h5: the embedding at \(0, 0\) is zero.* Check the model's weights"),
    ("zero", changed(zero), r"space\.h5: the embedding at \(2, 2\) is zero, so that its cosine distances"),
    ("NaN", changed(nan), r"space\.h5 holds NaN or infinite embeddings of es/sentence; see the log"),
    ("no language", drawn(languages=["de", "en"]), r"space\.h5 has no embeddings of es/sentence; it has"),
    ("other part", drawn(part="sentence1"), r"space\.h5 has no embeddings of de/sentence"),
]


@pytest.mark.parametrize(("embeddings", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_refused_with_the_file(refused, space, tmp_path, embeddings, message):
    refused(measure_space.main, space(embeddings, OUTPUTS), message)
    assert not list(tmp_path.glob("*.csv"))


def test_one_language_is_refused_as_in_the_config(space):
    command = space(drawn(languages=["es"]), OUTPUTS, languages=["es"])
    with pytest.raises(ValidationError, match="languages\n  List should have at least 2 items"):
        measure_space.main(list(map(str, command)))


def test_other_ids_are_refused(refused, space):
    ids = [[f"{language}-{row}" for row in range(SENTENCES)] for language in LANGUAGES]
    refused(measure_space.main, space(drawn(), OUTPUTS, ids), r"space\.h5: the ids of en differ from those of de")


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
    measure_space.main(list(map(str, space(drawn(), OUTPUTS))))
    (tmp_path / "distances.csv").write_text(content)
    spec = {"dataset": "dev", "query": "es", "candidates": LANGUAGES, "seen": LANGUAGES, "similarities": ["cosine"]}
    spec["resampling"] = {}
    command = ["--spec", json.dumps({**spec, "measures": ["pairs"]}), "--condition", tmp_path / "base.json"]
    for name in ("base-retrieval", "retrieval"):
        command += [f"--{name}", tmp_path / "retrieval.csv"]
    for name in ("base-distances", "distances"):
        command += [f"--{name}", tmp_path / "distances.csv"]
    refused(correlate_languages.main, [*command, "--correlations", tmp_path / "correlations.csv"], message)
    assert not (tmp_path / "correlations.csv").exists()


def accuracies(embeddings, similarities=("inner_product", "cosine")):
    """Accuracy by similarity, query and candidate, of all pairs and of each pair by itself, which are the same."""
    sides = list(embeddings.values())
    streamed = pairwise_top1_accuracies(np.stack(sides), list(similarities))
    for one, other in permutations(range(len(sides)), 2):
        for similarity, scores in scores_of(sides[one], sides[other], list(similarities)).items():
            assert accuracy(scores) == pytest.approx(streamed[similarity][one, other])
    return np.stack([matrix[~np.eye(len(sides), dtype=bool)] for matrix in streamed.values()])


def test_constant_embeddings_score_chance():
    assert (accuracies(constant()) == 1 / SENTENCES).all()


def test_constant_embeddings_discriminate_nothing():
    for scores in abx_scores(np.stack(list(constant().values()))).values():
        assert (scores[~np.eye(len(LANGUAGES), dtype=bool)] == 0.5).all()


@pytest.mark.parametrize("times", [2, 4])
def test_of_equal_candidates_each_counts_its_share(times):
    """Translations are found but for the first sentence, which stands there several times: each is right by 1/m."""
    meaning = np.eye(SENTENCES, dtype=np.float32)
    meaning[:times] = meaning[0]
    found = accuracies({"de": meaning, "en": 2 * meaning})
    assert found == pytest.approx((SENTENCES - times + times / times) / SENTENCES)


def test_equal_candidates_of_which_none_is_right_count_nothing():
    queries = np.eye(SENTENCES, dtype=np.float32)
    candidates = np.roll(queries, 1, axis=0)
    queries[1], candidates[2] = queries[3], candidates[1]
    assert (accuracies({"de": queries, "en": candidates}) == 0).all()


def test_correlations_of_what_is_constant_are_undefined(space, tmp_path):
    lengths = {"de": 1, "en": 2, "es": 3, "fr": 5}  # so that languages differ, though no cosine does
    embeddings = {f"{code}/sentence": length * np.eye(SENTENCES, dtype=np.float32) for code, length in lengths.items()}
    languages = list(lengths)
    measure_space.main(list(map(str, space(embeddings, OUTPUTS, languages=languages))))
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
