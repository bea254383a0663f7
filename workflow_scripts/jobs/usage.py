"""What a run of a model took: device, time and tokens.

    with measured(files.usage) as usage, take_device(files.device) as device:
        path = usage.cell(store, key, compute)

`take_device`, and every `Progress` that counts tokens, add to the usage that is being measured, so a stage need not.
It is written beside the job's log, not among the results: it differs from run to run.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from workflow_scripts.jobs.files import read_json, write_text

if TYPE_CHECKING:
    import h5py

    from workflow_scripts.jobs.cells import CellStore


@dataclass(kw_only=True)
class Usage:
    """What one run took; what the cache already held is not in it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    device: str = "cpu"  # cpu, or the name of the GPU
    devices: int = 0  # number of GPUs that were held
    device_seconds: float = 0.0  # seconds for which GPUs were held, summed over GPUs
    forward_seconds: float = 0.0  # seconds of the passes through the model, batching included
    tokens: int = 0  # tokens that went through the model, without padding
    sequences: int = 0  # sentences, windows or texts that went through the model
    from_cache: int = 0  # pieces of work found finished in the cache
    peak_device_memory_bytes: int | None = None  # of the fullest GPU; None on the CPU

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0:
                raise ValueError(f"{field.name} is {value}, which is below 0")

    def passed(self, tokens: int, sequences: int, seconds: float) -> None:
        """Count tokens and sequences that went through the model in that time."""
        self.tokens += tokens
        self.sequences += sequences
        self.forward_seconds += seconds

    def cell(self, store: "CellStore", key: dict[str, Any], compute: "Callable[[h5py.File], None]") -> Path:
        """Return a cell as `store.get(key, compute)` does, and count it where it was found finished."""
        found = True

        def computed(file: "h5py.File") -> None:
            nonlocal found
            found = False
            compute(file)

        path = store.get(key, computed)
        self.from_cache += found
        return path

    @contextmanager
    def holding(self, device: str) -> Iterator[None]:
        """Count the time of the block as time for which the device (`cpu`, `cuda`, `cuda:N`) is held."""
        if device == "cpu":
            yield
            return
        import torch

        started = monotonic()
        yield
        peaks = [torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count())]
        self.device = torch.cuda.get_device_name(device)
        # A model may be spread over more GPUs than the one it was given; one that found all in the cache used none.
        self.devices = max(1, sum(peak > 0 for peak in peaks))
        self.device_seconds += self.devices * (monotonic() - started)
        self.peak_device_memory_bytes = max(peaks)


_measured: ContextVar[Usage | None] = ContextVar("usage", default=None)


@contextmanager
def measured(path: Path) -> Iterator[Usage]:
    """Measure the block's usage, and write it as JSON when the block ends well."""
    usage = Usage()
    outer = _measured.set(usage)
    try:
        yield usage
    finally:
        _measured.reset(outer)
    from pydantic import TypeAdapter

    write_text(path, TypeAdapter(Usage).dump_json(usage, indent=1).decode() + "\n")


def current() -> Usage:
    """Return the usage that is being measured; outside of `measured`, one that nobody reads."""
    return _measured.get() or Usage()


def read_usage(path: Path) -> Usage:
    """Return a usage from its JSON.

    Raises:
        StudyError: the file is not one that `measured` wrote.
    """
    return read_json(path, Usage, "the usage of a run")
