"""Examples of retrieval: the ranking of candidates, which query is shown, and the stage on small real files."""

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.measures import find_examples
from workflow_scripts.measures.examples import clearest_gain, rank
from workflow_scripts.measures.retrieval import pairwise_top1_accuracy
from workflow_scripts.measures.scores import Scores, scores_of
from workflow_scripts.texts import schema

LANGUAGES = ["de", "en", "es", "fr"]
SIMILARITIES = ["inner_product", "cosine", "centred_cosine", "margin", "csls"]
SENTENCES = 30
IDS = [f"dev-{row}" for row in range(SENTENCES)]

# Few values, so that many are equal.
square = st.integers(1, 6).flatmap(lambda size: arrays(float, (size, size), elements=st.integers(0, 3).map(float)))
two_squares = st.integers(1, 6).flatmap(
    lambda size: st.tuples(*[arrays(float, (size, size), elements=st.integers(0, 3).map(float))] * 2)
)


@given(square)
def test_ranks_are_those_of_a_loop_over_queries_in_which_ties_count_against_the_translation(scores):
    ranking = rank(Scores(scores))
    for query, row in enumerate(scores):
        others = [candidate for candidate in range(len(row)) if candidate != query]
        assert ranking.rank[query] == 1 + sum(row[other] >= row[query] for other in others)
        assert ranking.found[query] == (ranking.rank[query] == 1)
        assert ranking.right[query] == row[query]
        if others:
            assert ranking.rival[query] == max(others, key=lambda other: (row[other], -other))
            assert ranking.wrong[query] == max(row[other] for other in others)


@given(two_squares)
def test_the_clearest_gain_has_the_largest_margin_after_the_intervention(scores):
    pre, post = map(rank, map(Scores, scores))
    gained = [query for query in range(len(pre.rank)) if pre.rank[query] > 1 and post.rank[query] == 1]
    margin = {query: post.right[query] - post.wrong[query] for query in gained}
    assert clearest_gain(pre, post) == (max(gained, key=lambda query: (margin[query], -query)) if gained else None)


def test_similarities_are_those_of_other_implementations():
    draw = np.random.default_rng(0)
    queries, candidates = draw.normal(size=(2, 9, 5)).astype(np.float32)
    cosines = 1 - cdist(queries, candidates, "cosine")
    products = [[float(np.dot(query, other)) for other in candidates] for query in queries]
    found = scores_of(queries, candidates, ["inner_product", "cosine", "centred_cosine"])
    assert found["inner_product"].values == pytest.approx(np.array(products), abs=1e-5)
    for name in ("cosine", "centred_cosine"):
        assert found[name].values == pytest.approx(cosines, abs=1e-6)


def text_of(language, row):
    return f"sentence {row} in {language}"


def space(seed):
    """Embeddings [languages, sentences, d] far from the origin, in which some translations are nearest."""
    draw = np.random.default_rng(seed)
    meaning = np.random.default_rng(9).normal(size=(SENTENCES, 6))
    noise = draw.normal(0, 0.9, (len(LANGUAGES), SENTENCES, 6))
    return (2 + meaning + noise).astype(np.float32)


def write_space(path, embeddings, ids=IDS):
    with h5py.File(path, "w") as file:
        for language, values in zip(LANGUAGES, embeddings, strict=True):
            write_part(file.create_group(f"{language}/sentence"), ids, values)


