"""Choosing a device; jobs on one machine share its GPUs by lock files."""

import getpass
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.usage import current

log = logging.getLogger(__name__)
SECONDS_BETWEEN_TRIES = 1.0


@contextmanager
def take_device(wanted: str) -> Iterator[str]:
    """A device for the block: `cpu`, `cuda:N` as asked for, or for `auto` and `cuda` a GPU that no other job has.

    `auto` takes the CPU where there is no GPU. The time for which a GPU is held is counted in the usage being measured.

    Raises:
        StudyError: a GPU is asked for and there is none.
    """
    if wanted == "cpu":
        yield "cpu"
        return
    import torch

    count = torch.cuda.device_count()
    if wanted == "auto" and count == 0:
        yield "cpu"
        return
    if count == 0:
        raise StudyError(f"compute.device: {wanted} is asked for, but torch {torch.__version__} finds no GPU here.")
    if wanted in ("auto", "cuda"):
        # By the card's own id: under a scheduler, cuda:0 is another card in each job.
        cards = {f"cuda:{index}": str(torch.cuda.get_device_properties(index).uuid) for index in range(count)}
        with take_free(cards) as device, current().holding(device):
            yield device
        return
    with current().holding(wanted):
        yield wanted


@contextmanager
def take_free(devices: Mapping[str, str], folder: Path | None = None) -> Iterator[str]:
    """The first of these devices (name to a file name that is its own) that no other job holds; waits for one."""
    folder = folder or Path(tempfile.gettempdir()) / f"steering-devices-{getpass.getuser()}"
    folder.mkdir(parents=True, exist_ok=True)
    device, lock = _acquire_any(devices, folder)
    try:
        yield device
    finally:
        lock.release()


def _acquire_any(devices: Mapping[str, str], folder: Path) -> tuple[str, FileLock]:
    told = False
    while True:
        for device, identity in devices.items():
            lock = FileLock(folder / f"{identity}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return device, lock
        if not told:
            log.info("waiting for a free device among %s", ", ".join(devices))
            told = True
        time.sleep(SECONDS_BETWEEN_TRIES)
