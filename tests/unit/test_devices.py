"""Devices are shared by lock, and asked-for devices that are not there are refused."""

import threading
import time

import pytest

from workflow_scripts.lib import devices
from workflow_scripts.lib.errors import StudyError

CARDS = {"cuda:0": "card-a", "cuda:1": "card-b"}


def test_two_jobs_take_two_cards_and_a_third_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "SECONDS_BETWEEN_TRIES", 0.02)
    with devices.take_free(CARDS, tmp_path) as first:
        got = []
        with devices.take_free(CARDS, tmp_path) as second:
            assert {first, second} == set(CARDS)

            def third():
                with devices.take_free(CARDS, tmp_path) as device:
                    got.append(device)

            waiting = threading.Thread(target=third)
            waiting.start()
            time.sleep(0.1)
            assert got == []
        waiting.join(timeout=10)
    assert got == [second]


def test_a_card_is_free_again_after_a_failure(tmp_path):
    with pytest.raises(RuntimeError), devices.take_free({"cuda:0": "card-a"}, tmp_path):
        raise RuntimeError
    with devices.take_free({"cuda:0": "card-a"}, tmp_path) as device:
        assert device == "cuda:0"


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with devices.take_device("auto") as device:
        assert device == "cpu"
    with pytest.raises(StudyError, match=r"compute\.device: cuda:1 is asked for"), devices.take_device("cuda:1"):
        pass
