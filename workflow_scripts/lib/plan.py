"""The plan of a study: which conditions and files its config asks for, and which slice of it each job depends on.

The rules ask the plan; it knows nothing of Snakemake. A job's `spec` is the canonical JSON of everything in the config
that its result depends on and nothing else: Snakemake reruns the job when, and only when, that text changes.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workflow_scripts.lib.config.study import ROLES, Config, Corpus
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.files import canonical_json

BASE = "base"  # the condition that changes nothing

# The paper's numbers of the figures of which there are several: the first number and how many the paper has.
NUMBERS = {
    "projection": (6, 15),
    "retrieval_other_targets": (21, 3),
    "retrieval_change_other_targets": (24, 3),
    "projection_random": (27, 3),
    "retrieval_random": (30, 3),
}


@dataclass(frozen=True)
class FigureName:
    """A figure of the study: its path under `figures/`, its kind, and its number if the paper has one for it."""

    path: str
    kind: str
    number: int | None = None


@dataclass(frozen=True)
class ConditionName:
    """What the slug of a condition says: `es-expert-max-k100`, `es-random-max-k100-s3`."""

    target: str
    units: str
    pooling: str
    k: int
    seed: int | None = None

    def __str__(self) -> str:
        seed = "" if self.seed is None else f"-s{self.seed}"
        return f"{self.target}-{self.units}-{self.pooling}-k{self.k}{seed}"

    @classmethod
    def parse(cls, slug: str) -> "ConditionName":
        """The parts of a slug.

        Raises:
            StudyError: it is not of that form.
        """
        match = re.fullmatch(r"([a-z]+)-(expert|random)-([a-z_]+)-k(\d+)(?:-s(\d+))?", slug)
        if match is None or (match[2] == "random") != (match[5] is not None):
            raise StudyError(f"{slug} names no condition; es-expert-max-k100 and es-random-max-k100-s3 do.")
        return cls(match[1], match[2], match[3], int(match[4]), None if match[5] is None else int(match[5]))


@dataclass(frozen=True)
class FigureContents:
    """What a figure shows: these models, each under the intervention on these targets, on experts or random units."""

    models: list[str]
    targets: list[str]
    units: str = "expert"


def _spec(method: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Make a method that builds a slice of the config return its canonical JSON."""

    def spec(self, *arguments: Any, **options: Any) -> str:
        return canonical_json(method(self, *arguments, **options))

    spec.__doc__ = method.__doc__
    return spec


