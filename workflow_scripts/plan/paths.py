"""Where results lie, so that rules and declarations name a file in one way; `<results>` is the study's folder."""

from collections.abc import Callable, Iterable

from workflow_scripts.plan.names import BASE

SPACE = ("distances", "medoid", "retrieval", "alignment", "abx")  # CSVs that one job measures of a space
NGRAMS = "<results>/ngrams/transfer.csv"  # scores of probes of topics on character n-grams
SUFFIXES = {"retrieved": "parquet"}  # of metrics that are no CSV
ConditionsOf = Callable[[str], Iterable[str]]  # slugs of conditions by the name of a model


def metric(name: str, dataset: str, model: str = "{model}", condition: str = "{condition}", layer: str = "") -> str:
    """Return the path of a metric, by the main layer or by one that `layer` names, like `/layer-2`."""
    return f"<results>/metrics/{model}/{condition}/{dataset}{layer}/{name}.{SUFFIXES.get(name, 'csv')}"


def embeddings(dataset: str, model: str = "{model}", condition: str = "{condition}", layer: str = "") -> str:
    """Return the path of the sentence embeddings of a data set, by the main layer or by another."""
    return f"<results>/embeddings/{model}/{condition}/{dataset}{layer}.h5"


def words(dataset: str, model: str = "{model}", condition: str = "{condition}") -> str:
    """Return the path of the word embeddings of a treebank."""
    return f"<results>/words/{model}/{condition}/{dataset}.h5"


def texts(dataset: str = "{dataset}") -> str:
    """Return the path of a data set's texts."""
    return f"<results>/texts/{dataset}.parquet"


def manifest(model: str = "{model}") -> str:
    """Return the path of a model's manifest."""
    return f"<results>/models/{model}/model.json"


def experts(model: str = "{model}", pooling: str = "{pooling}", target: str = "{target}") -> str:
    """Return the path of the table of a target's experts."""
    return f"<results>/experts/{model}/{pooling}/{target}.csv"


def condition(slug: str = "{condition}", model: str = "{model}") -> str:
    """Return the path of a condition."""
    return f"<results>/conditions/{model}/{slug}.json"


def metrics(
    name: str, dataset: str, models: Iterable[str], conditions_of: ConditionsOf, base: bool = True
) -> list[str]:
    """Return a metric of some models under conditions that a function gives, and unintervened."""
    return [
        metric(name, dataset, model, slug)
        for model in models
        for slug in [*([BASE] if base else []), *conditions_of(model)]
    ]


def sweeps(file: str, models: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return a file of every sweep of some models."""
    return [f"<results>/sweeps/{model}/{name}/{file}" for model in models for name in names]
