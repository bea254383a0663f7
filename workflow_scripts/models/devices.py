"""Choosing a device; jobs on one machine share its GPUs by locks."""

import getpass
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.locks import Locks
from workflow_scripts.jobs.usage import current


@contextmanager
def take_device(wanted: str) -> Iterator[str]:
    """Return a device for the block: `cpu`, `cuda:N` as asked for, or for `auto` and `cuda` a GPU that no other job
    has.

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
    """Hold the first of these devices that no other job holds, for the block; wait for one.

    Args:
        devices: The name of each device, and what tells it from all others on the machine.
        folder: Where the lock file lies; a folder of the user's for temporary files where absent.
    """
    locks = Locks((folder or Path(tempfile.gettempdir()) / f"steering-devices-{getpass.getuser()}") / "locks")
    names = {identity: device for device, identity in devices.items()}
    with locks.first_free(list(names), f"every device of {', '.join(devices)}") as identity:
        yield names[identity]
