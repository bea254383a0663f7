"""Peak memory of a piece of work, measured in a fresh process (Linux)."""

import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path


def peak_bytes(prepare: Callable[..., Callable[[], object]], *arguments) -> int:
    """The most memory that a piece of work takes beyond what its process held before it.

    `prepare(*arguments)`, a function of a module, makes everything ready (a loaded model, say) and returns the work, a
    function without arguments. Both are called in a process of their own.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measure, (prepare, arguments))


def _measure(prepare: Callable[..., Callable[[], object]], arguments: tuple) -> int:
    work = prepare(*arguments)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * int(found[1])
