"""Fixtures that measure and record; what they record is shown at the end and written to `benchmarks/results`."""

import pytest

from benchmarks import machine
from benchmarks.growth import Growth
from benchmarks.records import describe
from benchmarks.side_by_side import SideBySide


@pytest.fixture
def side_by_side(benchmark) -> SideBySide:
    """Measures ours and a peer in alternation."""
    return SideBySide(benchmark)


@pytest.fixture
def growth(benchmark) -> Growth:
    """Measures time and memory against a size."""
    return Growth(benchmark)


@pytest.fixture(scope="session")
def architecture_directory(tmp_path_factory):
    """Makes (once a run) the directory of a model with random weights: `architecture_directory("smollm2-135m")`."""
    from benchmarks.models import save_model

    made = {}

    def make(name: str):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            save_model(name, made[name])
        return made[name]

    return make


def pytest_benchmark_update_machine_info(config, machine_info) -> None:
    """Say what was measured on, in words, in place of what names one host."""
    machine_info.clear()
    machine_info.update(machine.describe())


def pytest_benchmark_update_json(config, benchmarks, output_json) -> None:
    """Keep the records; the samples that they were made of say nothing more."""
    output_json["benchmarks"] = [
        {"name": benchmark["name"], **benchmark["extra_info"]} for benchmark in output_json["benchmarks"]
    ]
    for key in ("commit_info", "version"):
        output_json.pop(key, None)


def pytest_terminal_summary(terminalreporter) -> None:
    """Print each record as a line."""
    session = getattr(terminalreporter.config, "_benchmarksession", None)
    if session is not None and session.benchmarks:
        terminalreporter.section("side by side")
        for benchmark in session.benchmarks:
            for line in describe(benchmark.extra_info):
                terminalreporter.write_line(line)
