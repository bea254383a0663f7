"""The whole config: what is studied, with which models, texts and definitions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any

from pydantic import Field, ValidationError, model_validator

from workflow_scripts.config.architectures import generates
from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.fields import LONGEST_SLUG, LanguageCode, MethodName, PathName, Section, Slug
from workflow_scripts.config.files import NOTHING, placed
from workflow_scripts.config.languages import BUILT_IN, Language
from workflow_scripts.config.models import Checkpoint, ModelConfig
from workflow_scripts.config.problems import Problems, explain
from workflow_scripts.config.sections import (
    ROLES,
    ChangeSection,
    ComparedSection,
    ComputeSection,
    Corpus,
    EmbeddingsSection,
    ExpertsSection,
    GenerationSection,
    InterventionSection,
    MetricsSection,
    NeuronsSection,
    PerplexitySection,
    ProjectionSection,
    RandomControlSection,
    Resampling,
    SimilaritySection,
    StudySection,
    SweepSection,
    TransferSection,
    tested_sentences,
)
from workflow_scripts.config.settings import METHODS, SCORED
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import did_you_mean

UNKNOWN_ARGUMENT = ("unexpected_keyword_argument", "extra_forbidden")  # what pydantic calls a field that is none


class Config(Section):
    """A study, from one YAML file or an overlay on config.yaml."""

    study: StudySection
    models: dict[Slug, ModelConfig] = Field(description="Models by name, from which `study.models` chooses.")
    datasets: dict[Slug, DatasetConfig] = Field(
        description="Data sets by name, from which the roles of the study choose."
    )
    languages: dict[LanguageCode, Language] = Field(
        default_factory=dict, description="Languages beside those of FLORES-200, which are built in."
    )
    neurons: NeuronsSection = NeuronsSection()
    experts: ExpertsSection = ExpertsSection()
    intervention: InterventionSection = InterventionSection()
    methods: dict[MethodName, ComparedSection] = Field(
        default_factory=dict,
        description="Interventions by the names that tables show, from which `study.comparison` chooses.",
    )
    random_control: RandomControlSection = RandomControlSection()
    sweep: SweepSection = SweepSection()
    generation: GenerationSection = GenerationSection()
    perplexity: PerplexitySection = PerplexitySection()
    embeddings: EmbeddingsSection = EmbeddingsSection()
    projection: ProjectionSection = ProjectionSection()
    metrics: MetricsSection = MetricsSection()
    correlations: Resampling = Resampling()
    similarity: SimilaritySection = SimilaritySection()
    transfer: TransferSection = TransferSection()
    compute: ComputeSection = ComputeSection()
    data_root: PathName | None = Field(None, description="Folder of local data sets.")
    results: PathName = Field(
        "results",
        description="Folder of everything that the study makes; where no file names one, that of an overlay is named by its "
        "file, as `results-mine` of `studies/mine.yaml`.",
    )
    cache: PathName = Field(
        "cache",
        description="Folder of finished pieces of work, such as the embeddings of one language; studies may share it.",
    )

    @property
    def language_table(self) -> dict[str, Language]:
        """Return the built-in languages and those added by the config."""
        return {**BUILT_IN, **self.languages}

    @property
    def labels(self) -> dict[str, str]:
        """Return what figures call the study's models, and the languages that the config names, by keys of the config."""
        models = {f"models.{name}.label": self.models[name].label for name in self.study.models}
        return models | {f"languages.{code}.name": language.name for code, language in self.languages.items()}

    @cached_property
    def checkpoints(self) -> dict[str, Checkpoint]:
        """Return the checkpoints of the study's models by their names, which are made of model and step: `demo-step50`."""
        return {
            f"{name}-step{step}": Checkpoint(name, step)
            for name in self.study.models
            if (train := self.models[name].train) is not None
            for step in sorted(train.checkpoints)
        }

    @cached_property
    def every_model(self) -> dict[str, ModelConfig]:
        """Return the models by name, the checkpoints of the study's among them, which have the settings of their model."""
        of_steps = {name: self.models[kept.model].at_step(kept.step) for name, kept in self.checkpoints.items()}
        return {**self.models, **of_steps}

    @property
    def interventions(self) -> dict[str, ChangeSection]:
        """Return the study's intervention and those it is compared with, by their keys in the config."""
        return {"intervention": self.intervention} | {f"methods.{name}": each for name, each in self.methods.items()}

    @property
    def generating_models(self) -> list[str]:
        """Return the models of the study that write text; the others have no perplexity and generation."""
        return [name for name in self.study.models if generates(self.models[name].architecture)]

    def used(self, role: str) -> Corpus | None:
        """Return a role's data set with the languages used of it, where there are any.

        Of those that only targets are compared in these are the targets; no encoder uses text for perplexity.
        """
        corpus: Corpus | None = getattr(self.study, role)
        if corpus is None or role in ("probing", "alignment", "topics", "treebank"):
            return corpus
        if role == "perplexity" and not self.generating_models:
            return None
        targets = [code for code in corpus.languages if code in self.study.targets]
        return corpus.model_copy(update={"languages": targets}) if targets else None

    @property
    def warnings(self) -> list[str]:
        """Return what is likely a mistake, though it can be computed: experts sought in the sentences that they are
        tested on.
        """
        probing = self.study.probing.dataset
        found = []
        for role in ("alignment", "topics", "treebank"):
            corpus: Corpus | None = getattr(self.study, role)
            if corpus is not None and self.datasets[corpus.dataset].same_sentences(self.datasets[probing]):
                found.append(
                    f"study.{role}.dataset: {corpus.dataset} holds the sentences of study.probing ({probing}), so experts are "
                    "tested on what they were sought in; take another split or file for one of them"
                )
        return found

    @model_validator(mode="before")
    @classmethod
    def _null_removes_an_entry(cls, config: Any) -> Any:
        """Leave out the entries that an overlay has set to null, which it could not take out of a mapping otherwise."""
        if not isinstance(config, dict):
            return config
        kept = {
            key: {name: entry for name, entry in config[key].items() if entry is not None}
            for key in ("models", "datasets", "languages", "methods")
            if isinstance(config.get(key), dict)
        }
        return {**config, **kept}

    @model_validator(mode="after")
    def _every_member(self) -> "Config":
        """Replace families of models by their members, each a model like any other."""
        families = {name: members for name, model in self.models.items() if (members := model.members(name))}
        if not families:
            return self
        others = {name: model for name, model in self.models.items() if name not in families}
        for name, members in families.items():
            for member in members:
                if member in others:
                    raise ValueError(f"models.{member}: is the name of a member of models.{name}; take another")
                if len(member) > LONGEST_SLUG:
                    raise ValueError(
                        f"models.{name}: {member} is longer than {LONGEST_SLUG} characters; shorten the names"
                    )
            others |= members
        named = [each for name in self.study.models for each in families.get(name, [name])]
        if repeated := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"study.models: {', '.join(repeated)} given more than once, by name and by the family's")
        return self.model_copy(update={"models": others, "study": self.study.model_copy(update={"models": named})})

    @model_validator(mode="after")
    def _every_language(self) -> "Config":
        """Replace `languages: all` by those that the data set is known to have."""
        update = {}
        for role in ROLES:
            corpus: Corpus | None = getattr(self.study, role)
            if corpus is None or corpus.languages != "all" or corpus.dataset not in self.datasets:
                continue
            try:
                known = self.datasets[corpus.dataset].known_languages(self.language_table, self.data_root)
            except StudyError as error:
                raise ValueError(f"study.{role}.languages: {error}") from None
            others = [code for code in known if code != "en" or role not in ("translation", "mining")]
            update[role] = corpus.model_copy(update={"languages": others})
        if not update:
            return self
        return self.model_copy(update={"study": self.study.model_copy(update=update)})

    @model_validator(mode="after")
    def _names_resolve(self) -> "Config":
        study = self.study
        problems = []
        for name in study.models:
            if name not in self.models:
                problems.append(f"study.models: {name} is not defined under models{_there_are(name, self.models)}")
        for role in ROLES:
            if (corpus := getattr(study, role)) is not None:
                problems += self._corpus_problems(role, corpus)
        for role, reason in {
            "probing": "experts of a target are found there",
            "alignment": "targets are queries in retrieval",
        }.items():
            if missing := [target for target in study.targets if target not in getattr(study, role).languages]:
                problems.append(f"study.targets: add {', '.join(missing)} to study.{role}.languages: {reason}")
        for role, reason in {
            "probing": "the others are a target's negatives",
            "alignment": "distances and retrieval are between languages",
        }.items():
            if len(getattr(study, role).languages) < 2:
                problems.append(f"study.{role}.languages: give at least two, since {reason}")
        for role in ("topics", "treebank"):
            if (corpus := getattr(study, role)) is not None and len(corpus.languages) < 2:
                problems.append(
                    f"study.{role}.languages: give at least two, since probes are tested in other languages"
                )
        if self.perplexity.context is not None and self.perplexity.stride >= self.perplexity.context:
            problems.append("perplexity.stride: must be below perplexity.context, so that every token has a context")
        if study.shown_target not in study.targets:
            problems.append(f"study.shown_target: {study.shown_target} is not among study.targets")
        problems += self._comparison_problems()
        problems += self._prompt_problems()
        problems += self._few_shot_problems()
        for key, intervention in self.interventions.items():
            problems += self._intervention_problems(key, intervention)
        for name in study.models:
            if name in self.models:
                problems += self._model_problems(name, self.models[name])
        if not problems and (taken := sorted(set(self.checkpoints) & set(self.models))):
            kept = self.checkpoints[taken[0]]
            problems.append(
                f"models.{taken[0]}: is the name of models.{kept.model} at step {kept.step}; take another, or leave that "
                f"step out of models.{kept.model}.train.checkpoints"
            )
        if problems:
            raise Problems(problems)
        return self

    def _intervention_problems(self, key: str, intervention: ChangeSection) -> list[str]:
        method = METHODS()[intervention.method]
        compared = self.study.comparison.methods if self.study.comparison else []
        used = key == "intervention" or key.removeprefix("methods.") in compared
        if used and method.needs_auroc and self.experts.expertise != "auroc":
            other = "take another method" if key == "intervention" else "leave it out of study.comparison.methods"
            said = f"{intervention.method} is defined by the AUROC; set experts.expertise: auroc, or {other}"
            return [f"{key}.method: {said}"]
        try:
            method.read_settings(intervention.settings)
        except ValidationError as error:
            return [self._setting_problem(key, intervention.method, problem) for problem in error.errors()]
        if isinstance(intervention, ComparedSection):
            return self._compared_problems(key, intervention)
        if method.on_layer or method.fitted_by_layer:
            what = "acts on a layer, not on experts" if method.on_layer else "is fitted layer after layer"
            return [f"{key}.method: {intervention.method} {what}; give it under methods"]
        return []

    @staticmethod
    def _setting_problem(key: str, method: str, problem: Any) -> str:
        if problem["type"] not in UNKNOWN_ARGUMENT:
            return f"{key}.{explain(problem)}"
        known = ", ".join(each.name for each in fields(METHODS()[method].settings))
        has = f"whose settings are {known}" if known else "which has none"
        unknown = problem["loc"][-1]
        near = did_you_mean(str(unknown), [*ComparedSection.model_fields, *known.split(", ")])
        return f"{key}.{unknown}: is neither a key of an intervention nor a setting of {method}, {has}{near and f'; {near}'}"

    def _prompt_problems(self) -> list[str]:
        prompts, languages = self.generation.prompts, self.study.alignment.languages
        if prompts is None or prompts.language in languages:
            return []
        return [f"generation.prompts.language: {prompts.language} is none of study.alignment.languages; add it there"]

    def _few_shot_problems(self) -> list[str]:
        few_shot, corpus = self.transfer.few_shot, self.study.topics
        if few_shot is None or corpus is None or corpus.dataset not in self.datasets:
            return []
        problems = []
        if unknown := [code for code in few_shot.sources or [] if code not in corpus.languages]:
            problems.append(
                f"transfer.few_shot.sources: {', '.join(unknown)} none of study.topics.languages; add them there"
            )
        most, sentences = max(few_shot.examples), self.datasets[corpus.dataset].sentences
        if sentences is not None and most > sentences - tested_sentences(sentences, self.transfer.test_share):
            problems.append(
                f"transfer.few_shot.examples: {most} are more than probes are trained on, of {sentences} sentences; take "
                f"fewer, or more sentences (datasets.{corpus.dataset}.sentences), or a smaller transfer.test_share"
            )
        return problems

    def _comparison_problems(self) -> list[str]:
        compared = self.study.comparison.methods if self.study.comparison else []
        if unknown := [name for name in compared if name not in self.methods]:
            there = _there_are(unknown[0], self.methods)
            return [f"study.comparison.methods: {', '.join(unknown)} not defined under methods{there}"]
        drawn = [] if self.random_control.seeds else [name for name in compared if self.methods[name].units == "random"]
        remedy = "give random_control.seeds, or leave it out of study.comparison.methods"
        return [f"methods.{name}.units: random units are drawn by seed; {remedy}" for name in drawn]

    def _compared_problems(self, key: str, intervention: ComparedSection) -> list[str]:
        method = METHODS()[intervention.method]
        if intervention.units == "random" and method.fitted_by_layer:
            return [f"{key}.units: {intervention.method} is fitted to experts alone; take another method"]
        if intervention.selection in SCORED and intervention.units == "random":
            return [f"{key}.selection: random units are not selected; leave it out"]
        if method.on_layer != (intervention.layer is not None):
            what = "acts on a layer; say which" if method.on_layer else "acts on units; leave it out"
            return [f"{key}.layer: {intervention.method} {what}"]
        return []

    def _corpus_problems(self, role: str, corpus: Corpus) -> list[str]:
        listed = [] if corpus.languages == "all" else corpus.languages
        problems = self._unknown_languages(f"study.{role}.languages", listed)
        if corpus.dataset not in self.datasets:
            there = _there_are(corpus.dataset, self.datasets)
            problems.append(f"study.{role}.dataset: {corpus.dataset} is not defined under datasets{there}")
        elif (given := self.datasets[corpus.dataset].task) not in ROLES[role]:
            needed = " or ".join(ROLES[role])
            problems.append(f"study.{role}.dataset: {corpus.dataset} is a {given} data set; this role needs {needed}")
        if role in ("translation", "mining") and "en" in corpus.languages:
            problems.append(f"study.{role}.languages: leave out en, which is what the others are translated to")
        return problems

    def _unknown_languages(self, key: str, codes: list[str]) -> list[str]:
        unknown = [code for code in codes if code not in self.language_table]
        return [f"{key}: {', '.join(unknown)} unknown; define them under languages (docs/adding.md)"] if unknown else []

    def _model_problems(self, name: str, model: ModelConfig) -> list[str]:
        problems = []
        if model.seen != "all":
            problems += self._unknown_languages(f"models.{name}.seen", model.seen)
        if model.train is not None:
            problems += self._unknown_languages(f"models.{name}.train.languages", model.train.languages)
            for key in ("dataset", "held_out"):
                if getattr(model.train, key) not in self.datasets:
                    problems.append(f"models.{name}.train.{key}: not defined under datasets")
        neurons, largest = model.known_neurons(), max(self.sweep.ks)
        if generates(model.architecture) and neurons is not None and largest > neurons:
            problems.append(f"sweep.ks: {largest} is more than the {neurons:,} neurons of models.{name}")
        if not model.label.strip():
            problems.append(f"models.{name}.label: is empty; tables and figures need a name")
        if model.k == 0:
            problems.append(f"models.{name}.k: 0 changes nothing; give at least 1")
        return problems


def _there_are(unknown: str, known: Iterable[str]) -> str:
    """Return the names that there are, and the one that may be meant by an unknown one."""
    near = did_you_mean(unknown, known)
    return f" ({', '.join(known) or 'which is empty'}){near and f'; {near}'}"


def read_config(raw: dict[str, Any], files: Sequence[str], given: Mapping[str, Any] = NOTHING) -> Config:
    """Validate a merged config.

    Args:
        raw: What the files say together, and the command line.
        files: Config files, of which later ones win.
        given: What the command line says, which wins over the files.

    Raises:
        StudyError: with one line for each problem: the key's path, what is wrong and the remedy, the file and the line.
    """
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [placed(line, files, given) for problem in error.errors() for line in _told(problem)]
        raise StudyError("the config is not valid:\n" + "\n".join(f"  {line}" for line in lines)) from None


def _told(problem: Any) -> list[str]:
    """What pydantic found wrong, a line each."""
    whole = problem.get("ctx", {}).get("error")
    if isinstance(whole, Problems):
        return list(whole.problems)
    return [explain(problem, Config.model_json_schema() if problem["type"] == "extra_forbidden" else None)]
