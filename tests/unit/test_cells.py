"""The store of finished languages: computed once, found again, computed anew when damaged."""

import h5py
import numpy as np
import pytest

from workflow_scripts.lib.cells import CellStore


@pytest.fixture
def store(tmp_path):
    return CellStore(tmp_path, "embeddings")


def fill(calls, value=1.0):
    def compute(file):
        calls.append(value)
        file.create_dataset("values", data=np.full((100, 8), value), chunks=(10, 8), fletcher32=True)

    return compute


def test_a_cell_is_computed_once(store):
    calls = []
    first = store.get({"language": "es", "texts": "a"}, fill(calls))
    second = store.get({"texts": "a", "language": "es"}, fill(calls))
    assert first == second
    assert len(calls) == 1


def test_another_key_is_another_cell(store):
    calls = []
    assert store.get({"language": "es"}, fill(calls)) != store.get({"language": "de"}, fill(calls))
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_cell_is_computed_again(store, damage):
    calls = []
    path = store.get({"language": "es"}, fill(calls))
    whole = path.read_bytes()
    with h5py.File(path) as file:
        block = file["values"].id.get_chunk_info(3)
    damaged = bytearray(whole)
    damaged[block.byte_offset + 5] ^= 0x10
    path.write_bytes({"truncated": whole[:-200], "flipped": bytes(damaged), "empty": b""}[damage])
    assert store.get({"language": "es"}, fill(calls)) == path
    assert len(calls) == 2
    with h5py.File(path) as file:
        assert (file["values"][:] == 1.0).all()


def test_a_failed_computation_leaves_nothing(store, tmp_path):
    def fail(file):
        file["half"] = [1, 2]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        store.get({"language": "es"}, fail)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["locks"]
