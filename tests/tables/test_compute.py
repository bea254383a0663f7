"""The table of compute, from benchmarks as Snakemake writes them and usages of runs."""

import csv
import io
import json
import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.benchmark import BenchmarkRecord

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import write_text
from workflow_scripts.jobs.usage import Usage
from workflow_scripts.tables import layout, table_compute

STAGES = ["activations", "embeddings", "retrieval"]
MODELS = [{"name": "bloom-7b1", "label": "Bloom-7B"}, {"name": "demo.v2", "label": "Demo"}]
H200 = {"device": "NVIDIA H200", "devices": 1}


def benchmark(*repeats):
    """The text of a benchmark, by Snakemake: (seconds, CPU seconds, MiB) of each repeat; None: not sampled."""
    lines = ["\t".join(BenchmarkRecord.get_header())]
    for seconds, cpu_seconds, mebibytes in repeats:
        record = BenchmarkRecord(running_time=seconds, max_rss=mebibytes, cpu_time=cpu_seconds)
        record.data_collected = cpu_seconds is not None
        record.process_gone = not record.data_collected
        lines.append(record.to_tsv(extended_fmt=False))
    return "\n".join(lines) + "\n"


class Study:
    """A results folder with jobs in it."""

    def __init__(self, folder):
        self.folder, self.benchmarks, self.usages = folder, [], []

    def add(self, job, *repeats, usage=None):
        path = self.folder / "benchmarks" / f"{job}.tsv"
        write_text(path, benchmark(*repeats))
        self.benchmarks.append(str(path))
        if usage is not None:
            path = self.folder / "logs" / f"{job}.usage.json"
            write_text(path, json.dumps(asdict(Usage(**usage))))
            self.usages.append(str(path))

    def run(self, **changed):
        folders = {"benchmarks": str(self.folder / "benchmarks"), "logs": str(self.folder / "logs")}
        outputs = {name: self.folder / f"compute.{name}" for name in layout.OUTPUTS}
        table_compute.main(
            [
                *["--spec", json.dumps({"models": MODELS, "stages": STAGES, **folders, **changed})],
                *["--benchmarks", *self.benchmarks, "--usages", *self.usages],
                *[item for name, path in outputs.items() for item in (f"--{name}", str(path))],
            ]
        )
        rows = csv.DictReader(io.StringIO(outputs["csv"].read_text()))
        return {(row["model"], row["stage"]): row for row in rows}, layout.read(outputs["json"])


@pytest.fixture
def study(tmp_path):
    study = Study(tmp_path)
    study.add("retrieval/bloom-7b1/base", (0.4, None, None))
    study.add("retrieval/bloom-7b1/es/flores", (0.8, 0.5, 100.0))
    study.add(
        "embeddings/bloom-7b1/base/flores",
        (3600.0, 1800.0, 20000.0),
        usage={
            **H200,
            "device_seconds": 3000.0,
            "forward_seconds": 1000.0,
            "tokens": 5_000_000,
            "sequences": 10,
            "peak_device_memory_bytes": 15_500_000_000,
        },
    )
    study.add(
        "embeddings/bloom-7b1/es/flores",
        (360.0, 60.0, 30000.0),
        usage={**H200, "device_seconds": 300.0, "from_cache": 22, "peak_device_memory_bytes": 0},
    )
    study.add(
        "activations/demo.v2",
        (7.2, 14.4, 500.0),
        (3.6, None, None),
        usage={"forward_seconds": 2.0, "tokens": 300, "sequences": 3, "from_cache": 1},
    )
    return study


def test_rows_go_by_model_and_stage_with_a_total_a_model_and_one_of_all(study):
    rows, table = study.run()
    bloom, demo = "bloom-7b1", "demo.v2"
    assert list(rows) == [
        (bloom, "embeddings"),
        (bloom, "retrieval"),
        (bloom, "total"),
        (demo, "activations"),
        (demo, "total"),
        ("all", "total"),
    ]
    assert list(rows[bloom, "total"]) == ["model", "stage", "device", *table_compute.COLUMNS]
    assert [[cell.text for cell in row[:3]] for row in table.rows] == [
        ["Bloom-7B", "embeddings", "2"],
        ["Bloom-7B", "retrieval", "2"],
        ["Bloom-7B", "total", "4"],
        ["Demo", "activations", "1"],
        ["Demo", "total", "1"],
        ["All models", "total", "5"],
    ]


def test_hours_and_tokens_are_summed_and_peaks_are_those_of_the_largest_job(study):
    rows, _ = study.run()
    embeddings = rows["bloom-7b1", "embeddings"]
    assert embeddings.pop("device") == "NVIDIA H200"
    assert {name: float(embeddings[name]) for name in table_compute.COLUMNS} == pytest.approx(
        {
            "jobs": 2,
            "wall_hours": 1.1,
            "cpu_hours": 1860 / 3600,
            "device_hours": 3300 / 3600,
            "peak_memory_gb": 30000 * 2**20 / 1e9,
            "peak_device_memory_gb": 15.5,
            "tokens": 5_000_000,
            "tokens_per_second": 5000.0,
            "from_cache": 22,
        }
    )
    everything = rows["all", "total"]
    assert everything["device"] == "NVIDIA H200 and cpu"
    assert (everything["tokens"], everything["from_cache"], everything["jobs"]) == ("5000300", "23", "5")
    assert float(everything["tokens_per_second"]) == pytest.approx(5_000_300 / 1002)
    assert float(everything["wall_hours"]) == pytest.approx((3600 + 360 + 7.2 + 3.6 + 0.8 + 0.4) / 3600)


