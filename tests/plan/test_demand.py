"""What jobs ask of a cluster: by the size of the model, more at each attempt."""

from pathlib import Path

import pytest

from workflow_scripts.config.models import ModelConfig
from workflow_scripts.jobs.stages import find_stages
from workflow_scripts.plan import demand
from workflow_scripts.plan.demand import SLOWER_STAGES, memory, minutes


def model(**options) -> ModelConfig:
    return ModelConfig(label="", k=1, **{"path": "somewhere", **options})


BLOOM = model(billion_parameters=7.1, dtype="bfloat16")
POLYLM = model(billion_parameters=13, dtype="bfloat16")


def test_there_is_room_for_the_weights_and_not_many_times_as_much():
    for each, weights in ((BLOOM, 14_200), (POLYLM, 26_000), (model(billion_parameters=7.1), 28_400)):
        assert weights < memory(each, 1) < 2 * weights


@pytest.mark.parametrize("stage", ["record_responses", "embed_sentences_2", "generate_texts", "measure_perplexity"])
def test_each_attempt_asks_for_more(stage):
    assert [memory(BLOOM, attempt) for attempt in (2, 3)] == [2 * memory(BLOOM, 1), 3 * memory(BLOOM, 1)]
    # No more than a day, after which clusters end jobs.
    first, second, tenth = (minutes(BLOOM, "cuda", stage, attempt) for attempt in (1, 2, 10))
    assert first < second <= 24 * 60
    assert second <= tenth <= 24 * 60


def test_a_larger_model_a_cpu_and_perplexity_take_longer():
    usual = minutes(BLOOM, "auto", "embed_sentences", 1)
    assert minutes(POLYLM, "auto", "embed_sentences", 1) > usual
    assert minutes(BLOOM, "cpu", "embed_sentences", 1) > usual
    assert minutes(BLOOM, "auto", "measure_perplexity", 1) > usual


def test_perplexity_to_a_precision_asks_for_less_than_that_of_the_whole_text():
    whole = minutes(BLOOM, "auto", "measure_perplexity", 1)
    assert minutes(BLOOM, "auto", "measure_perplexity", 1, to_a_precision=True) < whole / 2
    usual = minutes(BLOOM, "auto", "embed_sentences", 1)
    assert minutes(BLOOM, "auto", "embed_sentences", 1, to_a_precision=True) == usual


def test_stages_that_take_longer_are_stages():
    named = SLOWER_STAGES.keys() | demand.MINUTES_TO_A_PRECISION.keys()
    assert named <= find_stages(Path(demand.__file__).parents[1]).keys()


def test_an_unknown_size_is_taken_to_be_large_and_a_trained_models_is_known():
    assert memory(model(), 1) > memory(model(billion_parameters=1), 1)
    trained = model(path=None, train={"dataset": "a", "held_out": "b", "languages": ["en"], "vocabulary": 1000})
    assert memory(trained, 1) < 4100
    # Twelve matrices of the square of the width a layer, and the embeddings of tokens.
    assert trained.billions * 1e9 == 4 * 12 * 128**2 + 1000 * 128
