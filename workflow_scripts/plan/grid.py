"""The grid of a study: the models, conditions, data sets, tables and figures that its config asks for."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

from workflow_scripts.config.models import ModelConfig
from workflow_scripts.config.sections import ROLES, Corpus
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.plan.compared import Compared
from workflow_scripts.plan.names import BASE, NUMBERS, ConditionName, FigureContents, FigureName, layer_path, numbered
from workflow_scripts.tables.shown_models import without_text

# Which the paper does not have; one a model, of some kinds where there is something to show.
OTHER_FIGURES = ("abx", "abx_pairs", "methods", "similarity", "layers", "checkpoints", "transfer")
# What probes tell, by the role of the data set that it is told of.
PROBES = {"topics": ["topics"], "treebank": ["tags", "attachment"]}


class Grid(Compared):
    """What there is in a study."""

    @property
    def recorded_poolings(self) -> list[str]:
        """Poolings that are recorded: those of the experts, and the mean if a forced value needs it."""
        needed = ["mean"] if self.forces_token_means else []
        return list(dict.fromkeys([*self.poolings, *needed]))

    @property
    def forces_token_means(self) -> bool:
        """Whether an intervention forces units to their mean over all tokens."""
        return any(each.forced_value == "token_mean" for each in self.config.interventions.values())

    @property
    def datasets(self) -> list[str]:
        """Data sets that the study uses, in its roles or to train a model."""
        roles = [corpus.dataset for corpus in self._corpora(ROLES)]
        trained = [self.config.models[name].train for name in self.study.models]
        used = [name for train in trained if train for name in (train.dataset, train.held_out)]
        return list(dict.fromkeys([*roles, *used]))

    def models_from(self, source: str) -> list[str]:
        """Models of the study that come from `hub`, `path`, `gguf` or `train`."""
        return [name for name in self.study.models if self.config.models[name].source == source]

    @property
    def every_model(self) -> dict[str, ModelConfig]:
        """Models by name, and the checkpoints of the study's: each is a model wherever one can be named."""
        return self.config.every_model

    def checkpoints_of(self, model: str) -> dict[str, int]:
        """Names of a model's checkpoints, and their steps in ascending order."""
        return {name: kept.step for name, kept in self.config.checkpoints.items() if kept.model == model}

    def steps_of(self, model: str) -> dict[str, int]:
        """A trained model's checkpoints and itself, as names of models and the steps they were trained for."""
        return {**self.checkpoints_of(model), model: self.config.models[model].train.steps}

    @property
    def kept_models(self) -> list[str]:
        """Models of the study of which checkpoints are kept."""
        return [model for model in self.study.models if self.checkpoints_of(model)]

    @property
    def layered_models(self) -> list[str]:
        """Models of the study that are measured by further layers, too."""
        return [model for model in self.study.models if self.config.models[model].layers]

    def layers_of(self, model: str) -> dict[str, str]:
        """Layers that a model is measured by, in their order: names, and the part of paths that each has.

        The main one has none, and is there once, should it also be among the further ones.
        """
        main = self.config.embeddings.layer
        further = {layer: layer_path(layer) for layer in self.config.models[model].layers if layer != main}
        ordered = sorted({main: "", **further}.items(), key=lambda item: math.inf if item[0] == "last" else item[0])
        return {str(layer): path for layer, path in ordered}

    @property
    def pivot(self) -> str:
        """Language that MEXA takes for the pivot: English, else the first of the parallel corpus."""
        languages = self.study.alignment.languages
        return "en" if "en" in languages else languages[0]

    @property
    def nameable_models(self) -> list[str]:
        """Models that files can be asked for of: those of the study and their checkpoints."""
        return [name for model in self.study.models for name in (model, *self.checkpoints_of(model))]

    def layered(self, model: str) -> list[str]:
        """Slugs of the conditions measured by layer: base, experts, one draw of the shown target's random control."""
        return [BASE, *self.experts_of(model), *self.randoms_of(model, [self.study.shown_target], first=True)]

    def expert(self, model: str, target: str, pooling: str) -> str:
        """Slug of the condition on a target's experts, with the model's k."""
        return str(ConditionName(target, "expert", pooling, self.every_model[model].k))

    def random(self, model: str, target: str, pooling: str) -> list[str]:
        """Slugs of the random control of that condition, one a seed."""
        k, seeds = self.every_model[model].k, self.config.random_control.seeds
        return [str(ConditionName(target, "random", pooling, k, seed)) for seed in seeds]

    def experts_of(self, model: str, targets: list[str] | None = None) -> list[str]:
        """Slugs of all expert conditions of a model."""
        return [
            self.expert(model, target, pooling)
            for pooling in self.poolings
            for target in (self.study.targets if targets is None else targets)
        ]

    def randoms_of(self, model: str, targets: list[str] | None = None, first: bool = False) -> list[str]:
        """Slugs of the random controls of a model's expert conditions: of all seeds, or of the first alone."""
        return [
            slug
            for pooling in self.poolings
            for target in (self.study.targets if targets is None else targets)
            for slug in self.random(model, target, pooling)[: 1 if first else None]
        ]

    def projected(self, model: str) -> list[str]:
        """Slugs of the conditions whose space is projected: experts, and one draw of each random control."""
        return [*self.experts_of(model), *self.randoms_of(model, first=True)]

    def sweep(self, target: str, pooling: str) -> list[str]:
        """Slugs of the conditions of a sweep over the number of experts; none is the unintervened model."""
        ks = self.config.sweep.ks
        return [str(ConditionName(target, "expert", pooling, k)) if k else BASE for k in ks]

    @property
    def sweep_targets(self) -> list[str]:
        """Targets of the sweep over the number of experts: those that there is text of."""
        corpus = self.config.used("perplexity")
        return [] if corpus is None else [target for target in self.study.targets if target in corpus.languages]

    @property
    def models_with_methods(self) -> list[str]:
        """Models of which methods can be drawn against the perplexity that they cost."""
        drawn = self.methods and set(self.sweep_targets) & set(self.compared_targets)
        return self.config.generating_models if drawn else []

    def why_no_sweep(self, models: list[str]) -> str | None:
        """Why none of these models has a sweep over the number of experts; None if one has."""
        if not set(models) & set(self.config.generating_models):
            return without_text([self.config.models[name] for name in models])
        return None if self.sweep_targets else "study.perplexity names no text in a target language."

    def sweeps(self, compared: bool = True) -> list[str]:
        """Names of the sweeps of each model, like es-max, and by compared methods, as es-max-aura, es-layer-caa."""
        targets = self.sweep_targets
        own = [f"{target}-{pooling}" for target in targets for pooling in self.poolings]
        return [*own, *(self.sweeps_by_methods(targets) if compared else [])]

    @property
    def translated(self) -> dict[str, list[str]]:
        """Data sets of Table 7, with the targets among their languages."""
        return {corpus.dataset: corpus.languages for corpus in self._corpora(("translation", "mining"))}

    def paraphrase_targets(self, shown: bool | None = None) -> list[str]:
        """Targets that there are paraphrases of: of Table 3 (the shown one), of Table 5 (the others), or all."""
        codes = self.study.paraphrase.languages
        there = [code for code in self.study.targets if code in codes]
        return [code for code in there if shown is None or (code == self.study.shown_target) == shown]

    @property
    def tables(self) -> list[int]:
        """The paper's numbers of the tables that the study has content for."""
        with_content = {
            3: self.paraphrase_targets(shown=True),
            5: self.paraphrase_targets(shown=False),
            6: self.paraphrase_targets() and self.config.random_control.seeds,
            7: self.translated,
        }
        return [number for number in range(1, 8) if with_content.get(number, True)]

    @property
    def figures(self) -> list[FigureName]:
        """The figures of this study: the paper's, in its order, then others; those beyond its numbers have none."""
        shown = self.study.shown_target
        several = [
            *(FigureName(f"projection/{model}/{target}", "projection") for model, target in self._models_and_targets()),
            *(
                FigureName(f"{kind}/{model}", kind)
                for kind in ("retrieval_other_targets", "retrieval_change_other_targets")
                for model in (self.study.models if self.other_targets else [])
            ),
            *(
                FigureName(f"{kind}/{model}", kind)
                for kind in ("projection_random", "retrieval_random")
                for model in (self.study.models if self.config.random_control.seeds else [])
            ),
        ]
        return [
            FigureName(f"overview/{shown}", "overview", 1),
            *([FigureName("sweep", "sweep", 2)] if self.sweep_targets else []),
            FigureName(f"projection/{shown}", "projection", 3),
            FigureName(f"retrieval/{shown}", "retrieval", 4),
            FigureName(f"retrieval_change/{shown}", "retrieval_change", 5),
            *numbered(several),
            *(FigureName(f"{kind}/{model}", kind) for kind in OTHER_FIGURES for model in self._models_shown(kind)),
        ]

    @property
    def probed(self) -> dict[str, Corpus]:
        """What probes tell, with the data set and the languages."""
        corpora = {role: self.config.used(role) for role in PROBES}
        return {task: corpus for role, corpus in corpora.items() if corpus is not None for task in PROBES[role]}

    @property
    def other_targets(self) -> list[str]:
        """Targets but the shown one."""
        return [target for target in self.study.targets if target != self.study.shown_target]

    def figure(self, number: int) -> str:
        """Path of the figure of a number.

        Raises:
            StudyError: the study has no such figure.
        """
        there = {figure.number: figure.path for figure in self.figures if figure.number}
        if number not in there:
            reason = self.why_no_sweep(self.study.models) if number == 2 else f"It has {', '.join(map(str, there))}."
            raise StudyError(f"This study has no Figure {number}. {reason}")
        return there[number]

    def contents(self, figure: str) -> FigureContents:
        """What the figure of a path shows."""
        kind, _, name = figure.partition("/")
        if kind.endswith("_random"):
            return FigureContents([name], self.study.targets, "random")
        if kind in OTHER_FIGURES:
            return FigureContents([name], self.study.targets)
        if kind.endswith("_other_targets"):
            return FigureContents([name], self.other_targets)
        model, _, target = name.rpartition("/")
        return FigureContents([model] if model else self.study.models, [target])

    def embedded_languages(self, condition: str, dataset: str) -> list[str]:
        """Languages embedded under a condition: of all but parallel corpora the target alone is compared."""
        changed = None if condition == BASE else ConditionName.parse(condition).target
        codes: list[str] = []
        for role in ("alignment", "topics", "paraphrase", "translation", "mining"):
            if (corpus := self.config.used(role)) is not None and corpus.dataset == dataset:
                only = role not in ("alignment", "topics") and changed in corpus.languages
                codes += [changed] if only else corpus.languages
        return list(dict.fromkeys(codes))

    @property
    def embedded_datasets(self) -> list[str]:
        """Data sets that the unintervened model embeds."""
        corpora = self._corpora(("alignment", "paraphrase", "translation", "mining", "topics"))
        return list(dict.fromkeys(corpus.dataset for corpus in corpora))

    def datasets_under(self, condition: str) -> list[str]:
        """Data sets that are embedded under a condition: neither controls nor other methods have Table 7 or probes."""
        name = ConditionName.parse(condition)
        whole = name.units == "expert" and name.method is None
        roles = ["alignment", "paraphrase", *(["translation", "mining"] if whole else [])]
        there = [corpus.dataset for corpus in self._corpora(roles) if name.target in corpus.languages]
        topics = [corpus.dataset for corpus in self._corpora(["topics"] if whole else [])]
        return list(dict.fromkeys([*there, *topics]))

    def similarity_files(self) -> list[str]:
        """The user's table of similarities of languages, if there is one; where it is missing, the stage says so."""
        given = self.config.similarity.file
        return [given] if given is not None and Path(given).is_file() else []

    def local_files(self, dataset: str) -> list[str]:
        """Local files that a data set is read from, whether or not they are there."""
        settings, table = self.config.datasets[dataset], self.config.language_table
        codes = dict.fromkeys(code for codes in self._uses(dataset) for code in codes)
        if settings.source == "hub" and settings.is_directory:
            return [file for code in codes for file in settings.directory_files(code, table[code])]
        if settings.source != "local" or self.config.data_root is None:
            return []
        files = [file for code in codes for file in settings.local_files(code, table[code])]
        return [f"{self.config.data_root}/{file}" for file in dict.fromkeys(files)]

    # Patterns of wildcards

    @property
    def changed_pattern(self) -> str:
        """Regular expression of every condition but the base, at any k and seed."""
        return f"{self.unit_pattern}|{self.by_layer_pattern}|{self.layer_pattern}"

    @property
    def condition_pattern(self) -> str:
        """Regular expression of every condition that can be asked for."""
        return f"{BASE}|{self.changed_pattern}"

    def figure_pattern(self, *kinds: str) -> str:
        """Regular expression of the paths of all figures of some kinds that can be asked for."""
        models, targets = ("|".join(map(re.escape, names)) for names in (self.study.models, self.study.targets))
        of_kind = {"projection": rf"(({models})/)?({targets})"}
        by_model = dict.fromkeys(NUMBERS, f"({models})")
        by_model |= {kind: f"({'|'.join(map(re.escape, self._models_shown(kind)))})" for kind in OTHER_FIGURES}
        return "|".join(f"{kind}/{({**by_model, **of_kind}).get(kind, f'({targets})')}" for kind in kinds)

    # Data sets in their roles

    def _models_shown(self, kind: str) -> list[str]:
        """Models that have a figure of one of the kinds that the paper does not have."""
        some = {"methods": self.models_with_methods, "layers": self.layered_models, "checkpoints": self.kept_models}
        some["transfer"] = self.study.models if self.probed else []
        return some.get(kind, self.study.models)

    def _models_and_targets(self) -> list[tuple[str, str]]:
        return [(model, target) for model in self.study.models for target in self.study.targets]

    def _corpora(self, roles: Iterable[str]) -> list[Corpus]:
        return [corpus for role in roles if (corpus := self.config.used(role)) is not None]

    def _uses(self, dataset: str) -> list[list[str]]:
        uses = [corpus.languages for corpus in self._corpora(ROLES) if corpus.dataset == dataset]
        for name in self.study.models:
            train = self.config.models[name].train
            if train is not None and dataset in (train.dataset, train.held_out):
                uses.append(train.languages)
        return uses
