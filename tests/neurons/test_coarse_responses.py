"""Responses that float16 coarsens are told of, neuron by neuron."""

import h5py
import numpy as np
import pytest

from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons.activation_files import ResponseWriter
from workflow_scripts.neurons.ranking import COARSE, rank, steps_of


def drawn():
    """A neuron around 0, one around 206, a dead one, one that is constant after rounding, one that is near 0."""
    draw = np.random.default_rng(0)
    columns = [draw.normal(size=600), draw.normal(206, 0.75, 600), np.zeros(600), draw.normal(2000, 0.01, 600)]
    return np.stack([*columns, draw.normal(scale=1e-3, size=600)], axis=1).astype(np.float32)


def test_steps_are_those_between_neighbouring_numbers_over_the_spread():
    exact = drawn()
    stored = exact.astype(np.float16)
    steps = steps_of(stored)
    step = float(np.diff(np.unique(stored[:, 1])).min())
    assert steps[1] == pytest.approx(step / exact[:, 1].std(), rel=0.1)
    assert len(np.unique(stored[:, 1])) < 40 < 590 < len(np.unique(exact[:, 1]))
    assert (steps > COARSE).tolist() == [False, True, False, True, False]
    assert not (steps_of(exact)[[0, 1, 2, 4]] > COARSE).any()


@pytest.mark.parametrize(("storage", "told"), [("float16", True), ("float32", False)])
def test_a_ranking_tells_which_neurons_they_are(tmp_path, caplog, storage, told):
    exact = drawn()[:, [0, 1, 2, 4, 1]]
    with h5py.File(tmp_path / "responses.h5", "w") as file:
        for code, rows in {"de": exact[:300], "es": exact[300:]}.items():
            cell = file.create_group(f"cell/{code}")
            with ResponseWriter(cell, ["max"], *rows.shape, storage) as writer:
                writer.append({"max": rows.astype(storage)})
                writer.finish()
            file[f"max/{code}"] = cell["max"]
            file[f"tokens/{code}"] = np.ones(300, dtype=np.int32)
    sites = [NeuronSite(module=name, layer=0, width=width, offset=offset) for name, width, offset in SITES]
    with caplog.at_level("WARNING"):
        rank(tmp_path / "responses.h5", tmp_path / "experts.h5", sites, ["de", "es"])
    assert ("2 of 5 neurons have responses that are large beside their spread" in caplog.text) == told
    assert ("most of all up 1, down 2; their" in caplog.text) == told


SITES = [("up", 2, 0), ("down", 3, 2)]