class Plan:
    """The cells of a study's grid and the slices of config they depend on."""

    def __init__(self, config: Config):
        self.config = config
        self.study = config.study

    # What there is

    @property
    def poolings(self) -> list[str]:
        """Poolings by which experts are found."""
        return self.config.experts.poolings

    @property
    def recorded_poolings(self) -> list[str]:
        """Poolings that are recorded: those of the experts, and the mean if a forced value needs it."""
        needed = ["mean"] if self.config.intervention.forced_value == "token_mean" else []
        return list(dict.fromkeys([*self.poolings, *needed]))

    @property
    def datasets(self) -> list[str]:
        """Data sets that the study uses, in its roles or to train a model."""
        roles = [corpus.dataset for corpus in self._corpora()]
        trained = [self.config.models[name].train for name in self.study.models]
        used = [name for train in trained if train for name in (train.dataset, train.held_out)]
        return list(dict.fromkeys([*roles, *used]))

    def models_from(self, source: str) -> list[str]:
        """Models of the study that come from `hub`, `path`, `gguf` or `train`."""
        return [name for name in self.study.models if self.config.models[name].source == source]

    def expert(self, model: str, target: str, pooling: str) -> str:
        """Slug of the condition on a target's experts, with the model's k."""
        return str(ConditionName(target, "expert", pooling, self.config.models[model].k))

    def random(self, model: str, target: str, pooling: str) -> list[str]:
        """Slugs of the random control of that condition, one a seed."""
        k, seeds = self.config.models[model].k, self.config.random_control.seeds
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

    # Figures

    @property
    def figures(self) -> list[FigureName]:
        """The paper's figures for this study, in the paper's order; those beyond its numbers have none."""
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
            *_numbered(several),
        ]

    @property
    def other_targets(self) -> list[str]:
        """Targets but the shown one."""
        return [target for target in self.study.targets if target != self.study.shown_target]

    def figure(self, number: int) -> str:
        """Path of the figure of a number."""
        return next(figure.path for figure in self.figures if figure.number == number)

    def figure_pattern(self, *kinds: str) -> str:
        """Regular expression of the paths of all figures of some kinds that can be asked for."""
        models, targets = ("|".join(map(re.escape, names)) for names in (self.study.models, self.study.targets))
        of_kind = {"projection": rf"(({models})/)?({targets})"}
        by_model = dict.fromkeys(NUMBERS, f"({models})")
        return "|".join(f"{kind}/{({**by_model, **of_kind}).get(kind, f'({targets})')}" for kind in kinds)

    def contents(self, figure: str) -> FigureContents:
        """What the figure of a path shows."""
        kind, _, name = figure.partition("/")
        if kind.endswith("_random"):
            return FigureContents([name], self.study.targets, "random")
        if kind.endswith("_other_targets"):
            return FigureContents([name], self.other_targets)
        model, _, target = name.rpartition("/")
        return FigureContents([model] if model else self.study.models, [target])

    def panels(self, models: list[str], targets: list[str]) -> list[dict[str, Any]]:
        """The columns of a figure: every model with every target, titled by what differs between them."""
        return [
            {
                "model": self._shown_model(model),
                "target": target,
                "title": " · ".join(
                    [
                        *([self.config.models[model].label] if len(models) > 1 or len(targets) == 1 else []),
                        *([self.config.language_table[target].name] if len(targets) > 1 else []),
                    ]
                ),
            }
            for model in models
            for target in targets
        ]

    def _models_and_targets(self) -> list[tuple[str, str]]:
        return [(model, target) for model in self.study.models for target in self.study.targets]

    # Patterns of wildcards

    @property
    def changed_pattern(self) -> str:
        """Regular expression of every condition but the base, at any k and seed."""
        targets, poolings = "|".join(self.study.targets), "|".join(self.poolings)
        return rf"({targets})-(expert-({poolings})-k\d+|random-({poolings})-k\d+-s\d+)"

    @property
    def condition_pattern(self) -> str:
        """Regular expression of every condition that can be asked for."""
        return f"{BASE}|{self.changed_pattern}"

    # Slices of config

    @_spec
    def texts(self, dataset: str):
        """What a data set's parquet depends on."""
        languages = list(dict.fromkeys(code for codes in self._uses(dataset) for code in codes))
        table = self.config.language_table
        settings = self.config.datasets[dataset]
        return {
            "name": dataset,
            "dataset": settings.model_dump(mode="json"),
            "languages": languages,
            "table": {code: table[code].model_dump() for code in languages},
            "data_root": self.config.data_root if settings.source == "local" else None,
        }

    def local_files(self, dataset: str) -> list[str]:
        """Local files that a data set is read from, whether or not they are there."""
        settings, table = self.config.datasets[dataset], self.config.language_table
        if settings.source != "local" or self.config.data_root is None:
            return []
        codes = dict.fromkeys(code for codes in self._uses(dataset) for code in codes)
        files = [file for code in codes for file in settings.local_files(code, table[code])]
        return [f"{self.config.data_root}/{file}" for file in dict.fromkeys(files)]

    @_spec
    def model(self, model: str, directory: str | None):
        """What a model's manifest depends on."""
        blank = {"k": 0, "label": "", "seen": "all"}
        blank |= dict.fromkeys(["published", "tokens_per_batch", "device", "threads"])
        settings = self.config.models[model]
        return {
            "name": model,
            "model": {**settings.model_dump(mode="json"), **blank},
            "directory": settings.path if settings.path is not None else directory,
            "sites": self.config.neurons.sites,
        }

    @_spec
    def training(self, model: str):
        """What a trained model depends on."""
        train = self.config.models[model].train
        return {"train": train.model_dump(mode="json"), "part": self.config.datasets[train.dataset].parts[0]}

    @_spec
    def evaluation(self, model: str):
        """What the evaluation of a trained model depends on."""
        train = self.config.models[model].train
        return {"model": model, "languages": train.languages, "part": self.config.datasets[train.held_out].parts[0]}

    @_spec
    def gguf(self, model: str):
        """What an unpacked GGUF model depends on."""
        settings = self.config.models[model]
        return {"name": model, "gguf": settings.gguf.model_dump(mode="json"), "dtype": settings.dtype}

    @_spec
    def activations(self):
        """What the responses of neurons depend on, beside model and texts."""
        experts = self.config.experts
        return {
            "languages": self.study.probing.languages,
            "poolings": self.recorded_poolings,
            "max_tokens": experts.max_tokens,
            "storage": experts.storage,
        }

    @_spec
    def experts(self, pooling: str):
        """What the ranking of neurons depends on, beside their responses."""
        return {
            "languages": self.study.probing.languages,
            "pooling": pooling,
            "expertise": self.config.experts.expertise,
            "token_mean": self.config.intervention.forced_value == "token_mean",
        }

    @_spec
    def base_condition(self, model: str):
        """What the condition that changes nothing depends on."""
        return {"name": BASE, "model": model}

    @_spec
    def condition(self, model: str, slug: str):
        """What a condition depends on, beside the ranking."""
        name, control = ConditionName.parse(slug), self.config.random_control
        return {
            "name": slug,
            "model": model,
            "units": name.units,
            "target": name.target,
            "pooling": name.pooling,
            "k": name.k,
            "seed": name.seed,
            "selection": self.config.experts.selection,
            **self.config.intervention.model_dump(),
            **(control.model_dump(include={"draw", "values"}) if name.units == "random" else {}),
        }

    @_spec
    def embeddings(self, condition: str, dataset: str):
        """What embeddings depend on, beside model, condition and texts."""
        return {
            "languages": self.embedded_languages(condition, dataset),
            "parts": self.config.datasets[dataset].parts,
            **self.config.embeddings.model_dump(),
        }

    def embedded_languages(self, condition: str, dataset: str) -> list[str]:
        """Languages embedded under a condition: of all but the parallel corpus the target alone is compared."""
        changed = None if condition == BASE else ConditionName.parse(condition).target
        codes: list[str] = []
        for role in ("alignment", "paraphrase", "translation", "mining"):
            if (corpus := self._corpus(role)) is not None and corpus.dataset == dataset:
                only = role != "alignment" and changed in corpus.languages
                codes += [changed] if only else corpus.languages
        return list(dict.fromkeys(codes))

    @property
    def embedded_datasets(self) -> list[str]:
        """Data sets that the unintervened model embeds."""
        roles = ("alignment", "paraphrase", "translation", "mining")
        corpora = [corpus for role in roles if (corpus := self._corpus(role)) is not None and corpus.languages]
        return list(dict.fromkeys(corpus.dataset for corpus in corpora))

    def datasets_under(self, condition: str) -> list[str]:
        """Data sets that are embedded under a condition; the control has no retrieval of translations."""
        name = ConditionName.parse(condition)
        roles = ["alignment", "paraphrase", *(["translation", "mining"] if name.units == "expert" else [])]
        corpora = [corpus for role in roles if (corpus := self._corpus(role)) is not None]
        return list(dict.fromkeys(corpus.dataset for corpus in corpora if name.target in corpus.languages))

    @_spec
    def distances(self):
        """What distances depend on, beside embeddings."""
        return {"dataset": self.study.alignment.dataset, "languages": self.study.alignment.languages}

    @_spec
    def retrieval(self):
        """What retrieval accuracies depend on, beside embeddings."""
        return {
            "dataset": self.study.alignment.dataset,
            "languages": self.study.alignment.languages,
            "similarities": self.config.metrics.similarities,
        }

    @_spec
    def paraphrase(self, condition: str):
        """What paraphrase retrieval depends on, beside embeddings."""
        return {
            "dataset": self.study.paraphrase.dataset,
            "language": ConditionName.parse(condition).target,
            "similarities": self.config.metrics.similarities,
        }

    @_spec
    def correlations(self, model: str, condition: str):
        """What correlations depend on, beside distances and retrieval."""
        candidates = self.study.alignment.languages
        return {
            "dataset": self.study.alignment.dataset,
            "query": ConditionName.parse(condition).target,
            "candidates": candidates,
            "seen": self._seen(model),
            "similarities": self.config.metrics.similarities,
            "measures": ["pairs", "pairs_centred", "means", "aligned"],
            **self.config.correlations.model_dump(),
        }

    @_spec
    def translation(self, condition: str, dataset: str):
        """What retrieval of translations depends on, beside embeddings."""
        return {
            "dataset": dataset,
            "task": self.config.datasets[dataset].task,
            "languages": self.embedded_languages(condition, dataset),
            "similarities": self.config.metrics.similarities,
        }

    @_spec
    def projection(self):
        """What a projection of the space depends on, beside embeddings."""
        alignment = self.study.alignment
        settings = self.config.projection.model_dump()
        return {"dataset": alignment.dataset, "languages": alignment.languages, **settings}

    @_spec
    def examples(self, condition: str):
        """What examples of retrieval depend on, beside embeddings."""
        return {
            "dataset": self.study.alignment.dataset,
            "query": ConditionName.parse(condition).target,
            "languages": self.study.alignment.languages,
            "similarity": self.config.metrics.shown_similarity,
        }

    @_spec
    def generation(self, target: str, pooling: str):
        """What generated sentences depend on, beside model and conditions."""
        settings = self.config.generation.model_dump(exclude={"identifier"})
        return {"target": target, "pooling": pooling, **settings}

    @_spec
    def identification(self, target: str):
        """What the languages of generated sentences depend on, beside the sentences."""
        return {"identifier": self.config.generation.identifier, "language": target}

    @_spec
    def perplexity(self, target: str, pooling: str):
        """What perplexity depends on, beside model, conditions and texts."""
        return {
            "target": target,
            "pooling": pooling,
            "part": self.config.datasets[self.study.perplexity.dataset].parts[0],
            **self.config.perplexity.model_dump(),
        }

    @_spec
    def table1(self):
        """What Table 1 shows."""
        return {
            **self._shown_models(seen=False),
            "targets": self.study.targets,
            "languages": self.study.alignment.languages,
            "measure": self.config.metrics.shown_distance,
            "medoid": self.config.metrics.shown_medoid,
        }

    @_spec
    def table2(self):
        """What Table 2 shows."""
        metrics = self.config.metrics
        return {
            **self._shown_models(seen=False),
            "targets": self.study.targets,
            "similarity": metrics.shown_similarity,
            "measure": metrics.shown_distance,
            "candidates_set": metrics.shown_candidates,
            "confidence": self.config.correlations.confidence,
        }

    @_spec
    def paraphrase_table(self, targets: list[str]):
        """What Tables 3 and 5 show."""
        return self._shown_paraphrases(targets)

    def _shown_paraphrases(self, targets: list[str]) -> dict[str, Any]:
        return {
            **self._shown_models(seen=False),
            "targets": targets,
            "similarity": self.config.metrics.shown_similarity,
            "names": self._names(targets),
        }

    @_spec
    def retrieval_figure(self, figure: str):
        """What a figure of retrieval accuracy shows."""
        contents = self.contents(figure)
        seeds = self.config.random_control.seeds if contents.units == "random" else []
        return {**self._shown_retrieval(contents), "units": contents.units, "seeds": seeds}

    @_spec
    def retrieval_change_figure(self, figure: str):
        """What a figure of the change of retrieval accuracy shows."""
        return self._shown_retrieval(self.contents(figure))

    @_spec
    def overview_figure(self, figure: str):
        """What Figure 1 shows."""
        return {**self._shown_retrieval(self.contents(figure)), "medoid": self.config.metrics.shown_medoid}

    @_spec
    def projection_figure(self, figure: str):
        """What a figure of projected spaces shows."""
        contents = self.contents(figure)
        seed = self.config.random_control.seeds[0] if contents.units == "random" else None
        settings = self.config.projection.model_dump(exclude={"seed"})
        return {**self._shown_space(contents), "units": contents.units, "seed": seed, **settings}

    @_spec
    def sweep_figure(self):
        """What Figure 2 shows."""
        generation = self.config.generation
        return {
            **self._shown_models(seen=True),
            "targets": self.sweep_targets,
            "ks": sorted(self.config.sweep.ks),
            "chosen": {name: self.config.models[name].k for name in self.study.models},
            "names": self._names(self.sweep_targets),
            "identifier": generation.identifier,
            "sentences": generation.sentences,
            "seeds": generation.seeds,
            "dataset": self.study.perplexity.dataset,
        }

    def _shown_space(self, contents: FigureContents) -> dict[str, Any]:
        languages = self.study.alignment.languages
        return {
            "panels": self.panels(contents.models, contents.targets),
            "poolings": self.poolings,
            "languages": languages,
            "dataset": self.study.alignment.dataset,
            "names": self._names(languages),
        }

    def _shown_retrieval(self, contents: FigureContents) -> dict[str, Any]:
        return {**self._shown_space(contents), "similarity": self.config.metrics.shown_similarity}

    @_spec
    def table4(self):
        """What Table 4 shows."""
        roles = {
            "target": self.study.targets,
            "probing": self.study.probing.languages,
            "candidate": self.study.alignment.languages,
        }
        table = self.config.language_table
        return {
            "models": self._shown_models(seen=True)["models"],
            "languages": [
                {
                    "code": code,
                    **table[code].model_dump(exclude={"cldr"}),
                    "roles": [role for role, codes in roles.items() if code in codes],
                }
                for code in dict.fromkeys([*self.study.alignment.languages, *self.study.probing.languages])
            ],
        }

    @_spec
    def table6(self):
        """What Table 6 shows."""
        targets = self.paraphrase_targets()
        seeds = self.config.random_control.seeds
        return {**self._shown_paraphrases(targets), "units": "random", "seeds": seeds}

    @_spec
    def table7(self):
        """What Table 7 shows."""
        roles = {"tatoeba": self._corpus("translation"), "bucc18": self._corpus("mining")}
        return {
            **self._shown_models(seen=False),
            "similarity": self.config.metrics.shown_similarity,
            "datasets": {
                corpus.dataset: {"benchmark": benchmark, "targets": corpus.languages}
                for benchmark, corpus in roles.items()
                if corpus is not None and corpus.languages
            },
            "names": self._names(self.study.targets),
        }

    @_spec
    def replication(self):
        """What is compared with the published numbers."""
        metrics = self.config.metrics
        return {
            **self._published_models(),
            "similarity": metrics.shown_similarity,
            "measure": metrics.shown_distance,
            "candidates_set": metrics.shown_candidates,
        }

    @_spec
    def claims(self):
        """What the paper's claims are decided on."""
        metrics = self.config.metrics
        return {
            **self._published_models(),
            "targets": self.study.targets,
            "shown_target": self.study.shown_target,
            "languages": self.study.alignment.languages,
            "similarity": metrics.shown_similarity,
            "distance": metrics.shown_distance,
            "medoid": metrics.shown_medoid,
            "seeds": self.config.random_control.seeds,
            "ks": sorted(self.config.sweep.ks),
            "chosen": {name: self.config.models[name].k for name in self.study.models},
        }

    def _published_models(self) -> dict[str, Any]:
        models = [
            {**self._shown_model(name), "published": self.config.models[name].published} for name in self.study.models
        ]
        return {"models": models, "poolings": self.poolings}

    @_spec
    def compute(self, stages: list[str]):
        """What the table of computation shows."""
        results = self.config.results
        folders = {"benchmarks": f"{results}/benchmarks", "logs": f"{results}/logs"}
        return {"models": self._shown_models(seen=False)["models"], "stages": stages, **folders}

    @_spec
    def report(self):
        """What each figure of the report is."""
        return {
            "figures": [
                {"kind": figure.kind, "number": figure.number, "subtitle": self._subtitle(figure)}
                for figure in self.figures
            ]
        }

    def _subtitle(self, figure: FigureName) -> str:
        """What tells a figure apart from others of its kind: its models and targets."""
        if figure.kind == "sweep":
            return ""
        contents = self.contents(figure.path)
        models = ", ".join(self.config.models[model].label for model in contents.models)
        targets = ", ".join(self.config.language_table[target].name for target in contents.targets)
        return f"{models} · {targets}"

    @_spec
    def whole(self):
        """The whole config, as provenance records it."""
        return {"config": self.config.model_dump(mode="json")}

    @property
    def sweep_targets(self) -> list[str]:
        """Targets of the sweep over the number of experts: those that there is text of."""
        corpus = self._corpus("perplexity")
        return [] if corpus is None else [target for target in self.study.targets if target in corpus.languages]

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
    def translated(self) -> dict[str, list[str]]:
        """Data sets of Table 7, with the targets among their languages."""
        corpora = [self._corpus("translation"), self._corpus("mining")]
        return {corpus.dataset: corpus.languages for corpus in corpora if corpus is not None and corpus.languages}

    def paraphrase_targets(self, shown: bool | None = None) -> list[str]:
        """Targets that there are paraphrases of: of Table 3 (the shown one), of Table 5 (the others), or all."""
        codes = self.study.paraphrase.languages
        there = [code for code in self.study.targets if code in codes]
        return [code for code in there if shown is None or (code == self.study.shown_target) == shown]

    def _corpus(self, role: str) -> Corpus | None:
        """A role's data set with the languages used of it; where targets alone are used, those among its languages."""
        corpus = getattr(self.study, role)
        if corpus is None or role in ("probing", "alignment"):
            return corpus
        targets = [code for code in corpus.languages if code in self.study.targets]
        return corpus.model_copy(update={"languages": targets})

    def _corpora(self) -> list[Corpus]:
        return [corpus for role in ROLES if (corpus := self._corpus(role)) is not None and corpus.languages]

    def _uses(self, dataset: str) -> list[list[str]]:
        uses = [corpus.languages for corpus in self._corpora() if corpus.dataset == dataset]
        for name in self.study.models:
            train = self.config.models[name].train
            if train is not None and dataset in (train.dataset, train.held_out):
                uses.append(train.languages)
        return uses

    def _seen(self, model: str) -> list[str]:
        seen, candidates = self.config.models[model].seen, self.study.alignment.languages
        return [code for code in candidates if seen == "all" or code in seen]

    def _shown_models(self, seen: bool) -> dict[str, Any]:
        models = [self._shown_model(name, seen) for name in self.study.models]
        return {"models": models, "poolings": self.poolings}

    def _shown_model(self, name: str, seen: bool = True) -> dict[str, Any]:
        shown = {"name": name, "label": self.config.models[name].label}
        known = self.config.models[name].seen
        return {**shown, "seen": None if known == "all" else known} if seen else shown

    def _names(self, codes: list[str]) -> dict[str, str]:
        return {code: self.config.language_table[code].name for code in codes}


def _numbered(figures: list[FigureName]) -> list[FigureName]:
    """Figures with the paper's numbers, counted from the first of their kind; those past the last have none."""
    counted: Counter[str] = Counter()
    numbered = []
    for figure in figures:
        first, count = NUMBERS[figure.kind]
        place = counted[figure.kind]
        numbered.append(FigureName(figure.path, figure.kind, first + place if place < count else None))
        counted[figure.kind] += 1
    return numbered
