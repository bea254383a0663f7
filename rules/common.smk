# The validated config, the plan made of it, and the functions of rules. No rules here.
import atexit
import os
import re
import shlex
import sys
import tarfile
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from snakemake.exceptions import MissingRuleException, WorkflowError
from snakemake.io import IOFile
from snakemake.logging import logger
from snakemake.persistence import PersistenceBase


def find_repository(rules):
    """Return the folder of this repository, by that of its rules.

    Snakemake may read rules from a host of Git repositories, for a module whose Snakefile is `github(...)`. A package cannot be
    imported from there, so that commit is written into .snakemake.
    """
    if rules.is_local:
        return Path(str(rules)).parent
    clone = rules.hosted_repo.repo
    commit = clone.commit(rules.ref)
    folder = Path(".snakemake", "steering", commit.hexsha).absolute()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        written = tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True)
        with written as beside, tempfile.TemporaryFile() as file:
            clone.archive(file, commit.hexsha)
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                archive.extractall(beside, filter="data")
            with suppress(OSError):  # another process was faster
                os.rename(beside, folder)
    return folder


# Also where another workflow imports this one as a module: `workflow.basedir` is then the importer's.
REPOSITORY = find_repository(workflow.current_basedir)
sys.path.insert(0, str(REPOSITORY))

from workflow_scripts.config.files import (
    in_precedence,
    placed,
    mark_results,
    refuse_repeated_keys,
    refuse_results_of_another,
    results_of,
    study_of,
)
from workflow_scripts.config.settings import SCORED
from workflow_scripts.config.study import read_config
from workflow_scripts.figures.fonts import undrawn_labels
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.failures import explain_failures
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.jobs.fingerprint import KeptDependencies, fingerprint_of
from workflow_scripts.jobs.messages import did_you_mean
from workflow_scripts.jobs.stages import about_stage, find_stages
from workflow_scripts.plan.why import keep_code
from workflow_scripts.models.directories import model_files, stored_weights
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.models.sites import changed_layer, module_of_layer, neurons_by_name
from workflow_scripts.plan import BASE, UNTRAINED, ConditionName, Plan, demand, paths
from workflow_scripts.plan.missing import missing, missing_of_dataset, missing_of_model
from workflow_scripts.plan.models import tokenizer_name
from workflow_scripts.plan.shown import FIGURE_FORMATS, TABLE_FORMATS, declared, findings
from workflow_scripts.report.chapters import CHAPTERS

# Snakemake compares a job with the record of what made its outputs only where every output has a record. A job that embeds gets a
# new output with each further data set or layer; as long as nothing asked for that one, a changed setting would go unnoticed.
PersistenceBase.has_metadata = lambda records, job: any(records.metadata(path) is not None for path in job.output)

CONFIG_FILES = in_precedence(map(str, workflow.configfiles), map(str, workflow.overwrite_configfiles))
GIVEN = workflow.config_settings.config or {}  # on the command line, --config

# As a module, the workflow has the config of its importer, which names the results that it wants.
IS_MODULE = not Path(workflow.main_snakefile).resolve().is_relative_to(REPOSITORY.resolve())
STUDY = study_of([] if IS_MODULE else map(str, workflow.overwrite_configfiles))
if workflow.modifier.path_modifier.prefix:
    raise WorkflowError(
        "prefix: this workflow reads and writes where its config says, which the prefix of a module does not change; leave it out, "
        "and set `results` in the config that the module is given"
    )

try:
    refuse_repeated_keys(CONFIG_FILES)
    CONFIG = read_config({"results": results_of(STUDY), **config}, CONFIG_FILES, GIVEN)
    if not IS_MODULE:
        refuse_results_of_another(Path(CONFIG.results), STUDY)
except StudyError as error:
    raise WorkflowError(str(error)) from None

for warning in [*CONFIG.warnings, *undrawn_labels(CONFIG.labels)]:
    logger.warning(warning)

PLAN = Plan(CONFIG)
SLICES = PLAN.slices
PACKAGE = REPOSITORY / "workflow_scripts"
STAGES = find_stages(PACKAGE)
DEPENDENCIES = KeptDependencies(PACKAGE)
atexit.register(DEPENDENCIES.save)
ENVIRONMENT = f"{REPOSITORY}/envs/environment.yaml"

# Data sets in their roles; `none` in the paths of those that the study leaves out, for which nothing can be asked.
ALIGNMENT = CONFIG.study.alignment.dataset
PARAPHRASE, PERPLEXITY, TOPICS, TREEBANK = (
    corpus.dataset if (corpus := getattr(CONFIG.study, role)) else "none"
    for role in ("paraphrase", "perplexity", "topics", "treebank")
)

