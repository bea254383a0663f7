"""The conditions and sweeps by the methods that the study's own intervention is compared with."""

from collections.abc import Iterable

from workflow_scripts.config.sections import ChangeSection
from workflow_scripts.config.study import Config
from workflow_scripts.interventions.registry import get_method, method_module
from workflow_scripts.plan.names import BASE, STRENGTH, UNTRAINED, ConditionName


class Compared:
    """What `methods` in the config asks for."""

    def __init__(self, config: Config):
        self.config = config
        self.study = config.study

    @property
    def poolings(self) -> list[str]:
        """Poolings by which experts are found."""
        return self.config.experts.poolings

    @property
    def compared_targets(self) -> list[str]:
        """Targets on which methods are compared."""
        chosen = self.study.comparison.targets if self.study.comparison else []
        return [target for target in self.study.targets if chosen is None or target in chosen]

    @property
    def methods(self) -> list[str]:
        """Names of the methods that the study's own intervention is compared with."""
        return self.study.comparison.methods if self.compared_targets else []

    @property
    def layer_methods(self) -> list[str]:
        """Names of all methods that act on layers."""
        return [name for name, each in self.config.methods.items() if get_method(each.method).on_layer]

    @property
    def changed_layers(self) -> list[str]:
        """The layers that compared methods act on, as the names of files have them."""
        layers = [self.changed_layer(name) for name in self.methods if name in self.layer_methods]
        return list(dict.fromkeys(layers))

    def changed_layer(self, method: str) -> str:
        """The layer that a method acts on, likewise: `2`, or `last`."""
        return str(self.config.methods[method].layer)

    def intervention(self, condition: ConditionName) -> ChangeSection:
        """What is done to the units of a condition."""
        return self.config.intervention if condition.method is None else self.config.methods[condition.method]

    def selection(self, condition: ConditionName) -> str:
        """Which neurons are the experts of a condition."""
        compared = self.config.methods.get(condition.method)
        return (compared and compared.selection) or self.config.experts.selection

    def draw(self, condition: ConditionName) -> str:
        """How the random units of a condition are drawn."""
        compared = self.config.methods.get(condition.method)
        return (compared and compared.draw) or self.config.random_control.draw

    @property
    def uses_lape(self) -> bool:
        """Whether a compared method selects its units by activation probabilities."""
        return any(self.config.methods[name].selection == "lape" for name in self.methods)

    def fitted_by_layer(self, condition: str) -> bool:
        """Whether a condition is fitted layer after layer."""
        return get_method(self.intervention(ConditionName.parse(condition)).method).fitted_by_layer

    def method_modules(self, condition: str) -> list[str]:
        """The modules of a condition's method, whose code every job on the condition depends on; none of `base`."""
        if condition in (BASE, UNTRAINED):
            return []
        return [method_module(self.intervention(ConditionName.parse(condition)).method)]

    def needs_responses(self, condition: str) -> bool:
        """Whether the parameters of a condition on units are made of responses to single sentences."""
        return get_method(self.intervention(ConditionName.parse(condition)).method).needs_responses

    def by_methods(self, model: str, targets: list[str] | None = None) -> list[str]:
        """Slugs of a model's conditions by compared methods, on those of some targets that these are compared on."""
        return [
            slug
            for method in self.methods
            for pooling in self.poolings_of(method)
            for target in self.compared_targets
            if targets is None or target in targets
            for slug in self.sweep_by(model, target, pooling, method)
        ]

    def poolings_of(self, method: str) -> list[str] | list[None]:
        """Poolings that a method has conditions with; one on layers knows of none."""
        return [None] if method in self.layer_methods else self.poolings

    def by_method(self, model: str, target: str, pooling: str | None, method: str) -> dict[float, list[str]]:
        """Slugs of the conditions by a compared method at each of its strengths; of random units, one a seed."""
        section = self.config.methods[method]
        return {
            strength: [
                str(ConditionName(target, *units, method=method, strength=strength))
                for units in self._units_of(model, pooling, section.units)
            ]
            for strength in section.strengths
        }

    def _units_of(self, model: str, pooling: str | None, units: str) -> Iterable[tuple]:
        """What the names of conditions say of their units, beside the target."""
        if pooling is None:
            return [("layer",)]
        k = self.config.models[model].k
        if units == "random":
            return [(units, pooling, k, seed) for seed in self.config.random_control.seeds]
        return [(units, pooling, k)]

    def sweep_by(self, model: str, target: str, pooling: str | None, method: str) -> list[str]:
        """Slugs of the conditions of a sweep over a method's strengths, with the model's own number of units."""
        return [slug for slugs in self.by_method(model, target, pooling, method).values() for slug in slugs]

    def sweeps_by_methods(self, targets: list[str]) -> list[str]:
        """Names of the sweeps of compared methods, as es-max-aura and es-layer-caa, of those of some targets."""
        return [
            f"{target}-{pooling or 'layer'}-{method}"
            for target in self.compared_targets
            if target in targets
            for method in self.methods
            for pooling in self.poolings_of(method)
        ]

    # Patterns of wildcards

    @property
    def layer_pattern(self) -> str:
        """Regular expression of every condition on a layer, at any strength."""
        return f"({'|'.join(self.study.targets)})-layer-{self._named(self.layer_methods)}"

    @property
    def by_layer_pattern(self) -> str:
        """Regular expression of every condition on experts that is fitted layer after layer."""
        return f"{self._on_experts}-{self._named(self._fitted_by_layer)}"

    @property
    def unit_pattern(self) -> str:
        """Regular expression of every other condition on experts or random units, at any k, seed and strength."""
        others = {*self.layer_methods, *self._fitted_by_layer}
        named = self._named([name for name in self.config.methods if name not in others])
        on_random = rf"({'|'.join(self.study.targets)})-random-({'|'.join(self.poolings)})-k\d+-s\d+"
        return f"({self._on_experts}|{on_random})(-{named})?"

    @property
    def _on_experts(self) -> str:
        return rf"({'|'.join(self.study.targets)})-expert-({'|'.join(self.poolings)})-k\d+"

    @property
    def _fitted_by_layer(self) -> list[str]:
        return [name for name, each in self.config.methods.items() if get_method(each.method).fitted_by_layer]

    @staticmethod
    def _named(methods: list[str]) -> str:
        return f"({'|'.join(methods) or '(?!)'})(-x{STRENGTH})?"
