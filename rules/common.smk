# The validated config, the plan made of it, what rules share, and the templates that they inherit.
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.insert(0, workflow.basedir)

from workflow_scripts.config.files import refuse_repeated_keys
from workflow_scripts.config.study import read_config
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.failures import explain_failures
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.jobs.fingerprint import fingerprint
from workflow_scripts.jobs.stages import find_stages
from workflow_scripts.plan import BASE, UNTRAINED, ConditionName, Plan, demand, paths
from workflow_scripts.plan.shown import FIGURE_FORMATS, TABLE_FORMATS, declared, findings

CONFIG_FILES = list(map(str, workflow.configfiles))

try:
    refuse_repeated_keys(CONFIG_FILES)
    CONFIG = read_config(config, CONFIG_FILES)
except StudyError as error:
    raise WorkflowError(str(error)) from None

for warning in CONFIG.warnings:
    logger.warning(warning)

PLAN = Plan(CONFIG)
SLICES = PLAN.slices
PACKAGE = Path(workflow.basedir, "workflow_scripts")
STAGES = find_stages(PACKAGE)
ENVIRONMENT = f"{workflow.basedir}/envs/environment.yaml"

# Data sets in their roles; `none` in the paths of those that the study leaves out, for which nothing can be asked.
ALIGNMENT = CONFIG.study.alignment.dataset
PARAPHRASE = CONFIG.study.paraphrase.dataset
PERPLEXITY, TOPICS, TREEBANK = (
    corpus.dataset if (corpus := getattr(CONFIG.study, role)) else "none"
    for role in ("perplexity", "topics", "treebank")
)

# Stages run as `python -m workflow_scripts.<room>.<stage>` from any working directory, with the Python that runs
# Snakemake unless each rule is given an environment of its own (--software-deployment-method conda).
OWN_PYTHON = f'PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH" '
shell.prefix(
    f"export {'' if workflow.deployment_settings.deployment_method else OWN_PYTHON}"
    f'PYTHONPATH={shlex.quote(workflow.basedir)}"${{{{PYTHONPATH:+:$PYTHONPATH}}}}" '
    "PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false "
    # glibc by default gives every large tensor back to the system as it is freed, which halves a model's speed on a CPU.
    "MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_MMAP_THRESHOLD_=4000000000; "
)

# The command of a job. Options are the names of the rule's inputs and outputs; what has no name is no option.
COMMAND = "python -m {params.stage} --spec {params.spec:q} {params.files}"
RUN = f"{COMMAND} 2> {{log:q}}"
RUN_MODEL = (
    f"{COMMAND} --code {{params.code}} --cache {{resources.cache:q}} --device {{resources.device}}"
    " --tokens-per-batch {resources.tokens_per_batch} --usage {log.usage:q} 2> {log.text:q}"
)


def alternatives(names):
    """Return a pattern that matches exactly these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


@cache
def code(stage, *methods):
    """Return the fingerprint of everything in the package that a stage runs, and modules of methods of intervention."""
    try:
        return fingerprint(STAGES[stage], PACKAGE, methods)
    except StudyError as error:
        raise WorkflowError(str(error)) from None


def contract(stage, spec):
    """Return the parameters of a job: its stage, the slice of the config that it depends on, and its code."""
    return {"stage": STAGES[stage], "spec": spec, "code": code(stage), "files": options}


def contract_under(stage, spec, conditions=lambda wildcards: [wildcards.condition]):
    """Return the parameters of a job on conditions, whose code includes the methods of these and no other method."""

    def code_under(wildcards):
        methods = [module for slug in conditions(wildcards) for module in PLAN.conditions.method_modules(slug)]
        return code(stage, *dict.fromkeys(methods))

    return {**contract(stage, spec), "code": code_under}


def options(wildcards, input, output):
    """Return the options of a stage: the names of the rule's inputs and outputs, each with its paths."""
    given = [*input.items(), *output.items()]
    return " ".join(
        f"--{name.replace('_', '-')} {' '.join(map(shlex.quote, [paths] if isinstance(paths, str) else paths))}"
        for name, paths in given
        if len(paths)
    )


def setting(name):
    """Return the function of the wildcards that gives a setting of compute, which a model may override."""

    def of_model(wildcards):
        own = getattr(PLAN.models[wildcards.model], name)
        return getattr(CONFIG.compute, name) if own is None else own

    return of_model


def gpus(wildcards):
    """Return how many GPUs a job takes that runs this model."""
    return 0 if setting("device")(wildcards) == "cpu" else 1


def model_memory(wildcards, attempt):
    """Return the memory in MB that a job asks a cluster for which loads this model."""
    return demand.memory(PLAN.models[wildcards.model], attempt)


def model_minutes(wildcards, attempt, rulename):
    """Return the time that a job asks a cluster for which runs this model."""
    return demand.minutes(PLAN.models[wildcards.model], setting("device")(wildcards), rulename, attempt)


def grown(amount):
    """Return the function that gives what a job asks for at each attempt: more of something."""

    def at_attempt(wildcards, attempt):
        return attempt * amount

    return at_attempt


def refused(function):
    """Return the function with its StudyError as Snakemake's error, which ends without a traceback."""

    def of_study(wildcards):
        try:
            return function(wildcards)
        except StudyError as error:
            raise WorkflowError(str(error)) from None

    return of_study


# Templates: a rule that inherits one gives its files, its log and its contract.
rule stage:
    log:
        "<logs>/stage.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(4000),
        runtime=grown(10),
    shell:
        RUN


# Of a stage that runs a model: loaded once per job, finished languages kept in the cache.
rule on_model:
    log:
        text="<logs>/on_model.log",
        usage="<logs>/on_model.usage.json",
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes,
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    shell:
        RUN_MODEL
