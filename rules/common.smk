# The validated config, the plan made of it, and what rules share. No rules here.
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.insert(0, workflow.basedir)

from workflow_scripts.plan import demand
from workflow_scripts.config.files import refuse_repeated_keys
from workflow_scripts.config.study import read_config
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.failures import explain_failures
from workflow_scripts.jobs.fingerprint import fingerprint
from workflow_scripts.plan import BASE, LAYER_PATTERN, UNTRAINED, ConditionName, Plan, layer_path

CONFIG_FILES = list(map(str, workflow.configfiles))

try:
    refuse_repeated_keys(CONFIG_FILES)
    CONFIG = read_config(config, CONFIG_FILES)
except StudyError as error:
    raise WorkflowError(str(error)) from None

for warning in CONFIG.warnings:
    logger.warning(warning)

PLAN = Plan(CONFIG)
PACKAGE = Path(workflow.basedir, "workflow_scripts")
ALIGNMENT = CONFIG.study.alignment.dataset
PARAPHRASE = CONFIG.study.paraphrase.dataset
TOPICS = CONFIG.study.topics.dataset if CONFIG.study.topics else "none"
TREEBANK = CONFIG.study.treebank.dataset if CONFIG.study.treebank else "none"
# Tables beside the paper's numbered ones.
OTHER_TABLES = [
    *("centred", "abx", "similarity", "similarity_mixed"),
    *(["layers"] if PLAN.layered_models else []),
    *(["checkpoints"] if PLAN.kept_models else []),
    *(["transfer"] if PLAN.probed else []),
    *(["methods"] if PLAN.methods else []),
    *("claims", "replication"),
]
PERPLEXITY = CONFIG.study.perplexity.dataset if CONFIG.study.perplexity else "none"
MODEL_STAGES = [
    "train_model",
    "activations",
    "activation_probabilities",
    "layer_means",
    "by_layer_condition",
    "embeddings",
    "word_embeddings",
    "layer_embeddings",
    "generation",
    "perplexity",
]  # which tell what they used

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


def fetched_datasets():
    """Data sets of the study that lie on the hub or at a URL."""
    return [dataset for dataset in PLAN.datasets if CONFIG.datasets[dataset].source in ("hub", "url")]


def setting(name):
    """A setting of compute that a model may override, as a function of the wildcards."""

    def of_model(wildcards):
        own = getattr(CONFIG.every_model[wildcards.model], name)
        return getattr(CONFIG.compute, name) if own is None else own

    return of_model


def gpus(wildcards):
    """GPUs that a job takes which runs this model."""
    return 0 if setting("device")(wildcards) == "cpu" else 1


def model_memory(wildcards, attempt):
    """Memory in MB that a job asks a cluster for which loads this model."""
    return demand.memory(CONFIG.every_model[wildcards.model], attempt)


def model_minutes(stage):
    """Time that a stage's job asks a cluster for, as a function of the wildcards."""

    def of_model(wildcards, attempt):
        return demand.minutes(CONFIG.every_model[wildcards.model], setting("device")(wildcards), stage, attempt)

    return of_model


def grown(amount):
    """Something of which a job asks for more at each attempt, as a function of the wildcards."""

    def at_attempt(wildcards, attempt):
        return attempt * amount

    return at_attempt


def model_weights(wildcards):
    """Weights that the workflow itself makes; none for a model on the hub or in a directory."""
    if kept := CONFIG.checkpoints.get(wildcards.model):
        return [f"<results>/models/{kept.model}/checkpoints"]
    made = CONFIG.models[wildcards.model].source in ("train", "gguf")
    return [f"<results>/models/{wildcards.model}/weights/model.safetensors"] if made else []


def model_directory(wildcards):
    """Directory of those weights."""
    if kept := CONFIG.checkpoints.get(wildcards.model):
        return str(Path(CONFIG.results, "models", kept.model, "checkpoints", f"step{kept.step}"))
    made = CONFIG.models[wildcards.model].source in ("train", "gguf")
    return str(Path(CONFIG.results, "models", wildcards.model, "weights")) if made else None


def ranking(wildcards):
    """The ranking of neurons that a condition takes its units from."""
    pooling = ConditionName.parse(wildcards.condition).pooling
    return f"<results>/experts/{wildcards.model}/{pooling}.h5"


