"""What a run took: counted where work is done, written when the run ends well, read back."""

import threading

import pytest
import torch

from workflow_scripts.jobs.cells import CellStore
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.jobs.usage import Usage, current, measured, read_usage
from workflow_scripts.models import devices


class Clock:
    """A clock that shows what it is set to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_progress_that_counts_tokens_is_time_of_the_model(tmp_path):
    clock = Clock()
    with measured(tmp_path / "logs" / "usage.json"):
        for tokens in (300, 500):
            with Progress("embedding", total=20, unit="sentence", clock=clock) as progress:
                clock.now += 2.0
                progress.advance(20, tokens=tokens)
                with progress.paused():
                    clock.now += 100.0
        with Progress("training", total=1, unit="step", clock=clock) as progress:
            clock.now += 0.5
            progress.advance(1, tokens=7, sequences=3)
        with Progress("ranking", total=9, unit="neuron", clock=clock) as progress:
            clock.now += 50.0
            progress.advance(9)
    expected = Usage(tokens=807, sequences=43, forward_seconds=4.5)
    assert read_usage(tmp_path / "logs" / "usage.json") == expected


def test_progress_outside_of_a_measurement_is_not_counted(tmp_path):
    with Progress("embedding", total=1, unit="sentence") as progress:
        progress.advance(1, tokens=5)
    with measured(tmp_path / "usage.json"):
        pass
    assert read_usage(tmp_path / "usage.json") == Usage()


def test_a_run_within_a_run_has_a_usage_of_its_own(tmp_path):
    with measured(tmp_path / "outer.json"):
        current().passed(1, 1, 1.0)
        with measured(tmp_path / "inner.json"):
            current().passed(2, 2, 2.0)
        current().passed(4, 4, 4.0)
    assert read_usage(tmp_path / "outer.json").tokens == 5
    assert read_usage(tmp_path / "inner.json").tokens == 2


def test_a_run_that_fails_writes_no_usage_and_leaves_none_measured(tmp_path):
    with pytest.raises(RuntimeError), measured(tmp_path / "usage.json") as usage:
        raise RuntimeError
    assert not (tmp_path / "usage.json").exists()
    current().passed(1, 1, 1.0)
    assert usage.tokens == 0


def test_cells_found_in_the_cache_are_counted_and_damaged_ones_are_not(tmp_path):
    store = CellStore(tmp_path / "cache", "kind")

    def compute(file):
        file["values"] = [1.0, 2.0]

    usage = Usage()
    paths = [usage.cell(store, {"language": language}, compute) for language in ("en", "de", "en", "en")]
    assert usage.from_cache == 2
    assert paths[0] == paths[2] == store.get({"language": "en"}, compute)
    paths[1].write_bytes(b"half a file")
    usage.cell(store, {"language": "de"}, compute)
    assert usage.from_cache == 2


def test_a_file_that_is_no_usage_is_refused(tmp_path):
    for text in ("", "{", '{"tokens": -1}', '{"token": 1}'):
        (tmp_path / "usage.json").write_text(text)
        with pytest.raises(StudyError, match=r"usage\.json is not the usage of a run"):
            read_usage(tmp_path / "usage.json")


def test_the_cpu_is_held_by_nobody(tmp_path):
    with measured(tmp_path / "usage.json"), devices.take_device("cpu"):
        pass
    assert read_usage(tmp_path / "usage.json") == Usage()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("wanted", ["auto", "cuda", "cuda:0"])
def test_a_gpu_is_named_and_its_time_and_memory_counted(tmp_path, wanted):
    torch.cuda.reset_peak_memory_stats()
    with measured(tmp_path / "usage.json"), devices.take_device(wanted) as device:
        held = torch.ones(2**20, device=device)
        threading.Event().wait(0.2)
    usage = read_usage(tmp_path / "usage.json")
    assert usage.device == torch.cuda.get_device_name(0)
    assert usage.devices == 1
    assert usage.device_seconds >= 0.2
    assert usage.peak_device_memory_bytes >= held.nbytes
