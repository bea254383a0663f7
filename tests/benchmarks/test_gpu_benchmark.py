"""The benchmark for a GPU: all of it runs on the CPU, in little, with what a machine with a card has."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, BloomConfig

from benchmarks import study
from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu.bench import SMALL, make_bench
from benchmarks.gpu.bloom import fused
from benchmarks.gpu.measurements import MEASUREMENTS
from benchmarks.gpu.peers import assert_as_probable, assert_same_directions
from benchmarks.gpu.ranking import rank_on_device
from benchmarks.gpu.study import FLOP, PUBLISHED_HOURS, study_hours
from benchmarks.models import flores_like_lengths

ROOT = Path(__file__).parents[2]
# Packages of the workflow's environment that are not among those which torch, transformers, numpy and h5py bring.
ABSENT = ["matplotlib", "numba", "pandas", "pyarrow", "pydantic", "scipy", "sklearn", "snakemake", "umap"]
WITHOUT = f"""
import runpy, sys
for name in {ABSENT}:
    sys.modules[name] = None
import workflow_scripts.jobs.cells, workflow_scripts.models.devices
runpy.run_module("benchmarks.gpu", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def bench():
    return make_bench("tiny", SMALL, "cpu")


def test_every_measurement_is_made_with_four_packages_alone(tmp_path):
    command = [sys.executable, "-c", WITHOUT, "--small", "--device", "cpu"]
    command += ["--output", str(tmp_path / "gpu.json")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["machine_info"]["torch"] == torch.__version__
    assert [record for record in found["benchmarks"] if record["kind"] == "error"] == []
    # BLOOM has one kind of attention, so nothing to compare.
    assert {record["name"] for record in found["benchmarks"]} == {
        measure.__name__ for measure in MEASUREMENTS if measure.__name__ != "attention_kernels"
    }


def test_a_measurement_that_fails_is_recorded_and_keeps_what_came_before(tmp_path, bench, capsys):
    def fails(bench):
        """What fails."""
        yield {"kind": "rate", "what": "walking", "per_second": 1.0, "unit": "mile"}
        raise RuntimeError("out of breath")

    def works(bench):
        yield {"kind": "rate", "what": "resting", "per_second": 2.0, "unit": "bench"}

    report = gpu.Report(tmp_path / "results" / "gpu.json", {"device": "legs"})
    report.run(fails, bench)
    report.run(works, bench)
    held = json.loads((tmp_path / "results" / "gpu.json").read_text())["benchmarks"]
    assert [record["what"] for record in held] == ["walking", "What fails.", "resting"]
    assert held[1]["error"] == "RuntimeError: out of breath"
    assert "FAILED: RuntimeError: out of breath" in capsys.readouterr().out


def test_no_measurement_begins_when_the_time_is_over(tmp_path, capsys):
    gpu.main(["--small", "--device", "cpu", "--minutes", "0", "--output", str(tmp_path / "gpu.json")])
    assert not (tmp_path / "gpu.json").exists()
    assert "no time is left for embeddings" in capsys.readouterr().out


def test_operations_are_those_that_torch_counts(bench):
    lengths = [40, 40, 40]
    token_ids = torch.zeros(3, 40, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        bench.model.backbone(token_ids)
    # torch counts all of attention, we the half that is needed; one sequence of n tokens has twice that of two of n/2.
    attention = (bench.flop([40]) - bench.flop([20, 20])) * 2 * len(lengths)
    assert bench.flop(lengths) + attention == pytest.approx(counter.get_total_flops(), rel=0.02)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        bench.model.model(token_ids)
    assert bench.flop(lengths, head=120) + attention == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_the_study_is_as_large_as_its_config_says():
    counted = {model: {} for model in FLOP}
    for work in study.paper_study():
        counted[work.model][work.stage] = pytest.approx(work.flop, rel=0.01)
    assert counted == FLOP
    assert study.PUBLISHED_HOURS == PUBLISHED_HOURS


def test_hours_are_operations_over_their_rates():
    rates = {"activations": 1e14, "embeddings": 2e14, "generation": 3e14, "perplexity": 4e14}
    hours = study_hours(rates)["bloom-7b1"]
    assert sum(hours[stage] * 3600 * rates[stage] for stage in rates) == pytest.approx(sum(FLOP["bloom-7b1"].values()))


@given(
    data=st.data(),
    counts=st.lists(st.integers(1, 7), min_size=2, max_size=4),
    neurons=st.integers(1, 9),
    dtype=st.sampled_from(["float16", "float32"]),
)
def test_ranking_on_a_device_is_that_of_scipy(data, counts, neurons, dtype):
    values = st.sampled_from([-2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, 100.0])  # ties, and both zeros
    responses = data.draw(arrays(dtype, (sum(counts), neurons), elements=values))
    found = rank_on_device(responses, counts, torch.device("cpu"), block=4)
    bounds = np.cumsum([0, *counts])
    for language, (start, stop) in enumerate(pairwise(bounds)):
        for neuron in range(neurons):
            row = responses[:, neuron].astype(float)
            own, size = row[start:stop], stop - start
            others = np.delete(row, slice(start, stop))
            wins = rankdata(row)[start:stop].sum() - size * (size + 1) / 2
            gap = (own.mean() - others.mean()) / row.std() if row.std() else 0.0
            expected = {"gap": gap, "mean": own.mean(), "median": np.median(own)}
            expected["expertise"] = wins / (size * len(others))
            for name, value in expected.items():
                assert found[name][language, neuron] == pytest.approx(value, abs=1e-12), name


def test_other_embeddings_and_less_probable_sentences_are_told_apart(bench):
    embeddings = bench.embed()
    assert len(embeddings) == SMALL.sentences and bench.tokens == flores_like_lengths(SMALL.sentences).sum()
    assert_same_directions(embeddings, 2 * embeddings)
    with pytest.raises(AssertionError):
        assert_same_directions(embeddings, np.roll(embeddings, 1, axis=0))
    drawn = np.random.default_rng(0).normal(3.0, 0.1, (2, 100))
    assert_as_probable(*drawn, list(zip(*drawn[:, ::-1], strict=True)))
    with pytest.raises(AssertionError):
        assert_as_probable(*drawn, list(zip(*(drawn + 0.2), strict=True)))
    with pytest.raises(AssertionError):
        assert_as_probable(*drawn, list(zip(*drawn[:, 1:], strict=True)))


@pytest.mark.parametrize("heads", [4, 6])  # slopes of powers of two, and not
def test_bloom_by_torchs_kernels_gives_what_transformers_gives(heads):
    config = BloomConfig(vocab_size=50, hidden_size=8 * heads, n_layer=2, n_head=heads)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    token_ids, lengths = torch.randint(50, (3, 17)), torch.tensor([17, 9, 1])
    mask = (torch.arange(17) < lengths[:, None]).long()

    def outputs():
        with torch.inference_mode():
            whole = model(token_ids, attention_mask=mask).logits[mask.bool()]
            past = model(token_ids[:, :5]).past_key_values
            return whole, model(token_ids[:, 5:6], past_key_values=past).logits

    expected = outputs()
    with fused(model):
        found = outputs()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
        assert not torch.equal(one, other)
    for one, other in zip(outputs(), expected, strict=True):
        assert torch.equal(one, other)
