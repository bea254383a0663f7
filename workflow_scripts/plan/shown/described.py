"""How the plan describes models, languages and panels to the stages of tables and figures."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workflow_scripts.plan import paths
from workflow_scripts.plan.shown.declaration import Contents

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def model(plan: "Plan", name: str, seen: bool = True) -> dict[str, Any]:
    """Return a model as tables and figures show it, with the languages that it has seen or without."""
    settings = plan.models[name]
    shown = {"name": name, "label": settings.label}
    if settings.architecture != "causal":  # as most are, whose slices need not say it
        shown["architecture"] = settings.architecture
    return {**shown, "seen": None if settings.seen == "all" else settings.seen} if seen else shown


def models(plan: "Plan", seen: bool = False) -> dict[str, Any]:
    """Return the models of the study and the poolings, the rows of most tables."""
    return {
        "models": [model(plan, name, seen) for name in plan.models.names],
        "poolings": plan.conditions.poolings,
    }


def published_models(plan: "Plan") -> dict[str, Any]:
    """Return the models of the study with their names in the published tables, and the poolings."""
    published = [{**model(plan, name), "published": plan.models[name].published} for name in plan.models.names]
    return {"models": published, "poolings": plan.conditions.poolings}


def names(plan: "Plan", codes: Iterable[str]) -> dict[str, str]:
    """Return the names of languages by their codes."""
    return {code: plan.config.language_table[code].name for code in codes}


def panels(plan: "Plan", contents: Contents, seen: bool = True) -> list[dict[str, Any]]:
    """Return the panels of a figure, every model with every target.

    Titled by both, or where one model has several targets by the target alone; with the languages that a model has
    seen, or without.
    """
    return [
        {
            "model": model(plan, name, seen),
            "target": target,
            "title": " · ".join([*labels, plan.config.language_table[target].name]),
        }
        for name in contents.models
        for labels in [[plan.models[name].label] if len(contents.models) > 1 or len(contents.targets) == 1 else []]
        for target in contents.targets
    ]


def space(plan: "Plan", contents: Contents) -> dict[str, Any]:
    """Return what a figure of the space of the parallel corpus shows."""
    alignment = plan.config.study.alignment
    return {
        "panels": panels(plan, contents),
        "poolings": plan.conditions.poolings,
        "languages": alignment.languages,
        "dataset": alignment.dataset,
        "names": names(plan, alignment.languages),
    }


def retrieval(plan: "Plan", contents: Contents) -> dict[str, Any]:
    """Return what a figure of retrieval on the parallel corpus shows."""
    return {**space(plan, contents), "similarity": plan.config.metrics.shown_similarity}


def pivoted(plan: "Plan") -> dict[str, Any]:
    """Return the parallel corpus and the name of MEXA's pivot in it."""
    pivot = plan.corpora.pivot
    return {"dataset": plan.config.study.alignment.dataset, "pivot_name": names(plan, [pivot])[pivot]}


def resampling(plan: "Plan") -> dict[str, Any]:
    """Return how bootstrap intervals are drawn."""
    return {"resampling": plan.config.correlations.model_dump()}


def space_metrics(plan: "Plan", name: str, conditions_of: paths.ConditionsOf, base: bool = True) -> list[str]:
    """Return a metric of the parallel corpus of all models under some conditions, and unintervened."""
    return paths.metrics(name, plan.embedded.alignment, plan.models.names, conditions_of, base)


def shown_metrics(plan: "Plan", name: str, contents: Contents, random: bool = False, base: bool = True) -> list[str]:
    """Return a metric of the parallel corpus that a figure shows, under experts or the random control."""
    conditions = plan.conditions.randoms_of if random else plan.conditions.experts_of
    return paths.metrics(
        name, plan.embedded.alignment, contents.models, lambda model: conditions(model, contents.targets), base
    )


def paraphrases(plan: "Plan", conditions_of, targets: list[str]) -> list[str]:
    """Return the accuracies of paraphrase retrieval of all models, under the conditions on some targets."""
    if not targets:
        return []
    dataset = plan.config.study.paraphrase.dataset
    return paths.metrics(
        "paraphrase", dataset, plan.models.names, lambda model: conditions_of(model, targets), base=False
    )


def sweeps(plan: "Plan", file: str, compared: bool = False, start: str = "") -> list[str]:
    """Return a file of every sweep of the models that write text, with those of compared methods or without.

    Of text that goes on from prompts, where `start` is `prompted/`.
    """
    return paths.sweeps(f"{start}{file}", plan.config.generating_models, plan.sweeps.names(compared))


def layered_metrics(plan: "Plan", names: Iterable[str]) -> list[str]:
    """Return metrics of every layer of all models with further layers, under every condition measured by layer."""
    return [
        paths.metric(name, plan.embedded.alignment, model, slug, layer)
        for model in plan.models.with_layers
        for layer in plan.models.layers_of(model).values()
        for slug in plan.conditions.by_layer(model)
        for name in names
    ]


def probe_metrics(plan: "Plan", name: str, conditions_of: paths.ConditionsOf, base: bool = True) -> list[str]:
    """Return a metric of probes of all models, on every data set that is probed."""
    datasets = dict.fromkeys(corpus.dataset for corpus in plan.corpora.probed.values())
    return [
        path for dataset in datasets for path in paths.metrics(name, dataset, plan.models.names, conditions_of, base)
    ]


def probes(plan: "Plan") -> list[dict[str, Any]]:
    """Return what probes tell, with the data set and the languages of each."""
    return [{"name": task, **corpus.model_dump()} for task, corpus in plan.corpora.probed.items()]


def similarities(plan: "Plan") -> list[str]:
    """Return the files that say how similar languages are, and by the subwords of each model."""
    subwords = [f"<results>/similarity/{model}/subwords.csv" for model in plan.models.names]
    return ["<results>/similarity/languages.csv", *subwords]
