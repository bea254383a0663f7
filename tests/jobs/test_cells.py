"""The store of finished languages: computed once, found again, computed anew when damaged."""

import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from workflow_scripts.jobs import cells
from workflow_scripts.jobs.cells import CellStore

ROOT = Path(__file__).parents[2]


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


COMPUTING = """
import sys
from workflow_scripts.jobs.cells import CellStore

def compute(file):
    print("computing", flush=True)
    sys.stdin.readline()
    file["values"] = [1, 2]

CellStore(sys.argv[1], "embeddings").get({"language": "es"}, compute)
print("done", flush=True)
"""


@pytest.fixture
def computing(tmp_path):
    """Another process, in the middle of computing a cell until it is sent a line."""
    command = [sys.executable, "-c", COMPUTING, tmp_path]
    running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "computing\n"
    yield running
    running.kill()
    running.wait()


def test_a_cell_that_another_job_computes_is_waited_for_and_found(store, computing, caplog):
    calls = []
    with caplog.at_level("INFO"), ThreadPoolExecutor(1) as thread:
        path = thread.submit(store.get, {"language": "es"}, fill(calls))
        with pytest.raises(TimeoutError):
            path.result(timeout=0.3)
        computing.stdin.write("\n")
        computing.stdin.close()
        found = path.result(timeout=60)
    assert calls == []
    assert [record.message.split(":")[0] for record in caplog.records] == [
        f"another job is at work on {found}",
        "found in the cache",
    ]


def test_what_a_killed_job_left_of_a_cell_is_removed_and_the_cell_computed(store, computing, tmp_path):
    computing.kill()
    computing.wait()
    assert len(list(tmp_path.rglob("*.partial*"))) == 1
    calls = []
    path = store.get({"language": "es"}, fill(calls))
    assert len(calls) == 1
    assert list(tmp_path.rglob("*.h5")) == [path]


def test_a_whole_cell_is_read_through_once(store, monkeypatch):
    read = []
    real = cells._is_whole
    monkeypatch.setattr(cells, "_is_whole", lambda path: read.append(path) or real(path))
    path = store.get({"language": "es"}, fill([]))
    assert read == []
    store.get({"language": "es"}, fill([]))
    assert read == [path]
    path.write_bytes(b"")
    store.get({"language": "es"}, fill([]))
    assert read == [path] * 2


def test_cells_that_are_computed_together_are_reserved_together(store, tmp_path):
    keys = [{"language": "es"}, {"language": "de"}]
    with store.reserved(keys):
        store.get(keys[1], fill([]))
        command = [sys.executable, "-c", COMPUTING, tmp_path]
        other = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert not select.select([other.stdout], [], [], 1)[0]  # it waits for the first, which is not there yet
        store.get(keys[0], fill([]))
    assert other.communicate(timeout=60)[0] == "done\n"
