"""UMAP of the space before and after an intervention, from its command line and as a function."""

from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness

from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.measures import project_space
from workflow_scripts.measures.projection import principal_components, project, unit_rows

LANGUAGES = ["th", "de", "en"]
IDS = [f"devtest-{row:03}" for row in range(20)]
COLUMNS = ["model", "condition", "target", "pooling", "units", "k", "seed", "space", "language", "id", "x", "y"]


def clusters(seed, groups=6, points=20, width=16):
    """Groups of directions, float32 [groups, points, width]."""
    draw = np.random.default_rng(seed)
    return (draw.normal(size=(groups, 1, width)) + draw.normal(0, 0.2, (groups, points, width))).astype(np.float32)


def write_space(path, space, ids=IDS):
    with h5py.File(path, "w") as file:
        for language, embeddings in zip(LANGUAGES, space, strict=True):
            write_part(file.create_group(f"{language}/sentence"), ids, embeddings)


@pytest.fixture
def files(tmp_path):
    both = clusters(0)
    write_space(tmp_path / "base.h5", both[:3])
    write_space(tmp_path / "es.h5", both[3:])
    site = Site(module="m", width=4, units=[1], parameters={"value": [0.5]})
    es = Condition(
        **dict(name="es-k1", model="tiny", method="force", units="expert", target="es", pooling="max", k=1),
        sites=[site],
    )
    write_condition(tmp_path / "es.json", es)
    write_condition(tmp_path / "random.json", replace(es, units="random", seed=2))
    return tmp_path


def run(files, *conditions, **changed):
    umap = {"sentences": None, "neighbours": 5, "min_distance": 0.1, "components": None, "seed": 0}
    spec = {"dataset": "devtest", "languages": LANGUAGES, **umap, **changed}
    conditions = conditions or ("es",)
    options = ["--base", files / "base.h5", "--projections", files / "es.parquet"]
    options += ["--intervened", *(files / "es.h5" for _ in conditions)]
    options += ["--conditions", *(files / f"{condition}.json" for condition in conditions)]
    project_space.main(["--spec", canonical_json(spec), *map(str, options)])
    return files / "es.parquet"


def test_every_sentence_has_its_place_before_and_after(files):
    table = pd.read_parquet(run(files))
    assert list(table.columns) == COLUMNS
    expected = [(space, language, row) for space in ("pre", "post") for language in LANGUAGES for row in IDS]
    assert list(table[["space", "language", "id"]].itertuples(index=False, name=None)) == expected
    assert table["x"].dtype == table["y"].dtype == np.float32
    said = table[COLUMNS[:6]].drop_duplicates().to_numpy().tolist()
    assert said == [["tiny", "es-k1", "es", "max", "expert", 1]]
    assert table["seed"].isna().all() and table["seed"].dtype == "Int64"
    assert set(pd.read_parquet(run(files, "random"))["seed"]) == {2}


def test_every_condition_is_projected_as_if_alone(files):
    both = pd.read_parquet(run(files, "es", "random"))
    for condition, units in (("es", "expert"), ("random", "random")):
        alone = pd.read_parquet(run(files, condition))
        pd.testing.assert_frame_equal(both[both["units"] == units].reset_index(drop=True), alone)


def test_places_are_those_of_one_fit_to_both_spaces(files):
    table = pd.read_parquet(run(files))
    points = clusters(0).reshape(-1, 16)
    assert np.array_equal(table[["x", "y"]], project(points, 5, 0.1, 0))
    # Every group of directions, a language in a space, is a group in the plane.
    plane = table.set_index(["space", "language", "id"])[["x", "y"]]
    centres = plane.groupby(["space", "language"]).mean()
    for (space, language, _), place in plane.iterrows():
        assert ((centres - place) ** 2).sum(axis=1).idxmin() == (space, language)


def test_only_the_first_sentences_are_projected_if_asked_for(files):
    table = pd.read_parquet(run(files, sentences=7))
    assert (table.groupby(["space", "language"])["id"].agg(list).map(lambda ids: ids == IDS[:7])).all()
    assert np.array_equal(table[["x", "y"]], project(clusters(0)[:, :7].reshape(-1, 16), 5, 0.1, 0))


