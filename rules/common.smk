# The validated config, the plan made of it, and what rules share. No rules here.
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)

from workflow_scripts.lib.config.study import read_config
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.failures import explain_failures
from workflow_scripts.lib.fingerprint import fingerprint
from workflow_scripts.lib.plan import BASE, ConditionName, Plan

try:
    CONFIG = read_config(config, list(map(str, workflow.configfiles)))
except StudyError as error:
    raise WorkflowError(str(error)) from None

PLAN = Plan(CONFIG)
PACKAGE = Path(workflow.basedir, "workflow_scripts")
ALIGNMENT = CONFIG.study.alignment.dataset
PARAPHRASE = CONFIG.study.paraphrase.dataset

ENVIRONMENT = f"{workflow.basedir}/envs/environment.yaml"

# Stages run as `python -m workflow_scripts.<stage>` from any working directory, with the Python that runs Snakemake unless
# each rule is given an environment of its own (--software-deployment-method conda).
OWN_PYTHON = f'PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH" '
shell.prefix(
    f"export {'' if workflow.deployment_settings.deployment_method else OWN_PYTHON}"
    f"PYTHONPATH={shlex.quote(workflow.basedir)} PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false "
    # glibc by default gives every large tensor back to the system as it is freed, which halves a model's speed on a CPU.
    "MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_MMAP_THRESHOLD_=4000000000; "
)


def alternatives(names):
    """A pattern that matches exactly these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


def code(stage):
    """Fingerprint of everything in the package that a stage runs."""
    try:
        return fingerprint(f"workflow_scripts.{stage}", PACKAGE)
    except StudyError as error:
        raise WorkflowError(str(error)) from None


def local_files(wildcards):
    """Local files of a data set; for one that is missing, the stage says better than Snakemake what to do."""
    return [file for file in PLAN.local_files(wildcards.dataset) if Path(file).is_file()]


def tokens_per_batch(wildcards):
    """Tokens that one forward pass of this model may hold."""
    return CONFIG.models[wildcards.model].tokens_per_batch or CONFIG.compute.tokens_per_batch


def model_weights(wildcards):
    """Weights that the workflow itself makes; none for a model on the hub or in a directory."""
    made = CONFIG.models[wildcards.model].source in ("train", "gguf")
    return [f"<results>/models/{wildcards.model}/weights/model.safetensors"] if made else []


def model_directory(wildcards):
    """Directory of those weights."""
    made = CONFIG.models[wildcards.model].source in ("train", "gguf")
    return str(Path(CONFIG.results, "models", wildcards.model, "weights")) if made else None


def ranking(wildcards):
    """The ranking of neurons that a condition takes its units from."""
    pooling = ConditionName.parse(wildcards.condition).pooling
    return f"<results>/experts/{wildcards.model}/{pooling}.h5"


def metric(name, dataset, condition="{condition}"):
    """Path of a metric CSV."""
    return f"<results>/metrics/{{model}}/{condition}/{dataset}/{name}.csv"


def shown_metrics(name, dataset, targets=None, base=True):
    """Metric CSVs of all models under their expert conditions, and unintervened."""
    return [
        metric(name, dataset, condition).format(model=model)
        for model in CONFIG.study.models
        for condition in [*([BASE] if base else []), *PLAN.experts_of(model, targets)]
    ]


def table(number):
    """Output files of a table; the HTML page is what the report shows."""
    path = f"<results>/table{number}"
    return {
        "csv": f"{path}.csv",
        "markdown": f"{path}.md",
        "latex": f"{path}.tex",
        "html": report(
            f"{path}.html",
            caption=f"{workflow.basedir}/report/table{number}.rst",
            category="Tables",
            labels={"table": f"Table {number}"},
        ),
    }


def figure_files(kind):
    """Files of the shown target's figure of a kind."""
    return {
        suffix: f"<results>/figures/{kind}/{CONFIG.study.shown_target}.{suffix}" for suffix in ("pdf", "png", "csv")
    }


def figure_output(number):
    """Output files of a figure by the paper's number; the PNG is what the report shows."""
    path = f"<results>/figure{number}"
    shown = report(
        f"{path}.png",
        caption=f"{workflow.basedir}/report/figure{number}.rst",
        category="Figures",
        labels={"figure": f"Figure {number}"},
    )
    return {"pdf": f"{path}.pdf", "png": shown, "csv": f"{path}.csv"}


def by_target(kind, name):
    """The PNG of a kind of figure for any target, as the report shows it."""
    return report(
        f"<results>/figures/{kind}/{{target}}.png",
        caption=f"{workflow.basedir}/report/{kind}.rst",
        category="Figures by target",
        labels={"figure": name, "target": "{target}"},
    )