def test_a_job_that_was_repeated_is_one_job_of_the_time_of_all_repeats(study):
    activations = study.run()[0]["demo.v2", "activations"]
    assert activations["jobs"] == "1"
    assert float(activations["wall_hours"]) == pytest.approx(0.003)
    assert float(activations["cpu_hours"]) == pytest.approx(0.004)  # of the repeat that was sampled


def test_what_was_not_measured_is_missing_and_shown_as_a_dash(study):
    study.add("activations/bloom-7b1", (0.3, None, None), usage={**H200, "device_seconds": 0.2, "from_cache": 6})
    rows, table = study.run()
    assert {name: rows["bloom-7b1", "activations"][name] for name in list(table_compute.COLUMNS)[2:]} == {
        "cpu_hours": "",
        "device_hours": str(0.2 / 3600),
        "peak_memory_gb": "",
        "peak_device_memory_gb": "",
        "tokens": "0",
        "tokens_per_second": "",
        "from_cache": "6",
    }
    retrieval = rows["bloom-7b1", "retrieval"]
    assert (retrieval["tokens"], retrieval["from_cache"], retrieval["device_hours"]) == ("", "", "0.0")
    assert float(retrieval["cpu_hours"]) == pytest.approx(0.5 / 3600)
    shown = [cell.text for cell in table.rows[0]]
    assert shown == ["Bloom-7B", "activations", "1", "0.000", "–", "0.000", "–", "–", "0", "–", "6"]
    assert all(math.isnan(cell.value) for cell in table.rows[0] if cell.text == "–")


def test_the_caption_names_the_devices_and_the_budget_of_the_paper(study):
    caption = study.run()[1].caption
    assert "models on NVIDIA H200 and CPU" in caption
    assert (
        "8 A100 (80GB) GPUs, for about 90 GPU hours with Aya-8B, 120 with PolyLM-13B and 110 with Bloom-7B" in caption
    )
    assert "left out" not in caption
    models = [*MODELS, {"name": "mt5", "label": "mT5", "architecture": "encoder_decoder"}]
    named = "left out for mT5 (an encoder-decoder, of which the encoder alone is measured)."
    assert study.run(models=models)[1].caption.endswith(named)


def test_a_run_without_tokens_has_none_in_its_totals(tmp_path):
    study = Study(tmp_path)
    study.add("activations/demo.v2", (9.0, 8.0, 10.0), usage={"from_cache": 3})
    everything = study.run()[0]["all", "total"]
    assert (everything["tokens"], everything["tokens_per_second"]) == ("0", "")


@pytest.mark.parametrize(
    "job", ["retrieval", "retrieval/unknown/base", "paraphrase/demo.v2/base", "../retrieval/demo.v2/base"]
)
def test_a_benchmark_of_no_stage_and_model_is_refused(study, job):
    study.add(job, (1.0, 1.0, 1.0))
    with pytest.raises(StudyError, match="cannot be told what was measured"):
        study.run()


def test_a_usage_without_its_benchmark_is_refused(study):
    study.benchmarks = [path for path in study.benchmarks if "activations" not in path]
    with pytest.raises(StudyError, match=r"activations/demo\.v2\.usage\.json has no benchmark"):
        study.run()


@pytest.mark.parametrize("text", ["", "a\tb\n1\t2\n", "s\tmax_rss\tcpu_time\nsoon\t1\t1\n"])
def test_a_file_that_is_no_benchmark_is_refused(study, text):
    path = study.folder / "benchmarks" / "retrieval" / "bloom-7b1" / "base.tsv"
    path.write_text(text)
    with pytest.raises(StudyError, match=r"base\.tsv is no benchmark of a job"):
        study.run()


hundredths = st.integers(0, 10**7).map(lambda number: number / 100)
sampled = st.tuples(hundredths.map(lambda seconds: seconds + 0.01), hundredths, hundredths)
not_sampled = st.tuples(hundredths.map(lambda seconds: seconds + 0.01), st.none(), st.none())


@given(st.lists(sampled | not_sampled, min_size=1, max_size=4))
def test_what_snakemake_writes_is_read_back(tmp_path_factory, repeats):
    path = tmp_path_factory.getbasetemp() / "benchmark.tsv"
    path.write_text(benchmark(*repeats))
    found = table_compute.read_benchmark(path)
    assert found["seconds"] == pytest.approx(sum(seconds for seconds, _, _ in repeats), abs=0.01 * len(repeats))
    looked_at = [repeat for repeat in repeats if repeat[1] is not None]
    if looked_at:
        assert found["cpu_seconds"] == pytest.approx(sum(seconds for _, seconds, _ in looked_at), abs=0.02)
        assert found["memory"] == pytest.approx(2**20 * max(size for _, _, size in looked_at), abs=0.01 * 2**20)
    else:
        assert math.isnan(found["cpu_seconds"]) and math.isnan(found["memory"])
