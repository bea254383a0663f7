"""The sweeps of a study: over the number of experts, and over the strengths of the methods that are compared."""

from workflow_scripts.config.study import Config
from workflow_scripts.plan.conditions import Conditions
from workflow_scripts.plan.names import BASE, ConditionName
from workflow_scripts.tables.shown_models import without_text


class Sweeps:
    """The sweeps of the models that write text, by names like `es-max`, `es-max-aura` and `es-layer-caa`."""

    def __init__(self, config: Config, conditions: Conditions):
        self._config, self._conditions = config, conditions

    @property
    def targets(self) -> list[str]:
        """Return the targets of the sweep over the number of experts: those that there is text of."""
        corpus = self._config.used("perplexity")
        targets = self._config.study.targets
        return [] if corpus is None else [target for target in targets if target in corpus.languages]

    def names(self, compared: bool = True) -> list[str]:
        """Return the names of the sweeps of each model, with those by compared methods or without."""
        own = [f"{target}-{pooling}" for target in self.targets for pooling in self._conditions.poolings]
        return [*own, *(self._of_methods if compared else [])]

    @property
    def _of_methods(self) -> list[str]:
        return [
            f"{target}-{pooling or 'layer'}-{method}"
            for target in self._conditions.compared_targets
            if target in self.targets
            for method in self._conditions.methods
            for pooling in self._conditions.poolings_of(method)
        ]

    def conditions(self, model: str, target: str, pooling: str, method: str | None = None) -> list[str]:
        """Return the slugs of the conditions of a sweep.

        Args:
            model: The model, whose k is the number of units of a sweep over strengths.
            target: The target.
            pooling: The pooling by which experts are found, or `layer` for a method on a layer.
            method: The method whose strengths are swept; None for the number of experts, 0 being the unintervened
                model.
        """
        if method is None:
            ks = self._config.sweep.ks
            return [str(ConditionName(target, "expert", pooling, k)) if k else BASE for k in ks]
        by_strength = self._conditions.by_method(model, target, None if pooling == "layer" else pooling, method)
        return [slug for slugs in by_strength.values() for slug in slugs]

    def why_none(self, models: list[str]) -> str | None:
        """Return why none of these models has a sweep over the number of experts; None if one has."""
        if not set(models) & set(self._config.generating_models):
            return without_text([self._config.models[name] for name in models])
        return None if self.targets else "study.perplexity names no text in a target language."

    @property
    def models_with_methods(self) -> list[str]:
        """Return the models of which methods can be drawn against the perplexity that they cost."""
        drawn = self._conditions.methods and set(self.targets) & set(self._conditions.compared_targets)
        return self._config.generating_models if drawn else []
