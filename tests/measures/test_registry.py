"""What is registered is found, chosen and documented by being there."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from workflow_scripts.config.sections import MetricsSection
from workflow_scripts.config.settings import Similarity
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures import document, registry
from workflow_scripts.measures.effects import EFFECTS
from workflow_scripts.measures.measure_space import Spec, aligned

ROOT = Path(__file__).parents[2]
SPEC = Spec(dataset="dev", languages=["de", "en", "es"], layers=["last"], similarities=["cosine"])


def space():
    draw = np.random.default_rng(0)
    return (draw.normal(size=(12, 5)) + draw.normal(0, 0.5, (3, 12, 5))).astype(np.float32)


@pytest.fixture
def another(monkeypatch):
    """Registers a distance, a similarity and a measure for one test."""
    registry.distances(), registry.similarities(), registry.measures()
    for name in ("_distances", "_similarities", "_measures"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))
    registry.distance("chord", "length of the chord")(lambda embeddings: np.zeros((3, 3)))
    registry.similarity("half", "half the cosine")(lambda cosines, error: (cosines / 2, error / 2))
    registry.measure("first", "first number", of="space")(lambda embeddings: embeddings[0, 0, 0])


def test_what_is_added_is_a_choice_of_the_config_a_row_and_an_entry_of_the_docs(another):
    chosen = MetricsSection(similarities=["half"], shown_similarity="half", shown_distance="chord")
    assert (chosen.shown_similarity, chosen.shown_distance) == ("half", "chord")
    assert "half" in TypeAdapter(Similarity).json_schema()["enum"]
    rows, counted = aligned("post", space(), SPEC.model_copy(update={"similarities": ["half"]}))
    first = {row["centring"]: row["value"] for row in rows if row["measure"] == "first"}
    assert first["none"] == space()[0, 0, 0] and set(first) == {"none", "all", "language"}
    by_cosine = [row for row in rows if row["measure"] == "cosine_accuracy" and row["centring"] == "none"]
    by_half = [row for row in rows if row["measure"] == "half_accuracy" and row["centring"] == "none"]
    assert [row["value"] for row in by_half] == [row["value"] for row in by_cosine]
    assert counted["half"][0, 1].mean() == by_half[0]["value"]
    for line in ("| `chord` | length of the chord |", "| `half` | half the cosine |", "| `first` | first number |"):
        assert line in document.description()


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValidationError, match=r"is none of inner_product, cosine, centred_cosine, margin, csls"):
        MetricsSection(similarities=["euclid"])
    with pytest.raises(ValidationError, match=r"is none of sentence, language_means, centroid"):
        MetricsSection(shown_medoid="middle")


def test_two_measures_of_one_name_are_refused(another):
    with pytest.raises(ValueError, match="two measures are called chord"):
        registry.distance("chord", "")(lambda embeddings: embeddings)


def test_what_a_constant_can_change_is_told_by_adding_one():
    embeddings = space().astype(np.float64)
    moved = embeddings + np.linspace(1, 3, 5)
    for name, each in registry.measures().items():
        before, after = each.compute(embeddings), each.compute(moved)
        assert np.allclose(before, after, equal_nan=True) != each.moves, name


def test_every_effect_is_measured():
    measured = {*registry.measures(), *registry.ranking_measures("none")}
    assert {effect.measure for effect in EFFECTS.values() if effect.over != "paraphrase"} <= measured


def test_the_docs_are_up_to_date():
    assert (ROOT / "docs" / document.DESCRIPTION).read_text() == document.description()


def test_measures_refuse_embeddings_without_direction():
    embeddings = space()
    embeddings[1, 3] = 0
    with pytest.raises(StudyError, match="is zero"):
        aligned("post", embeddings, SPEC)
