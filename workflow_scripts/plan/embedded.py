"""What the wide jobs make: which embeddings a job of one model and condition writes, and which spaces one measures.

The outputs of a rule are the same for all of its jobs, so conditions and models with the same outputs share a rule.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workflow_scripts.config.study import Config
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.plan.conditions import Conditions
from workflow_scripts.plan.corpora import Corpora
from workflow_scripts.plan.models import Models
from workflow_scripts.plan.names import BASE, ConditionName, layer_path


@dataclass(frozen=True)
class Group:
    """Models and conditions of which each job writes the same files."""

    rule: str  # name of the rule
    models: list[str]
    conditions: str  # regular expression of their slugs
    parts: list[str]  # what tells the files apart: a data set with a layer, or a layer alone
    datasets: list[str]


@dataclass(frozen=True)
class Kind:
    """A kind of conditions that have the same data sets and layers: a pattern and one slug that stands for all."""

    pattern: str
    slug: str


class Embedded:
    """The files that each wide job writes."""

    def __init__(self, config: Config, models: Models, conditions: Conditions, corpora: Corpora):
        self._config, self._models, self._conditions, self._corpora = config, models, conditions, corpora
        self.alignment = config.study.alignment.dataset

    def layers(self, model: str, slug: str) -> list[str]:
        """Return the parts of paths of the layers that a model is embedded by under a condition, the main one first.

        Further layers are for the parallel corpus, unintervened, on experts, and for the shown target's control.
        """
        name = None if slug == BASE else ConditionName.parse(slug)
        layered = name is None or (
            name.method is None and (name.units == "expert" or name.target == self._config.study.shown_target)
        )
        main, further = self._config.embeddings.layer, self._models[model].layers
        return ["", *(layer_path(layer) for layer in further if layered and layer != main)]

    def files(self, model: str, slug: str) -> dict[str, list[str]]:
        """Return the data sets that a model embeds under a condition, with the layers of each as `layers` has them.

        A checkpoint embeds the parallel corpus alone.
        """
        of_checkpoint = model in self._config.checkpoints
        datasets = [self.alignment] if of_checkpoint else self._corpora.embedded_under(slug)
        return {name: self.layers(model, slug) if name == self.alignment else [""] for name in datasets}

    @property
    def embedding_groups(self) -> list[Group]:
        """Return the groups of jobs that embed sentences; a part is a data set with a layer, as `dev/layer-2`."""
        return self._grouped("embed_sentences", self.files)

    @property
    def layer_groups(self) -> list[Group]:
        """Return the groups of jobs that measure the space by further layers; a part is a layer, as `/layer-2`."""
        groups = self._grouped("measure_layers", lambda model, slug: {"": self.layers(model, slug)[1:]})
        return [group for group in groups if group.parts]

    def _grouped(self, rule: str, files: Callable[[str, str], dict[str, list[str]]]) -> list[Group]:
        """Return the groups of models and conditions that have the same files: layers by data set."""
        found: dict[tuple, tuple[dict[str, list[str]], list[str], list[str]]] = {}
        for model in self._models.nameable:
            patterns: dict[str, tuple[dict[str, list[str]], list[str]]] = {}
            for kind in self._kinds():
                there = files(model, kind.slug)
                patterns.setdefault(canonical_json(there), (there, []))[1].append(kind.pattern)
            for text, (there, of_model) in patterns.items():
                found.setdefault((text, *of_model), (there, of_model, []))[2].append(model)
        return [
            Group(
                rule=rule if len(found) == 1 else f"{rule}_{place}",
                models=models,
                conditions="|".join(of_models),
                parts=[f"{dataset}{layer}" for dataset, layers in there.items() for layer in layers],
                datasets=list(there),
            )
            for place, (there, of_models, models) in enumerate(found.values(), start=1)
        ]

    def _kinds(self) -> Iterator[Kind]:
        """Yield the kinds of conditions: unintervened, and of each target by experts, control and other methods."""
        yield Kind(BASE, BASE)
        pooling, method = self._conditions.poolings[0], next(iter(self._config.methods), None)
        for target in self._conditions.targets:
            yield Kind(self._conditions.expert_pattern([target]), f"{target}-expert-{pooling}-k1")
            yield Kind(self._conditions.random_pattern([target]), f"{target}-random-{pooling}-k1-s0")
            if method is not None:
                yield Kind(self._conditions.method_pattern([target]), f"{target}-layer-{method}")
