"""The conditions of a study: which units of a model are changed, and what is done to them."""

from collections.abc import Iterable

from workflow_scripts.config.sections import ChangeSection
from workflow_scripts.config.study import Config
from workflow_scripts.interventions.registry import get_method, method_module
from workflow_scripts.plan.names import BASE, STRENGTH, UNTRAINED, ConditionName


class Conditions:
    """The conditions that a study asks for, by their slugs, and the patterns of all that can be asked for."""

    def __init__(self, config: Config):
        self._config = config
        self.targets = config.study.targets
        self.poolings = config.experts.poolings
        self.seeds = config.random_control.seeds

    # The study's own intervention

    def expert(self, model: str, target: str, pooling: str) -> str:
        """Return the slug of the condition on a target's experts, with the model's k."""
        return str(ConditionName(target, "expert", pooling, self._config.every_model[model].k))

    def random(self, model: str, target: str, pooling: str) -> list[str]:
        """Return the slugs of the random control of that condition, one per seed."""
        k = self._config.every_model[model].k
        return [str(ConditionName(target, "random", pooling, k, seed)) for seed in self.seeds]

    def experts_of(self, model: str, targets: list[str] | None = None) -> list[str]:
        """Return the slugs of a model's conditions on experts, of all targets or of some."""
        return [
            self.expert(model, target, pooling)
            for pooling in self.poolings
            for target in (self.targets if targets is None else targets)
        ]

    def randoms_of(self, model: str, targets: list[str] | None = None, first: bool = False) -> list[str]:
        """Return the slugs of the random controls of a model's conditions: of all seeds, or of the first alone."""
        return [
            slug
            for pooling in self.poolings
            for target in (self.targets if targets is None else targets)
            for slug in self.random(model, target, pooling)[: 1 if first else None]
        ]

    def experts_and_randoms(self, model: str, targets: list[str] | None = None) -> list[str]:
        """Return the slugs of a model's conditions on experts and of their random controls."""
        return [*self.experts_of(model, targets), *self.randoms_of(model, targets)]

    def projected(self, model: str) -> list[str]:
        """Return the slugs of the conditions whose space is projected: experts, and one draw of each control."""
        return [*self.experts_of(model), *self.randoms_of(model, first=True)]

    def by_layer(self, model: str) -> list[str]:
        """Return the slugs of the conditions that are measured by layer.

        The unintervened model, experts, and one draw of the random control of the shown target.
        """
        shown = self._config.study.shown_target
        return [BASE, *self.experts_of(model), *self.randoms_of(model, [shown], first=True)]

    # The methods that it is compared with

    @property
    def compared_targets(self) -> list[str]:
        """Return the targets on which methods are compared."""
        comparison = self._config.study.comparison
        chosen = comparison.targets if comparison else []
        chosen = [self._config.study.shown_target] if chosen == "shown" else chosen
        return [target for target in self.targets if chosen is None or target in chosen]

    @property
    def methods(self) -> list[str]:
        """Return the names of the methods that the study's own intervention is compared with."""
        return self._config.study.comparison.methods if self.compared_targets else []

    @property
    def layer_methods(self) -> list[str]:
        """Return the names of all methods that act on layers."""
        return [name for name, each in self._config.methods.items() if get_method(each.method).on_layer]

    def changed_layer(self, method: str) -> str:
        """Return the layer that a method acts on, as the names of files have it: `2`, or `last`."""
        return str(self._config.methods[method].layer)

    @property
    def changed_layers(self) -> list[str]:
        """Return the layers that compared methods act on."""
        layers = [self.changed_layer(name) for name in self.methods if name in self.layer_methods]
        return list(dict.fromkeys(layers))

    def needs_covariance(self, layer: str) -> bool:
        """Return whether a method of the config on this layer needs how the layer's states vary within a language."""
        on_this = [name for name in self.layer_methods if self.changed_layer(name) == layer]
        return any(get_method(self._config.methods[name].method).needs_covariance for name in on_this)

    def poolings_of(self, method: str) -> list[str] | list[None]:
        """Return the poolings that a method has conditions with; a method on layers knows none."""
        return [None] if method in self.layer_methods else self.poolings

    def by_method(self, model: str, target: str, pooling: str | None, method: str) -> dict[float, list[str]]:
        """Return the slugs of the conditions by a compared method at each strength; of random units one per seed."""
        section = self._config.methods[method]
        return {
            strength: [
                str(ConditionName(target, *units, method=method, strength=strength))
                for units in self._units_of(model, pooling, section.units)
            ]
            for strength in section.strengths
        }

    def _units_of(self, model: str, pooling: str | None, units: str) -> Iterable[tuple]:
        """Yield what the names of conditions say of their units, beside the target."""
        if pooling is None:
            return [("layer",)]
        k = self._config.models[model].k
        if units == "random":
            return [(units, pooling, k, seed) for seed in self.seeds]
        return [(units, pooling, k)]

    def by_methods(self, model: str, targets: list[str] | None = None) -> list[str]:
        """Return the slugs of a model's conditions by compared methods, on all compared targets or on some."""
        return [
            slug
            for method in self.methods
            for pooling in self.poolings_of(method)
            for target in self.compared_targets
            if targets is None or target in targets
            for slugs in self.by_method(model, target, pooling, method).values()
            for slug in slugs
        ]

    def compared(self, model: str, targets: list[str] | None = None) -> list[str]:
        """Return the slugs of the study's intervention and of the methods that it is compared with."""
        chosen = [target for target in self.compared_targets if targets is None or target in targets]
        return [*self.experts_of(model, chosen), *self.by_methods(model, chosen)]

    # What a condition is

    def intervention(self, slug: str) -> ChangeSection:
        """Return what is done to the units of a condition."""
        method = ConditionName.parse(slug).method
        return self._config.intervention if method is None else self._config.methods[method]

    def strength(self, slug: str) -> float:
        """Return the strength of a condition's intervention."""
        name = ConditionName.parse(slug)
        return self._config.intervention.strength if name.method is None else name.strength

    def selection(self, slug: str) -> str:
        """Return how the experts of a condition are selected."""
        compared = self._config.methods.get(ConditionName.parse(slug).method)
        return (compared and compared.selection) or self._config.experts.selection

    def draw(self, slug: str) -> str:
        """Return how the random units of a condition are drawn."""
        compared = self._config.methods.get(ConditionName.parse(slug).method)
        return (compared and compared.draw) or self._config.random_control.draw

    def fitted_by_layer(self, slug: str) -> bool:
        """Return whether a condition is fitted layer after layer."""
        return get_method(self.intervention(slug).method).fitted_by_layer

    def method_modules(self, slug: str) -> list[str]:
        """Return the module of a condition's method, on whose code every job on it depends; none of `base`."""
        return [] if slug in (BASE, UNTRAINED) else [method_module(self.intervention(slug).method)]

    def needs_responses(self, slug: str) -> bool:
        """Return whether the parameters of a condition on units are made of responses to single sentences."""
        return get_method(self.intervention(slug).method).needs_responses

    # Patterns of wildcards

    @property
    def layer_pattern(self) -> str:
        """Return the regular expression of every condition on a layer, at any strength."""
        return f"({'|'.join(self.targets)})-layer-{_named(self.layer_methods)}"

    @property
    def by_layer_pattern(self) -> str:
        """Return the regular expression of every condition on experts that is fitted layer after layer."""
        return f"{self.expert_pattern()}-{_named(self._fitted_by_layer)}"

    @property
    def unit_pattern(self) -> str:
        """Return the regular expression of every other condition on units, at any k, seed and strength."""
        others = {*self.layer_methods, *self._fitted_by_layer}
        named = _named([name for name in self._config.methods if name not in others])
        return f"({self.expert_pattern()}|{self.random_pattern()})(-{named})?"

    @property
    def changed_pattern(self) -> str:
        """Return the regular expression of every condition but the unintervened model's, at any k and seed."""
        return f"{self.unit_pattern}|{self.by_layer_pattern}|{self.layer_pattern}"

    @property
    def pattern(self) -> str:
        """Return the regular expression of every condition that can be asked for."""
        return f"{BASE}|{self.changed_pattern}"

    def expert_pattern(self, targets: list[str] | None = None) -> str:
        """Return the regular expression of conditions on experts by the study's own intervention, at any k."""
        return rf"({'|'.join(targets or self.targets)})-expert-({'|'.join(self.poolings)})-k\d+"

    def random_pattern(self, targets: list[str] | None = None) -> str:
        """Return the regular expression of random controls by the study's own intervention, at any k and seed."""
        return rf"({'|'.join(targets or self.targets)})-random-({'|'.join(self.poolings)})-k\d+-s\d+"

    def method_pattern(self, targets: list[str] | None = None) -> str:
        """Return the regular expression of conditions by any method under `methods`, at any k, seed and strength."""
        units = (
            f"{self.expert_pattern(targets)}|{self.random_pattern(targets)}|({'|'.join(targets or self.targets)})-layer"
        )
        return f"({units})-{_named(list(self._config.methods))}"

    @property
    def _fitted_by_layer(self) -> list[str]:
        return [name for name, each in self._config.methods.items() if get_method(each.method).fitted_by_layer]


def _named(methods: list[str]) -> str:
    return f"({'|'.join(methods) or '(?!)'})(-x{STRENGTH})?"
