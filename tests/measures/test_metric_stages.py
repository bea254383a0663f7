"""The metric stages on small real files, from their command lines."""

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.measures import correlate_languages, measure_space, retrieve_paraphrases
from workflow_scripts.measures.definitions.abx import abx_scores
from workflow_scripts.measures.definitions.distances import pair_distances
from workflow_scripts.measures.registry import similarities
from workflow_scripts.measures.retrieval import pairwise_top1_accuracies

LANGUAGES = ["de", "en", "es", "fr", "it"]
SPEC = {"dataset": "dev", "languages": LANGUAGES, "layers": ["last"], "similarities": ["inner_product", "csls"]}
LEADING = ["model", "condition", "method", "units", "target", "pooling", "k", "seed", "dataset"]


def space(seed, parts=("sentence",), count=12):
    draw = np.random.default_rng(seed)
    meaning = draw.normal(size=(count, 6))
    return {
        (language, part): (meaning + draw.normal(0, 0.2 * (number + 1), (count, 6))).astype(np.float32)
        for number, language in enumerate(LANGUAGES)
        for part in parts
    }


def write_space(path, embeddings, ids=None):
    with h5py.File(path, "w") as file:
        for (language, part), values in embeddings.items():
            names = ids or [f"dev-{row}" for row in range(len(values))]
            write_part(file.create_group(f"{language}/{part}"), names, values)


@pytest.fixture
def files(tmp_path):
    """Base and intervened spaces, and their conditions, in one folder."""
    parts = ("sentence", "sentence1", "sentence2")
    write_space(tmp_path / "base.h5", space(0, parts))
    write_space(tmp_path / "es.h5", space(1, parts))
    site = Site(module="m", width=4, units=[1], parameters={"value": [0.5]})
    es = dict(method="force", units="expert", target="es", pooling="max", k=1, sites=[site])
    write_condition(tmp_path / "base.json", Condition(name="base", model="tiny"))
    write_condition(tmp_path / "es.json", Condition(name="es-expert-max-k1", model="tiny", **es))
    return tmp_path


def run(stage, files, spec, **paths):
    options = [item for name, path in paths.items() for item in (f"--{name.replace('_', '-')}", str(files / path))]
    stage.main(["--spec", canonical_json(spec), *options])


def measured(files):
    for name in ("base", "es"):
        paths = {"base": "base.h5", "embeddings": f"{name}.h5", "condition": f"{name}.json"}
        paths |= {output: f"{name}.{output}.csv" for output in measure_space.OUTPUTS}
        run(measure_space, files, SPEC, **paths)


def test_distances_are_tidy_and_complete(files):
    measured(files)
    table = pd.read_csv(files / "es.distances.csv")
    assert list(table.columns) == [*LEADING, "layer", "measure", "query", "candidate", "value"]
    assert table[LEADING].drop_duplicates().to_numpy().tolist()[0][:7] == [
        *("tiny", "es-expert-max-k1", "force", "expert", "es", "max", 1)
    ]
    assert (table.groupby("measure").size() == 5 * 4).all()
    row = table[(table["measure"] == "pairs") & (table["query"] == "es") & (table["candidate"] == "de")]
    with h5py.File(files / "es.h5") as file:
        embeddings = np.stack([file[f"{language}/sentence/embeddings"][:] for language in LANGUAGES])
    assert row["value"].item() == pytest.approx(pair_distances(embeddings)[2, 0], abs=1e-12)
    medoid = pd.read_csv(files / "es.medoid.csv")
    assert set(medoid["medoid"]) == {"sentence", "language_means", "centroid"}
    assert medoid[medoid["medoid"] == "sentence"]["medoid_id"].nunique() == 1


def test_abx_scores_are_tidy_and_of_ordered_pairs(files):
    measured(files)
    table = pd.read_csv(files / "es.abx.csv")
    assert list(table.columns) == [*LEADING, "layer", "task", "first", "second", "sentences", "score"]
    assert table.groupby("task").size().to_dict() == {"language": 5 * 4, "meaning": 5 * 4}
    assert set(table["layer"]) == {"last"} and set(table["sentences"]) == {12}
    with h5py.File(files / "es.h5") as file:
        embeddings = np.stack([file[f"{language}/sentence/embeddings"][:] for language in LANGUAGES])
    expected, score = abx_scores(embeddings), table.set_index(["task", "first", "second"])["score"]
    for (task, first, second), value in score.items():
        assert value == expected[task][LANGUAGES.index(first), LANGUAGES.index(second)]


def test_every_layer_is_a_space_of_its_own(files):
    names = {"base": "base.h5", "es": "es.h5"}
    embeddings = [str(files / name) for name in names.values()]
    options = ["--spec", canonical_json({**SPEC, "layers": [2, "last"]}), "--condition", str(files / "es.json")]
    options += ["--base", *embeddings, "--embeddings", *embeddings]
    for output in measure_space.OUTPUTS:
        options += [f"--{output}", *(str(files / f"{name}.{output}.csv") for name in names)]
    measure_space.main(options)
    together = {path.name: path.read_text() for path in files.glob("*.csv")}
    for layer, name in ((2, "base"), ("last", "es")):
        paths = {output: f"alone.{output}.csv" for output in measure_space.OUTPUTS}
        paths |= {"base": names[name], "embeddings": names[name], "condition": "es.json"}
        run(measure_space, files, {**SPEC, "layers": [layer]}, **paths)
        for output in measure_space.OUTPUTS:
            assert together[f"{name}.{output}.csv"] == (files / f"alone.{output}.csv").read_text()
            assert set(pd.read_csv(files / f"alone.{output}.csv")["layer"]) == {layer}