def responses(wildcards):
    """The responses that a condition's parameters are made of, where its method needs them."""
    needed = PLAN.needs_responses(wildcards.condition)
    return [f"<results>/activations/{wildcards.model}.h5"] if needed else []


def layer_means(wildcards):
    """The mean states of the layer that a condition changes."""
    layer = PLAN.changed_layer(ConditionName.parse(wildcards.condition).method)
    return f"<results>/layer_means/{wildcards.model}/{layer}.h5"


def probabilities(wildcards):
    """The activation probabilities that a condition's units are selected by, where they are."""
    selected = PLAN.selection(ConditionName.parse(wildcards.condition)) == "lape"
    return [f"<results>/activation_probabilities/{wildcards.model}.h5"] if selected else []


def metric(name, dataset, condition="{condition}", layer=""):
    """Path of a metric CSV, by the main layer or by one that `layer` names, like `/layer-2`."""
    return f"<results>/metrics/{{model}}/{condition}/{dataset}{layer}/{name}.csv"


def aligned_embeddings(condition="{condition}"):
    """Path of the embeddings of the parallel corpus that distances and retrieval are measured on, by any layer."""
    return f"<results>/embeddings/{{model}}/{condition}/{ALIGNMENT}{{layer}}.h5"


def metrics(name, dataset, conditions_of, base=True):
    """Metric CSVs of all models, under the conditions that a function of the model gives, and unintervened."""
    return [
        metric(name, dataset, condition).format(model=model)
        for model in CONFIG.study.models
        for condition in [*([BASE] if base else []), *conditions_of(model)]
    ]


COMPARED = ("alignment", "abx")  # metric CSVs by which layers, and steps of a training, are compared


def layered_metrics():
    """Those of every layer, of all models with further layers, under every condition that is measured by layer."""
    return [
        metric(name, ALIGNMENT, condition, layer).format(model=model)
        for model in PLAN.layered_models
        for layer in PLAN.layers_of(model).values()
        for condition in PLAN.layered(model)
        for name in COMPARED
    ]


def checkpoint_metrics():
    """Those of all models of which checkpoints are kept, at every step, unintervened."""
    return [
        metric(name, ALIGNMENT, BASE).format(model=checkpoint)
        for model in PLAN.kept_models
        for checkpoint in PLAN.steps_of(model)
        for name in COMPARED
    ]


def paraphrases(conditions_of, targets):
    """Metric CSVs of paraphrase retrieval, of all models and some targets."""
    return metrics("paraphrase", PARAPHRASE, lambda model: conditions_of(model, targets), base=False)


def translations():
    """Metric CSVs of the retrieval of translations, of all models and data sets, unintervened too."""
    return [
        path
        for dataset, targets in PLAN.translated.items()
        for path in metrics("translation", dataset, lambda model: PLAN.experts_of(model, targets))
    ]


def similarities():
    """CSVs of how similar languages are, and of that by the subwords of each model."""
    return ["<results>/similarity/languages.csv"] + expand(
        "<results>/similarity/{model}/subwords.csv", model=CONFIG.study.models
    )


def transfers(name, conditions_of, base=True, untrained=False):
    """Metric CSVs of probes, of all models."""
    paths = metrics(name, TOPICS, conditions_of, base) if CONFIG.study.topics else []
    if CONFIG.study.treebank:
        paths += metrics(name, TREEBANK, conditions_of, base)
        if untrained:
            paths += metrics(name, TREEBANK, lambda model: [UNTRAINED], base=False)
    return paths


def experts_and_randoms(model, targets=None):
    """Conditions on experts and their random controls."""
    return [*PLAN.experts_of(model, targets), *PLAN.randoms_of(model, targets)]


def compared(model, targets=None):
    """Conditions of the study's intervention and of the methods that it is compared with."""
    chosen = [target for target in PLAN.compared_targets if targets is None or target in targets]
    return [*PLAN.experts_of(model, chosen), *PLAN.by_methods(model, chosen)]


def figure_metrics(name, figure, base=True):
    """Metric CSVs that a figure shows."""
    contents = PLAN.contents(figure)
    changed = PLAN.randoms_of if contents.units == "random" else PLAN.experts_of
    return [
        metric(name, ALIGNMENT, condition).format(model=model)
        for model in contents.models
        for condition in [*([BASE] if base else []), *changed(model, contents.targets)]
    ]


