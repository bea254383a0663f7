"""The harness of the benchmarks: what it records is what it measured, and the page says what was recorded."""

import numpy as np
import pytest

from benchmarks import document, memory, records, study
from benchmarks.growth import exponent
from benchmarks.models import LONGEST, flores_like_lengths, flores_like_texts


def hold(bytes_held: int):
    """Work that holds so much memory, after preparations that hold as much and give it back."""
    np.ones(bytes_held // 8).sum()
    return lambda: np.ones(bytes_held // 8).sum()


def test_a_ratio_is_the_median_over_rounds_of_theirs_over_ours():
    record = records.ratio("work", "a peer", "time", "s", [1.0, 2.0, 4.0], [10.0, 10.0, 10.0], target=6)
    assert (record["ratio"], record["lowest"], record["highest"]) == (5.0, 2.5, 10.0)
    assert not record["reached"]


def test_a_limit_is_reached_at_its_bound():
    assert records.limit("work", 1.0, "s", 1.0)["reached"]
    assert not records.limit("work", 1.1, "s", 1.0)["reached"]


def test_the_exponent_is_the_power_that_values_grow_by():
    sizes = [10, 100, 1000]
    assert exponent(sizes, [3 * size**2 for size in sizes]) == pytest.approx(2)
    assert exponent(sizes, [7.0, 7.0, 7.0]) == pytest.approx(0)


@pytest.mark.parametrize("mebibytes", [64, 256])
def test_peak_memory_is_that_of_the_work_alone(mebibytes):
    assert memory.peak_bytes(hold, mebibytes * 2**20) == pytest.approx(mebibytes * 2**20, rel=0.1)


def test_texts_have_the_tokens_that_their_lengths_say():
    lengths = flores_like_lengths(50, seed=3)
    assert [len(text.split()) for text in flores_like_texts(50, seed=3)] == lengths.tolist()
    assert lengths.max() <= LONGEST


def test_the_page_shows_every_record_and_keeps_what_is_written_by_hand():
    page = "by hand\n<!-- table: ratios -->\nold\n<!-- end -->\nby hand\n<!-- table: growth -->\n<!-- end -->\n"
    page = page.replace("<!-- table: growth -->\n", "<!-- table: growth -->\n\n")
    points = [{"size": 1000, "value": 0.25}, {"size": 2000, "value": 0.5}]
    growth = {"kind": "growth", "what": "walking", "against": "miles", "unit": "s", "points": points, "exponent": 1.0}
    held = [records.ratio("running", "a horse", "time", "s/mile", [0.5], [1.0], target=3, note="uphill"), growth]
    written = document.document(page, {"legs": {"machine_info": {}, "benchmarks": held}})
    assert "| running | a horse | time | 500 ms/mile | 1 s/mile | **2×** | 3×, missed |" in written
    assert "- running: uphill" in written
    assert "| walking | miles | 1,000: 250 ms, 2,000: 500 ms | 1.00 |" in written
    assert written.count("by hand") == 2 and "old" not in written


def test_the_page_of_the_repository_shows_what_was_measured():
    page = document.PAGE.read_text()
    assert document.document(page, document.read_results()) == page


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("bloom-7b1", ("BloomConfig", dict(hidden_size=4096, n_layer=30, n_head=32))),
        (
            "aya-23-8b",
            (
                "CohereConfig",
                dict(
                    hidden_size=4096,
                    intermediate_size=14336,
                    num_hidden_layers=32,
                    num_attention_heads=32,
                    num_key_value_heads=8,
                ),
            ),
        ),
        ("polylm-chat-13b", ("GPT2Config", dict(n_embd=5120, n_layer=40, n_head=40))),
    ],
)
def test_the_parameters_of_the_papers_models_are_those_of_their_architectures(model, config):
    import transformers

    from workflow_scripts.models.loading import backbone_of, empty_model

    name, sizes = config
    architecture = study.ARCHITECTURES[model]
    assert (sizes.get("n_embd", sizes.get("hidden_size"))) == architecture.width
    config = getattr(transformers, name)(vocab_size=architecture.vocabulary, **sizes)
    body = backbone_of(empty_model(config, trust_remote_code=False))
    embeddings = {id(module.weight) for module in body.modules() if type(module).__name__ == "Embedding"}
    counted = sum(weight.numel() for weight in body.parameters() if id(weight) not in embeddings)
    assert counted == pytest.approx(architecture.body, rel=0.005)


def test_the_papers_study_is_counted_stage_by_stage():
    work = {(one.model, one.stage): one for one in study.paper_study()}
    assert len(work) == 3 * 4
    # Six probing languages of 997 sentences; 35 sweeps of 8 × 256 texts; 10 M tokens in strides of 512, each sweep.
    assert work["bloom-7b1", "activations"].sequences == 6 * 997
    assert work["bloom-7b1", "generation"].sequences == 35 * 8 * 256
    whole = {(one.model, one.stage): one for one in study.paper_study(standard_error=None)}
    assert whole["bloom-7b1", "perplexity"].tokens == pytest.approx(35 * 10_000_000 * 2048 / 512)
    assert {key for key in work if work[key] != whole[key]} == {(model, "perplexity") for model in study.ARCHITECTURES}
    # To a standard error of 0.01 as many windows as that takes, and at most a round of a quarter more.
    windows = work["bloom-7b1", "perplexity"].sequences / 35
    assert 0.9 < windows / (study.WINDOW_SPREAD / 0.01) ** 2 < 1.25
