"""Time, memory and tokens of a run, by model and stage (paper, Appendix I).

From the benchmarks that Snakemake takes of every job, and the usage that stages write which run a model.
"""

import math
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.usage import Usage, read_usage
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.shown_models import without_text
from workflow_scripts.tables.specs import ModelsSpec

TOTAL, ALL_MODELS = "total", "all"
MEBIBYTE, GIGABYTE, HOUR = 2**20, 1e9, 3600
BENCHMARK = ["seconds", "cpu_seconds", "memory"]
NOT_SAMPLED = ["NA", "-"]  # what Snakemake writes for a job that ended before it was sampled
COLUMNS = {
    "jobs": layout.Column("Jobs"),
    "wall_hours": layout.Column("Wall", group="Hours"),
    "cpu_hours": layout.Column("CPU", group="Hours"),
    "device_hours": layout.Column("GPU", group="Hours"),
    "peak_memory_gb": layout.Column("Main", group="Peak memory (GB)"),
    "peak_device_memory_gb": layout.Column("GPU", group="Peak memory (GB)"),
    "tokens": layout.Column("Tokens"),
    "tokens_per_second": layout.Column("Tokens/s"),
    "from_cache": layout.Column("From cache"),
}


class Spec(ModelsSpec):
    """What the table depends on, beside its files."""

    stages: list[str] = Field(min_length=1, description="Stages in the order of the rows.")
    benchmarks: str = Field(description="Folder of the benchmarks: {stage}/{model}.tsv or {stage}/{model}/….tsv.")
    logs: str = Field(description="Folder of the usages: {stage}/{model}.usage.json or {stage}/{model}/….usage.json.")


def read_jobs(benchmarks: list[Path], usages: list[Path], spec: Spec) -> pd.DataFrame:
    """Return one row per job: stage, model, what `read_benchmark` returns, and the fields of `Usage` if it ran a model.

    Raises:
        StudyError: a file is no benchmark or usage, its name tells no stage and model, or a usage has no benchmark.
    """
    measured = {_job(path, spec.benchmarks, ".tsv", spec): read_benchmark(path) for path in benchmarks}
    used = {_job(path, spec.logs, ".usage.json", spec): asdict(read_usage(path)) for path in usages}
    if lone := sorted(set(used) - set(measured)):
        raise StudyError(f"{spec.logs}/{lone[0]}.usage.json has no benchmark in {spec.benchmarks}; run its job again.")
    columns = ["stage", "model", *BENCHMARK, *(field.name for field in fields(Usage))]
    rows = []
    for job, benchmark in measured.items():
        stage_name, model = job.split("/")[:2]
        rows.append({"stage": stage_name, "model": model, **benchmark, **used.get(job, {})})
    numbers = dict.fromkeys([field.name for field in fields(Usage) if field.name != "device"], float)
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def _job(path: Path, folder: str, suffix: str, spec: Spec) -> str:
    """Return what benchmark and usage of a job have in common: `{stage}/{model}` or `{stage}/{model}/…`."""
    job = path.relative_to(folder).as_posix().removesuffix(suffix) if path.is_relative_to(folder) else ""
    names, models = job.split("/"), spec.model_names
    if len(names) < 2 or names[0] not in spec.stages or names[1] not in models:
        raise StudyError(
            f"{path} does not lie in {folder} under a stage ({', '.join(spec.stages)}) and a model "
            f"({', '.join(models)}), so it cannot be told what was measured; delete it, or name both in the config."
        )
    return job


def read_benchmark(path: Path) -> dict[str, float]:
    """Return a job's time and CPU time in seconds, summed over repeats, and peak memory in bytes; NaN: not sampled.

    Raises:
        StudyError: the file is no benchmark of Snakemake's.
    """
    try:
        columns = ["s", "cpu_time", "max_rss"]
        repeats = pd.read_csv(path, sep="\t", usecols=columns, na_values=NOT_SAMPLED, dtype=float)
    except ValueError as error:
        raise StudyError(f"{path} is no benchmark of a job ({error}); delete it and run its job again.") from error
    values = repeats["s"].sum(), repeats["cpu_time"].sum(min_count=1), repeats["max_rss"].max() * MEBIBYTE
    return dict(zip(BENCHMARK, values, strict=True))