def sweep_pooling(wildcards):
    """The pooling by which the experts of a sweep were found; none where it is on a layer."""
    return None if wildcards.pooling == "layer" else wildcards.pooling


def swept(wildcards):
    """Conditions of a sweep over the number of experts, or over the strengths of a compared method.

    Raises:
        WorkflowError: the model writes no text.
    """
    if reason := PLAN.why_no_sweep([wildcards.model]):
        raise WorkflowError(reason)
    if method := wildcards.method.removeprefix("-"):
        slugs = PLAN.sweep_by(wildcards.model, wildcards.target, sweep_pooling(wildcards), method)
    else:
        slugs = PLAN.sweep(wildcards.target, wildcards.pooling)
    return [f"<results>/conditions/{wildcards.model}/{slug}.json" for slug in slugs]


def sweeps(name, compared=False):
    """A file of every sweep of the study, those of models that write text; by compared methods too where wanted."""
    return expand(
        f"<results>/sweeps/{{model}}/{{sweep}}/{name}",
        model=CONFIG.generating_models,
        sweep=PLAN.sweeps(compared),
    )


def shown_sweeps(name):
    """The same for Figure 2, as a function of the wildcards, which refuses where there are none."""

    def of_study(wildcards):
        if reason := PLAN.why_no_sweep(CONFIG.study.models):
            raise WorkflowError(f"This study has no Figure 2. {reason}")
        return sweeps(name)

    return of_study


def measured():
    """The measured jobs of the study by stage, each as its path among benchmarks and logs."""
    models = CONFIG.study.models
    changed = [
        (model, condition) for model in models for condition in [*experts_and_randoms(model), *PLAN.by_methods(model)]
    ]
    embedded = [(model, BASE, dataset) for model in models for dataset in PLAN.embedded_datasets]
    for model, condition in changed:
        embedded += [(model, condition, dataset) for dataset in PLAN.datasets_under(condition)]
    words = [(model, condition) for model in models for condition in [BASE, UNTRAINED, *PLAN.experts_of(model)]]
    swept = [(model, name) for model in CONFIG.generating_models for name in PLAN.sweeps()]
    jobs = {
        "train_model": [(model,) for model in PLAN.models_from("train")],
        "activations": [(model,) for model in models],
        "experts": [(model, pooling) for model in models for pooling in PLAN.poolings],
        "activation_probabilities": [(model,) for model in models if PLAN.uses_lape],
        "layer_means": [(model, layer) for model in models for layer in PLAN.changed_layers],
        "by_layer_condition": [
            (model, slug) for model in models for slug in PLAN.by_methods(model) if PLAN.fitted_by_layer(slug)
        ],
        "embeddings": embedded,
        "word_embeddings": words if CONFIG.study.treebank else [],
        "layer_embeddings": [
            (model, condition) for model in models if CONFIG.models[model].layers for condition in PLAN.layered(model)
        ],
        "retrieval": [(model, BASE) for model in models] + changed,
        "generation": swept,
        "perplexity": swept,
        "projection": [(model,) for model in models],
    }
    return {stage: ["/".join([stage, *job]) for job in of_stage] for stage, of_stage in jobs.items() if of_stage}


def measured_jobs(stages=None):
    """The same of some stages, or of all, in one list."""
    return [job for stage, jobs in measured().items() if stages is None or stage in stages for job in jobs]


def table(name):
    """Output files of a table."""
    suffixes = {"csv": "csv", "markdown": "md", "latex": "tex", "json": "json"}
    return {option: f"<results>/{name}.{suffix}" for option, suffix in suffixes.items()}


def figure(path):
    """Output files of a figure."""
    return {suffix: f"<results>/figures/{path}.{suffix}" for suffix in ("pdf", "png", "csv", "json")}


def figure_of_number(suffix):
    """A file of the figure that has one of the paper's numbers, as a function of the wildcards."""

    def of_number(wildcards):
        try:
            return f"<results>/figures/{PLAN.figure(int(wildcards.number))}.{suffix}"
        except StudyError as error:
            raise WorkflowError(str(error)) from None

    return of_number
