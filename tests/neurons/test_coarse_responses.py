"""Responses that float16 would coarsen are kept in float32, too, and ranked by that."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from workflow_scripts.conditions.units import read_responses
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons import activation_files, extraction
from workflow_scripts.neurons.activation_files import copy_language
from workflow_scripts.neurons.expert_files import read_language
from workflow_scripts.neurons.extraction import coarsened_units, record
from workflow_scripts.neurons.ranking import rank

COARSE = [1, 6]  # of the neurons below


def drawn(seed=0, sentences=300, shift=0.0):
    """Neurons around 0, around 206, dead, constant but for rounding, near 0, of bfloat16 around 206, around −3,000."""
    draw = np.random.default_rng(seed)
    columns = [draw.normal(shift, 1, sentences), draw.normal(206 + shift, 0.75, sentences), np.zeros(sentences)]
    columns += [draw.normal(2000.3, 0.01, sentences), draw.normal(scale=1e-3, size=sentences)]
    narrow = torch.tensor(draw.normal(206, 0.75, sentences)).bfloat16().double().numpy()
    return np.stack([*columns, narrow, draw.normal(-3000 - shift, 20, sentences)], axis=1).astype(np.float32)


def test_the_units_are_those_that_float16_leaves_few_numbers():
    responses = drawn()
    assert coarsened_units(torch.tensor(responses)).tolist() == COARSE
    stored = responses.astype(np.float16)
    assert len(np.unique(stored[:, 1])) < 40 < 290 < len(np.unique(responses[:, 1]))


class Recorder:
    """Stands in for a model's responses, a sentence after the other."""

    responses: np.ndarray

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def forward(self, batch):
        return dict.fromkeys(["max", "mean"], torch.tensor(self.responses[batch.rows]))


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Records what is drawn in a storage and ranks it: files of responses and of experts."""
    monkeypatch.setattr(extraction, "ResponseRecorder", Recorder)
    monkeypatch.setattr(activation_files, "CHUNK", (50, 4))

    def recorded(storage, drawn_by_language):
        sites = [NeuronSite(module="up", layer=0, width=7, offset=0)]
        path = tmp_path / f"{storage}.h5"
        with h5py.File(path, "w") as file:
            for code, responses in drawn_by_language.items():
                Recorder.responses = responses
                model = SimpleNamespace(
                    manifest=SimpleNamespace(neurons=7, sites=sites),
                    encode=lambda texts, *_: [[1, 2, place] for place in range(len(texts))],
                    device=torch.device("cpu"),
                    pad_id=0,
                )
                with h5py.File(tmp_path / "cell.h5", "w") as cell:
                    record(cell, model, ["x"] * len(responses), ["max", "mean"], 20, storage, 30, code)
                copy_language(tmp_path / "cell.h5", file, code)
        rank(path, tmp_path / f"experts-{storage}.h5", sites, list(drawn_by_language), token_mean=True)
        return path, tmp_path / f"experts-{storage}.h5"

    return recorded


def test_the_ranking_is_that_of_float32_where_float16_would_coarsen(recorded):
    by_language = {"de": drawn(0), "es": drawn(1, shift=0.3), "ja": drawn(2, sentences=20, shift=0.1)}
    (halves, ranked), (whole, expected) = (recorded(storage, by_language) for storage in ("float16", "float32"))
    with h5py.File(halves) as file:
        assert file["max/es"].dtype == "float16"
        assert file["max_exact_units/es"][:].tolist() == COARSE
        np.testing.assert_array_equal(file["max_exact/es"][:], by_language["es"][file["row/es"][:]][:, COARSE])
    with h5py.File(whole) as file:
        assert "max_exact" not in file
    for code in by_language:
        found, right = read_language(ranked, code).statistics, read_language(expected, code).statistics
        for name in ("expertise", "gap", "mean", "median", "token_mean"):
            np.testing.assert_array_equal(found[name][COARSE], right[name][COARSE])
        np.testing.assert_allclose(found["expertise"][[0, 4]], right["expertise"][[0, 4]], atol=2e-4)


def test_what_conditions_are_made_of_is_exact_where_it_is_known(recorded):
    by_language = {"de": drawn(0), "es": drawn(1, shift=0.3)}
    path, _ = recorded("float16", by_language)
    of_target, others = read_responses(path, "max", list(by_language), "es", np.array([0, 1, 5, 6]))
    with h5py.File(path) as file:
        rows = {code: file[f"row/{code}"][:] for code in by_language}
    for found, code in ((of_target, "es"), (others, "de")):
        np.testing.assert_array_equal(found[:, [1, 3]], by_language[code][rows[code]][:, COARSE])
        np.testing.assert_array_equal(found[:, 0], by_language[code][rows[code]][:, 0].astype(np.float16))