# Stages run as `python -m workflow_scripts.<room>.<stage>` from any working directory, with the Python that runs
# Snakemake unless each rule is given an environment of its own (--software-deployment-method conda).
OWN_PYTHON = f'PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH" '
shell.prefix(
    f"export {'' if workflow.deployment_settings.deployment_method else OWN_PYTHON}"
    f'PYTHONPATH={shlex.quote(str(REPOSITORY))}"${{{{PYTHONPATH:+:$PYTHONPATH}}}}" '
    "PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false "
    # Threads that spin while they wait for each other take the cores from other processes: on a busy machine a model with
    # two threads falls to a fraction of its speed.
    "OMP_WAIT_POLICY=PASSIVE "
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


CODE = {}  # what each fingerprint stands for


@cache
def code(stage, *methods):
    """Return the fingerprint of everything in the package that a stage runs, and modules of methods of intervention."""
    try:
        entries = DEPENDENCIES.of(STAGES[stage], methods)
    except StudyError as error:
        raise WorkflowError(str(error)) from None
    CODE[found := fingerprint_of(entries)] = entries
    return found


def contract(stage, spec):
    """Return the parameters of a job: its stage, the slice of the config that it depends on, and its code."""
    return {"stage": STAGES[stage], "spec": spec, "code": code(stage), "files": options}


def of_given(files, stage, spec):
    """Return the parameters of a job that reads files from outside the results, with the files' sizes and times.

    Snakemake asks whether a file is newer than what was made of it; one that was put in another's place may be older.

    Args:
        files: Function of the wildcards that returns the files.
        stage: As of `contract`.
        spec: As of `contract`.
    """

    def versions(wildcards):  # of the wildcards alone, since Snakemake records no parameter that is made of the input
        status = {path: os.stat(path) for path in files(wildcards)}
        return [f"{path}: {found.st_size} bytes, {int(found.st_mtime)} s" for path, found in status.items()]

    return {**contract(stage, spec), "given": versions}


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
    return 0 if setting("device")(wildcards) == "cpu" else PLAN.models[wildcards.model].gpus


def model_memory(wildcards, attempt):
    """Return the memory in MB that a job asks a cluster for which loads this model."""
    return demand.memory(PLAN.models[wildcards.model], attempt)


def model_minutes(wildcards, attempt, rulename):
    """Return the time that a job asks a cluster for which runs this model."""
    precise = CONFIG.perplexity.standard_error is not None
    return demand.minutes(PLAN.models[wildcards.model], setting("device")(wildcards), rulename, attempt, precise)


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


def refuse_without(problems, made):
    """Refuse to plan a job whose input from outside the workflow is missing, where what it makes is not there either.

    Raises:
        WorkflowError: it is missing; everything else that the study lacks is told, too.
    """
    if problems and not Path(made).exists():
        told = dict.fromkeys([*problems, *missing(PLAN)])
        lines = [f"  {placed(problem, CONFIG_FILES, GIVEN)}" for problem in told]
        raise WorkflowError("\n".join(["the study cannot run, since what it reads is not there:", *lines]))


# Texts


def local_texts(wildcards):
    """Return the local files that a data set is read from."""
    made = f"{CONFIG.results}/texts/{wildcards.dataset}.parquet"
    refuse_without(missing_of_dataset(PLAN, wildcards.dataset), made)
    return filter(os.path.isfile, PLAN.corpora.local_files(wildcards.dataset))


# Similarity of languages


def own_similarities(wildcards):
    """Return the user's own table; of one that is missing, the stage says better than Snakemake what to do."""
    return [file for file in [CONFIG.similarity.file] if file is not None and os.path.isfile(file)]


# Models


def described(wildcards):
    """Return the manifest of a model where it is there and of the config as it is now."""
    manifest = f"{CONFIG.results}/models/{wildcards.model}/model.json"
    spec = SLICES.describe_model(wildcards.model, made_directory(wildcards))
    made_with = workflow.persistence.params(IOFile(manifest, rule=workflow.get_rule("describe_model")))
    there = Path(manifest).is_file() and repr(spec) in (made_with or [])
    return read_manifest(manifest) if there else None


@cache
def neurons_in(directory):
    """Return how many neurons a model in a directory has at most, by its weights' names; None where they do not tell."""
    try:
        return neurons_by_name({name: weight.shape for name, weight in stored_weights(directory).items()})
    except (OSError, ValueError):  # no such files: a stage says so, better than this
        return None


def neurons_of(wildcards):
    """Return the number of a model's neurons, where it is known before the model is used."""
    settings = PLAN.models[wildcards.model]
    if (known := settings.known_neurons()) is not None:
        return known
    if manifest := described(wildcards):
        return manifest.neurons
    return neurons_in(settings.path) if settings.path and CONFIG.neurons.sites == "mlp" else None


def refuse_too_many(wildcards, k):
    """Refuse more units than a model is known to have neurons.

    Raises:
        StudyError: there are fewer.
    """
    model = wildcards.model
    if (neurons := neurons_of(wildcards)) is not None and k > neurons:
        key = f"models.{model}.k" if k == PLAN.models[model].k else "sweep.ks"
        raise StudyError(
            placed(f"{key}: {k:,} is more than the {neurons:,} neurons of {model}; take fewer", CONFIG_FILES, GIVEN)
        )


def made_weights(wildcards):
    """Return the weights that the workflow itself makes; none for a model on the hub or in a directory."""
    if kept := CONFIG.checkpoints.get(wildcards.model):
        return [f"<results>/models/{kept.model}/checkpoints"]
    made = PLAN.models[wildcards.model].source in ("train", "gguf")
    return [f"<results>/models/{wildcards.model}/weights/model.safetensors"] if made else []


def made_directory(wildcards):
    """Return the directory of those weights."""
    if kept := CONFIG.checkpoints.get(wildcards.model):
        return str(Path(CONFIG.results, "models", kept.model, "checkpoints", f"step{kept.step}"))
    made = PLAN.models[wildcards.model].source in ("train", "gguf")
    return str(Path(CONFIG.results, "models", wildcards.model, "weights")) if made else None


def given_files(wildcards):
    """Return the files of a model that lie outside the results, so that a changed one is noticed; none of the hub's."""
    settings = PLAN.models[wildcards.model]
    made = "weights/model.safetensors" if settings.source == "gguf" else "model.json"
    lacking = missing_of_model(PLAN, wildcards.model)
    refuse_without(lacking, f"{CONFIG.results}/models/{wildcards.model}/{made}")
    if settings.path is not None:
        return list(map(str, model_files(settings.path)))
    return [settings.gguf.file] if settings.gguf and settings.gguf.file and os.path.isfile(settings.gguf.file) else []


def given_to_describe(wildcards):
    """Return those files of a model that is described as it lies there, not unpacked or trained before."""
    return [] if made_weights(wildcards) else given_files(wildcards)


# Conditions


@refused
def ranking(wildcards):
    """Return the ranking of neurons that a condition takes its units from."""
    name = ConditionName.parse(wildcards.condition)
    refuse_too_many(wildcards, name.k)
    return f"<results>/experts/{wildcards.model}/{name.pooling}.h5"


def responses(wildcards):
    """Return the responses that a condition's parameters are made of, where its method needs them."""
    needed = PLAN.conditions.needs_responses(wildcards.condition)
    return [f"<results>/activations/{wildcards.model}.h5"] if needed else []


def unit_scores(wildcards):
    """Return the numbers, other than the ranking's, that a condition's units are selected by, where there are any."""
    folder = SCORED.get(PLAN.conditions.selection(wildcards.condition))
    return [f"<results>/{folder}/{wildcards.model}.h5"] if folder else []


@refused
def layer_means(wildcards):
    """Return the mean states of the layer that a condition changes."""
    method = ConditionName.parse(wildcards.condition).method
    layer = PLAN.conditions.changed_layer(method)
    if manifest := described(wildcards):
        try:
            module_of_layer(manifest.blocks, changed_layer(manifest.blocks, CONFIG.methods[method].layer))
        except StudyError as error:
            raise StudyError(
                placed(str(error).replace("methods.*", f"methods.{method}"), CONFIG_FILES, GIVEN)
            ) from None
    return f"<results>/layer_means/{wildcards.model}/{layer}.h5"


# Sweeps


def sweep_pooling(wildcards):
    """Return the pooling by which the experts of a sweep were found; None where it is on a layer."""
    return None if wildcards.pooling == "layer" else wildcards.pooling


def swept(wildcards):
    """Return the slugs of a sweep's conditions: by the number of experts, or by the strength of a compared method."""
    method = wildcards.method.removeprefix("-") or None
    return PLAN.sweeps.conditions(wildcards.model, wildcards.target, wildcards.pooling, method)


def swept_conditions(wildcards):
    """Return the conditions of a sweep.

    Raises:
        WorkflowError: the model writes no text.
    """
    if reason := PLAN.sweeps.why_none([wildcards.model]):
        raise WorkflowError(reason)
    return [paths.condition(slug, wildcards.model) for slug in swept(wildcards)]


# Tables


def table_inputs(shown):
    """Return the function that gives what a table is made of, or says why the study has no such table."""
    return refused(lambda wildcards: PLAN.shown.inputs(shown))


def table_files(tables):
    """Return the files of tables."""
    return [f"<results>/{shown.name}.{format}" for shown in tables for format in TABLE_FORMATS]


# Figures


def figure_inputs(kind):
    """Return the function that gives what a figure is made of, or says why the study has no such figure."""
    return refused(lambda wildcards: PLAN.shown.inputs(kind, wildcards.figure))


def figure_of_number(format):
    """Return the function that gives a file of the figure that has one of the paper's numbers."""
    return refused(lambda wildcards: f"<results>/figures/{PLAN.shown.figure(int(wildcards.number))}.{format}")


def figure_files(figures, formats=FIGURE_FORMATS):
    """Return the files of figures."""
    return [f"<results>/figures/{contents.path}.{format}" for _, contents in figures for format in formats]


# Report


# In the report that Snakemake makes (--report); the captions are those of the tables and figures themselves.
def in_snakemakes_report(path, shown, caption, labels):
    """Return an output that Snakemake's own report shows, in the chapter of its declaration."""
    (chapter,) = (each for each in CHAPTERS if each.name == shown.place.chapter)
    return report(path, caption=f"captions/{caption}.rst", category=chapter.title, labels=labels)


def labels_of_figure(kind):
    """Return the function that gives what Snakemake's report calls a figure of a kind."""
    return lambda wildcards: PLAN.shown.labels(kind, wildcards.figure)


def reported(shown, first_file):
    """Return whether something is in the report: it is the paper's, asked for, or was made before."""
    asked = "beyond" in workflow.dag_settings.targets
    return not shown.beyond or asked or Path(CONFIG.results, first_file).exists()


def reported_tables():
    """Return the tables of the report, which are known once Snakemake knows what is asked for."""
    return [table for table in PLAN.shown.tables() if reported(table, f"{table.name}.json")]


def reported_figures():
    """Return the figures of the report, with their kinds; what two numbers of the paper would show is there once."""
    figures = PLAN.shown.distinct(PLAN.shown.figures())
    return [(kind, contents) for kind, contents in figures if reported(kind, f"figures/{contents.path}.json")]


def reported_metrics():
    """Return the metrics that the report shows, by model."""
    return PLAN.shown.metrics(reported_tables(), reported_figures())


# Targets


def describe_rules():
    """Give each rule of a stage what the stage says of itself, for `snakemake --list`."""
    for each in workflow.rules:
        if stage := dict(each.params.items()).get("stage"):
            each.docstring = about_stage(stage, PACKAGE)


def made(path):
    """Return whether a rule makes a file, or would say why the study has none."""
    return any(each.is_producer(path) for each in workflow.rules)


def unknown_target(target):
    """Return that no rule makes a target, and what may be meant by it."""
    inside = [f"{CONFIG.results}/{part}" for part in (target, target.partition("/")[2]) if part]
    meant = next((f"{path}{end}" for path in inside for end in ("", ".csv", ".pdf") if made(path + end)), None)
    whole = [path for each in workflow.rules if not each.has_wildcards() for path in each.output]
    figures = [*figure_files(PLAN.shown.figures()), *(f"<results>/figure{n}.pdf" for n in PLAN.shown.figure_numbers)]
    known = [*whole, *(path.replace("<results>", CONFIG.results) for path in figures)]
    rule_names = [each.name for each in workflow.rules]
    near = f"did you mean {meant}?" if meant else did_you_mean(target, known if "/" in target else rule_names)
    listed = "`snakemake --list` has all rules, README.md the names of tables and figures"
    return f"{target}: no rule makes it; {f'{near} {listed}' if near else listed}."


def tell_unknown_target(error, file, *place, said=MissingRuleException.__init__, **more):
    """Have Snakemake say what may be meant where it finds no rule for a target."""
    said(error, file, *place, **more)
    if workflow.dag_settings and str(file) in workflow.dag_settings.targets:
        error.args = (unknown_target(str(file)),)


MissingRuleException.__init__ = tell_unknown_target