def test_the_same_input_gives_the_same_bytes_and_another_seed_others(files):
    first = run(files).read_bytes()
    assert run(files).read_bytes() == first
    assert run(files, seed=1).read_bytes() != first


def test_spaces_of_different_sentences_are_refused(files):
    write_space(files / "es.h5", clusters(1)[:3], ids=IDS[::-1])
    with pytest.raises(StudyError, match="hold different sentences"):
        run(files)
    assert not (files / "es.parquet").exists()


@pytest.mark.parametrize("components", [None, 12])
def test_neighbours_by_cosine_stay_neighbours(components):
    points = clusters(2, groups=10, points=30).reshape(-1, 16)
    lengths = np.random.default_rng(0).uniform(0.1, 10, (300, 1)).astype(np.float32)
    plane = project(points * lengths, 15, 0.1, 0, components)
    assert trustworthiness(points, plane, n_neighbors=10, metric="cosine") > 0.9
    shuffled = np.random.default_rng(1).permutation(plane)
    assert trustworthiness(points, shuffled, n_neighbors=10, metric="cosine") < 0.6


@given(seed=st.integers(0, 2**32 - 1), rank=st.integers(2, 6))
def test_principal_components_keep_the_cosines_of_a_space_of_so_many_dimensions(seed, rank):
    draw = np.random.default_rng(seed)
    points = draw.normal(size=(30, rank)) @ draw.normal(size=(rank, 20)) + 3 * draw.normal(size=rank) @ np.eye(rank, 20)
    directions = unit_rows(points)
    expected = (points @ points.T) / np.outer(*[np.sqrt((points**2).sum(axis=1))] * 2)
    reduced = unit_rows(principal_components(directions, 2 * rank, 0))
    assert reduced.shape == (30, 2 * rank)
    assert reduced @ reduced.T == pytest.approx(expected, abs=1e-5)


def test_there_are_no_more_principal_components_than_dimensions():
    directions = unit_rows(clusters(3).reshape(-1, 16))
    assert principal_components(directions, 16, 0) is directions


def test_unit_rows_have_length_one_save_zeros():
    rows = unit_rows(np.array([[3, 4], [0, 0], [-1e-10, 0]], dtype=np.float32))
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0, 0], [-1, 0]]))


@pytest.mark.parametrize(("points", "neighbours", "least"), [(15, 15, 16), (3, 2, 4)])
def test_too_few_sentences_are_refused(points, neighbours, least):
    embeddings = clusters(4, groups=1)[0]
    with pytest.raises(StudyError, match=f"at least {least} sentences"):
        project(embeddings[:points], neighbours, 0.1, 0)
    assert project(embeddings[:least], neighbours, 0.1, 0).shape == (least, 2)


@pytest.mark.parametrize("embeddings", [np.zeros((30, 4)), np.ones((30, 4))], ids=["zero", "equal"])
def test_a_space_of_one_point_is_refused(embeddings):
    with pytest.raises(StudyError, match="the same embedding"):
        project(embeddings.astype(np.float32), 15, 0.1, 0)


@pytest.mark.parametrize(
    "embeddings",
    [
        np.tile(clusters(5)[0], (2, 1)),
        np.repeat(clusters(5)[0, :2], 30, axis=0),
        np.concatenate([np.zeros((30, 16)), clusters(5)[0]]),
        1 + 1e-6 * clusters(5)[0],
        clusters(5).reshape(-1, 16) + 50 * np.repeat(np.eye(6, 16), 20, axis=0),
    ],
    ids=["post equals pre", "two points", "zeros", "one place but for rounding", "no path between groups"],
)
def test_odd_spaces_are_projected_without_a_warning(embeddings, recwarn):
    plane = project(embeddings.astype(np.float32), 5, 0.1, 0)
    assert plane.shape == (len(embeddings), 2) and np.isfinite(plane).all()
    assert not recwarn.list
