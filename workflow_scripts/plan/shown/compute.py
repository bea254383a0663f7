"""The table of what the jobs of the paper's tables and figures took."""

from typing import TYPE_CHECKING

from workflow_scripts.plan.names import BASE
from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Inputs, Place, Table

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def jobs(plan: "Plan") -> dict[str, list[str]]:
    """Return the jobs that are measured and run a model, then the others, by stage, each as its path among logs."""
    models = plan.models.names
    embedded = [f"{model}/{slug}" for model in models for slug in [BASE, *plan.conditions.experts_and_randoms(model)]]
    swept = [f"{model}/{name}" for model in plan.config.generating_models for name in plan.sweeps.names(compared=False)]
    return {
        "train_model": plan.models.from_source("train"),
        "record_responses": models,
        "rank_neurons": [f"{model}/{pooling}" for model in models for pooling in plan.conditions.poolings],
        "embed_sentences": embedded,
        "measure_space": embedded,
        "generate_texts": swept,
        "measure_perplexity": swept,
        "project_space": models,
    }


WITHOUT_MODEL = {"rank_neurons", "measure_space", "project_space"}  # which tell nothing of tokens and devices


def inputs(plan: "Plan") -> Inputs:
    """Return Snakemake's benchmark of every measured job, and the usage of those that run a model."""
    measured = [(stage, job) for stage, of_stage in jobs(plan).items() for job in of_stage]
    return {
        "benchmarks": [f"<benchmarks>/{stage}/{job}.tsv" for stage, job in measured],
        "usages": [f"<logs>/{stage}/{job}.usage.json" for stage, job in measured if stage not in WITHOUT_MODEL],
    }


TABLE = Table(
    name="compute",
    stage="table_compute",
    place=Place("computation", 1),
    inputs=inputs,
    spec=lambda plan: {
        "models": described.models(plan)["models"],
        "stages": [stage for stage, of_stage in jobs(plan).items() if of_stage],
        "benchmarks": f"{plan.config.results}/benchmarks",
        "logs": f"{plan.config.results}/logs",
    },
)
