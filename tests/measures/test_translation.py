"""Retrieval of translations on small real files, from the stage's command line; parts that stay on disk."""

import h5py
import numpy as np
import pandas as pd
import pytest

from workflow_scripts.embeddings.embedding_files import open_part, write_part
from workflow_scripts.interventions.conditions import Condition, write_condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.measures import retrieve_translations

LEADING = ["model", "condition", "method", "units", "target", "pooling", "k", "seed", "dataset"]
SIMILARITIES = ["inner_product", "cosine", "centred_cosine", "margin"]


def write(path, language, part, ids, embeddings):
    with h5py.File(path, "a") as file:
        write_part(file.create_group(f"{language}/{part}"), ids, embeddings)


def sentences(seed, count, noise):
    """Embeddings of sentences and of their translations, [count, 5] each."""
    draw = np.random.default_rng(seed)
    source = draw.normal(0.3, 1, (count, 5))
    return source.astype(np.float32), (source + draw.normal(0, noise, (count, 5))).astype(np.float32)


@pytest.fixture
def tatoeba(tmp_path):
    """Embeddings of German and Japanese sentences and their translations."""
    for seed, (language, count) in enumerate([("de", 30), ("ja", 20)]):
        for part, embeddings in zip(("source", "target"), sentences(seed, count, 0.5), strict=True):
            write(tmp_path / "tatoeba.h5", language, part, [f"test-{row}" for row in range(count)], embeddings)
    return tmp_path / "tatoeba.h5"


@pytest.fixture
def bucc(tmp_path):
    """Embeddings of 15 queries in the order of their ids backwards, and of 40 English sentences."""
    source, target = sentences(2, 15, 0.5)
    others = np.random.default_rng(3).normal(0.3, 1, (25, 5))
    write(tmp_path / "bucc.h5", "de", "query", [f"en-{row:02}" for row in range(15)][::-1], source[::-1])
    order = np.random.default_rng(4).permutation(40)
    ids = np.array([f"en-{row:02}" for row in range(40)])[order]
    write(tmp_path / "bucc.h5", "de", "candidates", list(ids), np.concatenate([target, others])[order])
    return tmp_path / "bucc.h5"


def run(embeddings, task, languages, similarities=("cosine",)):
    """The stage's CSV, for the unintervened model."""
    folder = embeddings.parent
    write_condition(folder / "base.json", Condition(name="base", model="tiny"))
    spec = {"dataset": "mine", "task": task, "languages": languages, "similarities": list(similarities)}
    files = ["--embeddings", str(embeddings), "--condition", str(folder / "base.json")]
    retrieve_translations.main(
        ["--spec", canonical_json(spec), *files, "--translation", str(folder / "translation.csv")]
    )
    return pd.read_csv(folder / "translation.csv")


def stored(path, language, part):
    with h5py.File(path) as file:
        ids = [identifier.decode() for identifier in file[f"{language}/{part}/ids"]]
        return ids, file[f"{language}/{part}/embeddings"][:].astype(float)


def nearest(query, candidates, similarity):
    """Number of the candidate nearest to a query by inner product or cosine."""
    scores = candidates @ query
    return np.argmax(scores if similarity == "inner_product" else scores / np.linalg.norm(candidates, axis=1))


def test_translations_are_sought_in_both_directions(tatoeba):
    table = run(tatoeba, "translation", ["ja", "de"], SIMILARITIES)
    columns = ["similarity", "language", "direction", "queries", "candidates", "accuracy"]
    assert list(table.columns) == [*LEADING, *columns]
    assert (table["dataset"] == "mine").all()
    assert len(table) == 4 * 2 * 2
    table = table.set_index(["similarity", "language", "direction"])
    assert (table.loc[("margin", "ja", "to_english")][["queries", "candidates"]] == 20).all()
    seen = set()
    for similarity in ("inner_product", "cosine"):
        for language in ("de", "ja"):
            source, target = (stored(tatoeba, language, part)[1] for part in ("source", "target"))
            for direction, queries, candidates in [("to_english", source, target), ("from_english", target, source)]:
                right = [nearest(query, candidates, similarity) == row for row, query in enumerate(queries)]
                assert table.loc[(similarity, language, direction), "accuracy"] == pytest.approx(np.mean(right))
                seen.add(np.mean(right))
    assert len(seen) > 4