def summarise(jobs: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model and stage with jobs, one per model, and one for all: model, stage, device, `COLUMNS`.

    Tokens are missing where no model was run, CPU time and memory where no job was long enough to be sampled, and
    tokens a second where all was found in the cache.
    """
    of_models = jobs.assign(stage=TOTAL)
    whole = pd.concat([jobs, of_models, of_models.assign(model=ALL_MODELS)], ignore_index=True)
    whole["model"] = pd.Categorical(whole["model"], [*spec.model_names, ALL_MODELS])
    whole["stage"] = pd.Categorical(whole["stage"], [*spec.stages, TOTAL])
    groups = whole.groupby(["model", "stage"], observed=True)

    def total(name: str) -> pd.Series:
        return groups[name].sum(min_count=1)

    forward_seconds = total("forward_seconds")
    found = {
        "device": groups["device"].agg(lambda names: " and ".join(sorted(names.dropna().unique()))),
        "jobs": groups.size(),
        "wall_hours": total("seconds") / HOUR,
        "cpu_hours": total("cpu_seconds") / HOUR,
        "device_hours": total("device_seconds").fillna(0.0) / HOUR,
        "peak_memory_gb": groups["memory"].max() / GIGABYTE,
        "peak_device_memory_gb": groups["peak_device_memory_bytes"].max() / GIGABYTE,
        "tokens": total("tokens").astype("Int64"),
        "tokens_per_second": total("tokens") / forward_seconds.where(forward_seconds > 0),
        "from_cache": total("from_cache").astype("Int64"),
    }
    return pd.DataFrame(found).sort_index().reset_index()


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model and stage, then the sums."""
    labels = spec.labels | {ALL_MODELS: "All models"}
    rows = [
        [
            layout.Cell(labels[row["model"]]),
            layout.Cell(row["stage"].replace("_", " ")),
            *(_cell(name, row[name]) for name in COLUMNS),
        ]
        for row in tidy.to_dict("records")
    ]
    return layout.Table(
        title="Time, memory and tokens by model and stage",
        caption=caption(tidy, spec),
        columns=[layout.Column("Model"), layout.Column("Stage"), *COLUMNS.values()],
        rows=rows,
        labels=2,
    )


def _cell(name: str, value: float) -> layout.Cell:
    if pd.isna(value):
        return layout.Cell("–", value=math.nan)
    decimals = {"hours": 3, "gb": 1}.get(name.split("_")[-1], 0)
    return layout.Cell(f"{value:,.{decimals}f}", value=value)


def caption(tidy: pd.DataFrame, spec: Spec) -> str:
    """Return what the columns are, what is left out, and what the paper says of itself."""
    devices = tidy["device"].iloc[-1].replace("cpu", "CPU")
    return (
        f"What the last run of each job took{f' (models on {devices})' if devices else ''}. Hours: sums over jobs of "
        "the time from start to end (wall), of processor time (CPU) and of the time for which a GPU was held (GPU). "
        "Peak memory: that of the largest job, in billions of bytes. Tokens: those that went through the model, "
        "without padding; per second of the passes through the model, without loading it. From cache: pieces of work, "
        "like the embeddings of one language, that were found finished; neither their hours nor their tokens are "
        "counted. Jobs that ended before they were sampled add nothing to CPU hours and memory. A dash: no model was "
        "run, no GPU was held, all was found in the cache, or nothing was sampled. For comparison, the paper (Appendix "
        "I) ran on 8 A100 (80GB) GPUs, for about 90 GPU hours with Aya-8B, 120 with PolyLM-13B and 110 with Bloom-7B. "
        f"{without_text(spec.models)}"
    ).rstrip()


main = table_stage(
    Spec,
    __doc__,
    {
        "benchmarks...": "Snakemake's benchmarks, one TSV per job",
        "usages...": "usages of the jobs that run a model (JSON)",
    },
    read=lambda spec, files: summarise(read_jobs(files.benchmarks, files.usages, spec), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
