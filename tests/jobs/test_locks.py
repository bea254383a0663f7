"""Locks between processes: one at a time, freed when a process dies, and done without where there are none."""

import errno
import fcntl
import select
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from workflow_scripts.jobs.locks import Locks

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from workflow_scripts.jobs.locks import Locks
with Locks(sys.argv[1]).held(sys.argv[2:], "these"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Starts another process that holds locks until its standard input is closed."""
    started = []

    def hold(*names):
        command = [sys.executable, "-c", HOLDER, tmp_path / "locks", *names]
        running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(running)
        assert running.stdout.readline() == "held\n"
        return running

    yield hold
    for running in started:
        running.kill()
        running.wait()


@pytest.mark.parametrize("end", ["it is done", "it is killed"])
def test_a_lock_is_waited_for_until_its_holder_is_gone(tmp_path, holder, caplog, end):
    other = holder("a", "b")
    got = threading.Event()

    def take():
        with Locks(tmp_path / "locks").held(["b", "c"], "these cells") as held:
            assert held
            got.set()

    with caplog.at_level("INFO"):
        waiting = threading.Thread(target=take)
        waiting.start()
        assert not got.wait(0.3)
        other.stdin.close() if end == "it is done" else other.kill()
        waiting.join(timeout=60)
    assert got.is_set()
    assert [record.message for record in caplog.records] == ["another job is at work on these cells: waiting for it"]


def test_another_name_is_another_lock_and_no_lock_leaves_a_file(tmp_path, holder, caplog):
    holder("a")
    locks = Locks(tmp_path / "locks")
    with caplog.at_level("INFO"), locks.held(["b"], "b") as outer, locks.held(["b", "c"], "both") as inner:
        assert outer
        assert inner
    assert not caplog.records
    assert [path.name for path in tmp_path.iterdir()] == ["locks"]


def test_a_lock_that_is_held_already_stays_held(tmp_path):
    locks = Locks(tmp_path / "locks")
    with locks.held(["a"], "a"):
        with locks.held(["a", "b"], "both"):
            pass
        command = [sys.executable, "-c", HOLDER, tmp_path / "locks"]
        options = {"cwd": ROOT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        of_b, of_a = (subprocess.Popen([*command, name], **options) for name in "ba")
        assert of_b.stdout.readline() == "held\n"
        assert not select.select([of_a.stdout], [], [], 1)[0]
    assert of_a.stdout.readline() == "held\n"
    of_b.communicate()
    of_a.communicate()


def test_without_locks_it_goes_on_and_says_so_once(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    locks = Locks(tmp_path / "locks")
    for name in "ab":
        with locks.held([name], name) as held:
            assert not held
    (told,) = caplog.records
    assert "No locks available" in told.message