@pytest.mark.parametrize("similarity", ["inner_product", "cosine"])
def test_the_english_sentence_of_the_query_s_id_is_sought_among_all(bucc, similarity):
    table = run(bucc, "mining", ["de"], [similarity])
    (query_ids, queries), (candidate_ids, candidates) = (stored(bucc, "de", part) for part in ("query", "candidates"))
    found = [candidate_ids[nearest(query, candidates, similarity)] for query in queries]
    right = [identifier == wanted for identifier, wanted in zip(found, query_ids, strict=True)]
    assert 0 < np.mean(right) < 1
    row = table.iloc[0]
    assert len(table) == 1
    assert (row["direction"], row["queries"], row["candidates"]) == ("to_english", 15, 40)
    assert row["accuracy"] == pytest.approx(np.mean(right))


def test_the_same_input_gives_the_same_bytes(bucc):
    run(bucc, "mining", ["de"], SIMILARITIES)
    before = (bucc.parent / "translation.csv").read_bytes()
    run(bucc, "mining", ["de"], SIMILARITIES)
    assert (bucc.parent / "translation.csv").read_bytes() == before


def test_translations_with_other_ids_are_refused(tatoeba):
    with h5py.File(tatoeba, "a") as file:
        file["ja/target/ids"][3] = "test-99"
    with pytest.raises(StudyError, match="ja has other ids in source than in target"):
        run(tatoeba, "translation", ["de", "ja"])


def test_a_query_without_a_candidate_is_refused(bucc):
    with h5py.File(bucc, "a") as file:
        file["de/query/ids"][0] = "en-99"
    with pytest.raises(StudyError, match="no candidate has the id en-99"):
        run(bucc, "mining", ["de"])


def test_a_language_without_embeddings_is_named(bucc):
    with pytest.raises(StudyError, match="no embeddings of fr/query"):
        run(bucc, "mining", ["fr"])


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_candidates_that_are_not_finite_are_refused(bucc, similarity):
    with h5py.File(bucc, "a") as file:
        file["de/candidates/embeddings"][33, 2] = np.inf
    with pytest.raises(StudyError, match="NaN or infinite embeddings of de/candidates"):
        run(bucc, "mining", ["de"], [similarity])
    assert not (bucc.parent / "translation.csv").exists()


def test_an_open_part_reads_the_rows_that_are_asked_for(bucc):
    ids, embeddings = stored(bucc, "de", "candidates")
    with open_part(bucc, "de", "candidates") as (opened_ids, opened):
        assert opened_ids == ids
        assert opened.shape == (40, 5)
        np.testing.assert_array_equal(opened[7:11], embeddings[7:11])


def test_a_part_damaged_after_its_first_block_is_refused_when_that_is_read(tmp_path):
    path = tmp_path / "embeddings.h5"
    embeddings = np.random.default_rng(0).normal(size=(3000, 256))
    write(path, "de", "candidates", [str(row) for row in range(3000)], embeddings)
    with h5py.File(path) as file:
        block = file["de/candidates/embeddings"].id.get_chunk_info(2)
    whole = bytearray(path.read_bytes())
    whole[block.byte_offset + 5] ^= 1
    path.write_bytes(bytes(whole))
    with open_part(path, "de", "candidates") as (_, opened):
        np.testing.assert_array_equal(opened[:1000], embeddings[:1000].astype(np.float32))
        with pytest.raises(StudyError, match="is damaged"):
            opened[2000:]
