"""What the stages that run a model do in a second on a GPU, beside transformers' own ways and the card's limits.

    python -m benchmarks.gpu [--architecture bloom-7b] [--output benchmarks/results/gpu.json]
    python -m benchmarks.gpu --small --output FILE  # in seconds, also on the CPU

Needs torch, transformers, numpy and h5py alone. The model's weights are random and are made on the card, in bfloat16.
The results are written after each record, and a measurement that fails leaves a record of its error; so whatever ends
the run, what was measured until then is kept.
"""

import argparse
import gc
import json
import math
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from benchmarks import machine, records
from benchmarks.gpu.bench import FULL, SMALL, Bench, Record, make_bench
from benchmarks.gpu.measurements import MEASUREMENTS, compiled_model, profile
from benchmarks.models import ARCHITECTURES

RESULTS = Path(__file__).parents[1] / "results"


class Report:
    """The records so far, on disk after each of them."""

    def __init__(self, path: Path, machine_info: Record):
        self._path, self._held = path, {"machine_info": machine_info, "benchmarks": []}
        self._started = time.perf_counter()

    def run(self, measure: Callable[[Bench], Iterator[Record]], bench: Bench) -> None:
        """Make a measurement; if it fails, record its error in its place."""
        self.say(f"{measure.__name__} …")
        try:
            for found in measure(bench):
                self._add(measure.__name__, found)
        except Exception as error:
            traceback.print_exc()
            what = (measure.__doc__ or "").strip()
            self._add(measure.__name__, {"kind": "error", "what": what, "error": f"{type(error).__name__}: {error}"})
        gc.collect()
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()

    def say(self, line: str) -> None:
        """Print a line at once, with the seconds since the start."""
        print(f"[{time.perf_counter() - self._started:6.1f} s] {line}", flush=True)

    def _add(self, name: str, found: Record) -> None:
        self._held["benchmarks"].append({"name": name, **found})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._held, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
        for line in records.describe(found):
            share = found.get("share_of_data_sheet")
            self.say(line + (f" ({share:.0%} of the data sheet's FLOP/s)" if share else ""))
        if found["kind"] == "error":
            self.say(f"FAILED: {found['error']}")


def main(command: list[str] | None = None) -> None:
    """Run the measurements from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", choices=ARCHITECTURES, help="default: bloom-7b; tiny with --small")
    parser.add_argument("--small", action="store_true", help="so little that a CPU does it in seconds")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="try torch.compile too, which takes a minute")
    parser.add_argument("--profile", action="store_true", help="print what the time goes to")
    parser.add_argument("--only", nargs="+", choices=[measure.__name__ for measure in MEASUREMENTS])
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no measurement after so many")
    parser.add_argument("--output", type=Path, help=f"default: {RESULTS / 'gpu.json'}; needed with --small")
    given = parser.parse_args(command)
    if given.small and not given.output:
        parser.error("--small measures nothing worth keeping with the results; give --output")
    report = Report(given.output or RESULTS / "gpu.json", describe_machine(torch.device(given.device)))
    architecture = given.architecture or ("tiny" if given.small else "bloom-7b")
    report.say(f"making {architecture} on {given.device}")
    started = time.perf_counter()
    bench = make_bench(architecture, SMALL if given.small else FULL, given.device)
    chosen = [measure for measure in MEASUREMENTS if not given.only or measure.__name__ in given.only]
    for measure in [*chosen, *([profile] if given.profile else []), *([compiled_model] if given.compile else [])]:
        if time.perf_counter() - started > 60 * given.minutes:
            report.say(f"no time is left for {measure.__name__}")
            continue
        report.run(measure, bench)
    report.say("done")


def describe_machine(device: torch.device) -> Record:
    """Machine, versions and card."""
    if device.type != "cuda":
        return machine.describe()
    card = torch.cuda.get_device_properties(device)
    memory = round(card.total_memory / 2**30, 1)
    return {"device": card.name, "device_memory_gib": memory, "cuda": torch.version.cuda, **machine.describe()}


if __name__ == "__main__":
    main()