def test_retrieval_has_every_similarity_that_is_registered(files):
    paths = {"base": "base.h5", "embeddings": "es.h5", "condition": "es.json"}
    paths |= {output: f"es.{output}.csv" for output in measure_space.OUTPUTS} | {"retrieved": "es.parquet"}
    run(measure_space, files, {**SPEC, "similarities": list(similarities())}, **paths)
    found = pd.read_csv(files / "es.retrieval.csv").set_index(["similarity", "query", "candidate"])["accuracy"]
    with h5py.File(files / "es.h5") as file:
        embeddings = np.stack([file[f"{language}/sentence/embeddings"][:] for language in LANGUAGES])
    expected = pairwise_top1_accuracies(embeddings, list(similarities()))
    assert {"inner_product", "cosine", "centred_cosine", "margin", "csls"} <= set(expected)
    for (similarity, query, candidate), accuracy in found.items():
        place = LANGUAGES.index(query), LANGUAGES.index(candidate)
        assert accuracy == pytest.approx(expected[similarity][place])
    # What each query counts, of which the accuracies are the means.
    written = pd.read_parquet(files / "es.parquet").set_index(["similarity", "query", "candidate"])
    assert set(written.index) == set(found.index) and set(written["condition"]) == {"es-expert-max-k1"}
    for key, counted in written["found"].items():
        assert len(counted) == 12 and counted.mean() == found[key]
    unit = embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)
    nearest = (unit[2] @ unit[0].T).argmax(axis=1)
    assert list(written.loc[("cosine", "es", "de"), "found"]) == list((nearest == np.arange(12)).astype(float))


def test_correlations_are_those_of_the_csvs(files):
    measured(files)
    spec = {
        "dataset": "dev",
        "query": "es",
        "candidates": LANGUAGES,
        "seen": ["de", "en", "fr", "es"],
        "similarities": ["csls"],
        "measures": ["pairs"],
        "resampling": {"resamples": 200},
    }
    inputs = {
        "base_distances": "base.distances.csv",
        "base_retrieval": "base.retrieval.csv",
        "distances": "es.distances.csv",
        "retrieval": "es.retrieval.csv",
        "condition": "es.json",
    }
    run(correlate_languages, files, spec, **inputs, correlations="correlations.csv")
    table = pd.read_csv(files / "correlations.csv").set_index(["candidates_set", "correlation"])
    assert (table.loc["seen", "candidates"] == 3).all()
    assert (table.loc["all", "candidates"] == 4).all()

    def values(name, kind, column):
        read = pd.read_csv(files / f"{name}.{kind}.csv")
        chosen = read[(read["query"] == "es") & (read[column] == {"measure": "pairs", "similarity": "csls"}[column])]
        return chosen.set_index("candidate")["value" if column == "measure" else "accuracy"].loc[
            ["de", "en", "fr", "it"]
        ]

    pre, post = (values(name, "distances", "measure") for name in ("base", "es"))
    acc_pre, acc_post = (values(name, "retrieval", "similarity") for name in ("base", "es"))
    expected = {
        "d_post~d_pre": (post, pre),
        "acc_pre~d_pre": (acc_pre, pre),
        "acc_post~d_post": (acc_post, post),
        "delta_acc~delta_d": (acc_post - acc_pre, pre - post),
    }
    for name, (x, y) in expected.items():
        assert table.loc[("all", name), "r"] == pytest.approx(stats.pearsonr(x, y).statistic)


def test_paraphrases_are_found_before_after_and_between_the_spaces(files):
    spec = {"dataset": "paws-x", "language": "es", "similarities": ["cosine", "centred_cosine", "inner_product"]}
    paths = {"base": "base.h5", "intervened": "es.h5", "condition": "es.json", "paraphrase": "paraphrase.csv"}
    run(retrieve_paraphrases, files, spec, **paths)
    table = pd.read_csv(files / "paraphrase.csv")
    assert list(table.columns) == [*LEADING, "similarity", "language", "space", "pairs", "accuracy"]
    accuracy = table.set_index(["similarity", "space"])["accuracy"]
    with h5py.File(files / "base.h5") as base, h5py.File(files / "es.h5") as es:
        query, post = base["es/sentence1/embeddings"][:], es["es/sentence2/embeddings"][:]
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (query, post)]
    expected = ((unit[0] @ unit[1].T).argmax(axis=1) == np.arange(12)).mean()
    assert accuracy["cosine", "mixed"] == pytest.approx(expected)
    assert accuracy["cosine", "mixed"] < accuracy["cosine", "pre"]


def test_paraphrases_of_other_sentences_are_refused(files):
    write_space(files / "es.h5", space(1, ("sentence1", "sentence2")), ids=[f"other-{row}" for row in range(12)])
    spec = {"dataset": "paws-x", "language": "es", "similarities": ["cosine"]}
    paths = {"base": "base.h5", "intervened": "es.h5", "condition": "es.json", "paraphrase": "paraphrase.csv"}
    with pytest.raises(StudyError, match="hold different sentences"):
        run(retrieve_paraphrases, files, spec, **paths)
    assert not (files / "paraphrase.csv").exists()


def test_the_same_input_gives_the_same_bytes(files):
    measured(files)
    before = (files / "es.retrieval.csv").read_bytes()
    measured(files)
    assert (files / "es.retrieval.csv").read_bytes() == before