@pytest.fixture
def files(tmp_path):
    write_space(tmp_path / "base.h5", space(0))
    write_space(tmp_path / "es.h5", space(1))
    rows = [(name, lang, "sentence", text_of(lang, row)) for lang in LANGUAGES for row, name in enumerate(IDS)]
    schema.write(tmp_path / "texts.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    site = Site(module="m", width=4, units=[1], parameters={"value": [0.5]})
    es = dict(method="force", units="expert", target="es", pooling="max", k=1, sites=[site])
    write_condition(tmp_path / "es.json", Condition(name="es-expert-max-k1", model="tiny", **es))
    return tmp_path


def run(files, similarity="cosine", **changed):
    spec = {"dataset": "dev", "query": "es", "languages": LANGUAGES, "similarity": similarity}
    paths = {"base": "base.h5", "intervened": "es.h5", "texts": "texts.parquet", "condition": "es.json"}
    options = [f"--{name}={files / path}" for name, path in {**paths, **changed, "examples": "examples.csv"}.items()]
    find_examples.main(["--spec", canonical_json(spec), *options])
    return pd.read_csv(files / "examples.csv")


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_counts_agree_with_the_accuracies_before_and_after(files, similarity):
    table = run(files, similarity).set_index("candidate")
    assert list(table.index) == ["de", "en", "fr"]
    assert (
        set(table["query"]) == {"es"} and set(table["similarity"]) == {similarity} and set(table["dataset"]) == {"dev"}
    )
    assert set(table["condition"]) == {"es-expert-max-k1"}
    counts = ["wrong_to_right", "right_to_wrong", "stayed_right", "stayed_wrong"]
    assert (table[counts].sum(axis=1) == SENTENCES).all() and (table["queries"] == SENTENCES).all()
    assert (table[counts].sum() > 0).all()
    pre, post = (pairwise_top1_accuracy(space(seed), similarity)[LANGUAGES.index("es")] for seed in (0, 1))
    for row, language in enumerate(LANGUAGES):
        if language != "es":
            right = table.loc[language, "stayed_right"]
            assert right + table.loc[language, "right_to_wrong"] == pytest.approx(SENTENCES * pre[row])
            assert right + table.loc[language, "wrong_to_right"] == pytest.approx(SENTENCES * post[row])


def test_an_example_is_the_query_its_translation_and_what_was_found_before(files):
    table = run(files)
    spanish = LANGUAGES.index("es")
    for shown in table.itertuples():
        pre, post = (1 - cdist(space(s)[spanish], space(s)[LANGUAGES.index(shown.candidate)], "cosine") for s in (0, 1))
        query = IDS.index(shown.id)
        found = int(pre[query].argmax())
        assert found != query and post[query].argmax() == query
        assert shown.query_text == text_of("es", query) and shown.right_text == text_of(shown.candidate, query)
        assert shown.pre_text == text_of(shown.candidate, found) and shown.pre_id == IDS[found]
        assert shown.pre_rank == 1 + (pre[query] > pre[query, query]).sum() and shown.post_rank == 1
        after = np.delete(post[query], query)
        measured = [shown.pre_right, shown.pre_wrong, shown.post_right, shown.post_wrong]
        expected = [pre[query, query], pre[query, found], post[query, query], after.max()]
        assert measured == pytest.approx(expected, abs=1e-6)


def test_a_language_in_which_no_query_becomes_right_keeps_its_counts_and_has_no_text(files):
    pre = space(0)
    post = pre.copy()
    post[LANGUAGES.index("de")] = space(1)[LANGUAGES.index("de")]
    write_space(files / "es.h5", post)
    table = run(files).set_index("candidate")
    assert table.loc["de", "id"] in IDS and table.loc["de", "pre_rank"] > 1
    for language in ("en", "fr"):
        assert table.loc[language, ["wrong_to_right", "right_to_wrong"]].tolist() == [0, 0]
        assert table.loc[language, ["stayed_right", "stayed_wrong"]].sum() == SENTENCES
        texts = [
            "id",
            "query_text",
            "pre_id",
            "pre_text",
            "right_text",
            "pre_rank",
            "post_rank",
            "pre_right",
            "post_wrong",
        ]
        assert table.loc[language, texts].isna().all()


def test_centring_undoes_a_shift_of_the_whole_space(files):
    run(files, "centred_cosine")
    once = pd.read_csv(files / "examples.csv")
    write_space(files / "es.h5", space(1) + np.float32(4))
    again = run(files, "centred_cosine")
    numbers = ["post_right", "post_wrong"]
    assert again.drop(columns=numbers).equals(once.drop(columns=numbers))
    assert again[numbers].to_numpy() == pytest.approx(once[numbers].to_numpy(), abs=1e-5)


def test_equal_inputs_give_equal_bytes(files):
    run(files)
    once = (files / "examples.csv").read_bytes()
    run(files)
    assert (files / "examples.csv").read_bytes() == once


def test_spaces_of_different_sentences_are_refused(files):
    write_space(files / "other.h5", space(1), [f"test-{row}" for row in range(SENTENCES)])
    with pytest.raises(StudyError, match="different sentences"):
        run(files, intervened="other.h5")


def test_texts_of_other_sentences_than_were_embedded_are_refused(files):
    texts = pd.read_parquet(files / "texts.parquet")
    schema.write(files / "other.parquet", texts[texts["id"] != "dev-3"])
    with pytest.raises(StudyError, match="other sentences of es"):
        run(files, texts="other.parquet")


def test_languages_that_are_not_parallel_are_refused(files):
    with h5py.File(files / "es.h5", "a") as file:
        del file["fr"]
        write_part(file.create_group("fr/sentence"), IDS[::-1], space(1)[3])
    with pytest.raises(StudyError, match="ids of fr differ from those of es"):
        run(files)
    assert not (files / "examples.csv").exists()
