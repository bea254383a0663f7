"""Devices are shared by lock, and asked-for devices that are not there are refused."""

import selectors
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models import devices

ROOT = Path(__file__).parents[2]
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


HOLD = """
import sys, time
from pathlib import Path
from workflow_scripts.models import devices

with devices.take_free({"cuda:0": "card-a", "cuda:1": "card-b"}, Path(sys.argv[1])) as device:
    print(device, flush=True)
    sys.stdin.readline()
"""


def test_processes_share_cards_and_a_killed_one_gives_its_card_back(tmp_path):
    def start() -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with ExitStack() as running:
        jobs = [running.enter_context(start()) for _ in range(3)]
        with selectors.DefaultSelector() as waiting:
            for job in jobs:
                waiting.register(job.stdout, selectors.EVENT_READ, job)
            holders = {}
            while len(holders) < 2:
                for ready, _ in waiting.select():
                    holders[ready.fileobj.readline().strip()] = ready.data
                    waiting.unregister(ready.fileobj)
            assert set(holders) == set(CARDS)
            assert not waiting.select(timeout=0.2)
        (third,) = set(jobs) - set(holders.values())
        holders["cuda:1"].kill()
        assert third.stdout.readline() == "cuda:1\n"
        for job in (holders["cuda:0"], third):
            job.communicate("\n")


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
