"""The whole config: what is studied, with which models, texts and definitions."""

import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from workflow_scripts.lib.architectures import generates
from workflow_scripts.lib.config.datasets import DatasetConfig
from workflow_scripts.lib.config.fields import (
    Device,
    Distinct,
    LanguageCode,
    Languages,
    MethodName,
    PathName,
    Section,
    Seed,
    Slug,
)
from workflow_scripts.lib.config.models import Checkpoint, ModelConfig
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.interventions import methods
from workflow_scripts.lib.languages import LANGUAGES, Language
from workflow_scripts.lib.messages import without_credentials

Pooling = Literal["max", "mean", "last"]
Similarity = Literal["inner_product", "cosine", "centred_cosine", "margin"]
DistanceMeasure = Literal["pairs", "pairs_centred", "means", "aligned"]
SHOWN_CHARACTERS = 80  # of a key or a wrong value, in a message
LINE_CHARACTERS = 1000  # of a message on one key


class Corpus(Section):
    """A data set in a role, with the languages used of it."""

    dataset: Slug = Field(description="Name of a data set in `datasets`.")
    languages: Languages = Field(description="Languages read from it.")


# The tasks of data sets that may be taken in each role.
ROLES = {
    "probing": ["parallel"],
    "alignment": ["parallel"],
    "paraphrase": ["paraphrase"],
    "translation": ["translation"],
    "mining": ["mining"],
    "perplexity": ["paragraphs", "parallel"],
    "topics": ["topics"],
    "treebank": ["treebank"],
}


class ComparisonSection(Section):
    """Other interventions, side by side with the study's own."""

    methods: Annotated[list[MethodName], Field(min_length=1), Distinct] = Field(description="Names in `methods`.")
    targets: Languages | None = Field(
        None, description="Where they are compared: the targets of the study among these; all of them where absent."
    )


class StudySection(Section):
    """What is studied (paper, section 3)."""

    models: Annotated[list[Slug], Field(min_length=1), Distinct] = Field(description="Names in `models` to study.")
    targets: Languages = Field(description="Languages intervened on.")
    shown_target: LanguageCode = Field(description="Target of Table 3 and Figures 1, 3, 4 and 5 (the paper's Spanish).")
    probing: Corpus = Field(description="Where experts are found; all its languages but the target are negatives.")
    alignment: Corpus = Field(description="Parallel corpus of distances and retrieval; its languages are candidates.")
    paraphrase: Corpus = Field(description="Paraphrase pairs; those of the targets among its languages are used.")
    translation: Corpus | None = Field(
        None, description="Translations to English (Tatoeba) for Table 7, of the targets among its languages."
    )
    mining: Corpus | None = Field(
        None, description="Sentences to find among many English ones (BUCC-18) for Table 7, likewise."
    )
    perplexity: Corpus | None = Field(
        None,
        description="Text of the targets (Wikipedia, or sentences of a parallel corpus) for Figure 2, of causal models.",
    )
    topics: Corpus | None = Field(
        None, description="Parallel sentences with their topic (SIB-200): a probe is trained in each language."
    )
    treebank: Corpus | None = Field(
        None, description="Parallel dependency trees (UD-PUD): probes of part of speech and of attachment, likewise."
    )
    comparison: ComparisonSection | None = Field(
        None, description="Methods of intervention to compare with the study's own."
    )


class NeuronsSection(Section):
    """What counts as a neuron."""

    sites: Literal["mlp", "linear"] | Annotated[list[str], Field(min_length=1)] = Field(
        "mlp",
        description="mlp: linear layers inside MLPs; linear: all but the LM head; or patterns (with *) of module names.",
    )


class ExpertsSection(Section):
    """How experts are found (paper, section 3.2)."""

    poolings: Annotated[list[Pooling], Field(min_length=1), Distinct] = Field(
        ["max"],
        description="Response of a neuron to a sentence: pooling over its tokens; each gives conditions of its own.",
    )
    expertise: Literal["auroc", "average_precision"] = Field("auroc", description="How well a response separates.")
    selection: Literal["top", "bottom", "two_sided", "per_layer"] = Field(
        "top", description="Which k neurons are taken."
    )
    max_tokens: int = Field(128, ge=1, description="Tokens after which a sentence is cut off.")
    storage: Literal["float16", "float32"] = Field("float16", description="Data type of the activation cache.")


class ChangeSection(Section):
    """What an intervention does, of whatever strength."""

    method: Slug = Field("force", description="Registered method, one file each in workflow_scripts/lib/interventions.")
    forced_value: Literal["mean", "median", "token_mean"] = Field(
        "mean",
        description="Over the target's sentences: mean or median of the pooled response, or mean over all tokens.",
    )
    positions: Literal["all", "last"] = Field("all", description="Token positions at which units are changed.")


class InterventionSection(ChangeSection):
    """What is done to the experts (paper, section 3.3)."""

    strength: float = Field(
        1.0, description="Share of the method's change that is made: 0 changes nothing, 1 is the method itself."
    )


class ComparedSection(ChangeSection):
    """An intervention that the study's own is compared with, at one strength or several."""

    strengths: Annotated[list[Annotated[float, Field(gt=0, le=1000)]], Field(min_length=1), Distinct] = Field(
        [1.0], description="Shares of the method's change that are made; each gives conditions of its own."
    )
    units: Literal["expert", "random"] = Field("expert", description="Experts, or the random control of each seed.")
    selection: Literal["top", "bottom", "two_sided", "per_layer", "lape"] | None = Field(
        None,
        description="Which neurons count as experts, those of experts.selection where absent; lape: those whose "
        "probability to be active is of lowest entropy over languages.",
    )
    draw: Literal["uniform", "same_layers"] | None = Field(
        None, description="How random units are drawn; as random_control.draw says where absent."
    )
    layer: Literal["last"] | Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Of a method that acts on a layer: the one, n being the states after n blocks, last those after "
        "the final norm.",
    )
    sentences: int = Field(
        100, ge=2, description="First sentences of each language that a method is fitted on which runs the model."
    )


class RandomControlSection(Section):
    """The control: other units, the experts' values (paper, section 7)."""

    seeds: Annotated[list[Seed], Distinct] = Field([0, 1, 2, 3, 4], description="One draw each.")
    draw: Literal["uniform", "same_layers"] = Field("uniform", description="From all non-experts, or layer by layer.")
    values: Literal["experts", "own"] = Field(
        "experts", description="The experts' values, permuted, or the units' own."
    )


class SweepSection(Section):
    """Figure 2: what is generated, and how perplexity grows, with the number of experts (paper, appendix B)."""

    ks: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), Distinct] = Field(
        [0, 100, 200, 500, 1000, 2000, 5000], description="Numbers of experts; 0 is the unintervened model."
    )


class GenerationSection(Section):
    """Sentences generated from the beginning-of-sentence token alone (paper, appendix B)."""

    sentences: int = Field(256, ge=1, description="Sentences a seed.")
    seeds: Annotated[list[Seed], Field(min_length=1), Distinct] = Field(
        [0, 1, 2, 3, 4, 5, 6, 7], description="Seeds of sampling; the same numbers are drawn for every k."
    )
    max_tokens: int = Field(20, ge=2, description="Tokens of a sentence, the prompt included.")
    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(0.9, gt=0, le=1, description="Sampled from the most probable tokens that sum up to this.")
    top_k: int = Field(50, ge=0, description="Sampled from this many tokens at most; 0: no limit.")
    identifier: Literal["langid", "fasttext"] = Field("langid", description="What names the language of a sentence.")


class PerplexitySection(Section):
    """Perplexity in strided windows, every token scored once (paper, appendix B)."""

    tokens: int = Field(10_000_000, ge=2, description="Tokens of the corpus, drawn paragraph by paragraph.")
    context: int | None = Field(
        None, ge=2, description="Tokens of a window; the model's context where absent, 2048 if that has no limit."
    )
    stride: int = Field(512, ge=1, description="Tokens between the starts of windows.")
    seed: Seed = Field(0, description="Seed of the order in which paragraphs are drawn.")


class ProjectionSection(Section):
    """UMAP of the space before and after (paper, section 4)."""

    sentences: int | None = Field(None, ge=2, description="First sentences of each language; all where absent.")
    neighbours: int = Field(15, ge=2, description="UMAP's n_neighbors.")
    min_distance: float = Field(0.1, ge=0, lt=1, description="UMAP's min_dist.")
    components: int | None = Field(
        None, ge=2, description="Principal components that the embeddings are reduced to first; null: none."
    )
    seed: Seed = 0


class EmbeddingsSection(Section):
    """What a sentence embedding is (paper, section 5)."""

    pooling: Literal["mean", "mean_without_bos", "last"] = Field("mean", description="Over the tokens of a sentence.")
    layer: Literal["last"] | Annotated[int, Field(ge=0)] = Field(
        "last", description="last: after the final norm; n: output of layer n, 0 being the token embeddings."
    )
    max_tokens: int = Field(128, ge=1, description="Tokens after which a sentence is cut off.")


class MetricsSection(Section):
    """Readings of distance and retrieval; all are computed, the shown ones make the paper-shaped tables."""

    similarities: Annotated[list[Similarity], Field(min_length=1), Distinct] = Field(
        ["inner_product", "cosine", "centred_cosine"], description="Similarities by which retrieval is measured."
    )
    shown_similarity: Similarity = Field(
        "inner_product", description="Similarity of the paper-shaped tables and figures."
    )
    shown_distance: DistanceMeasure = Field("pairs", description="Distance between two languages in Tables 1 and 2.")
    shown_medoid: Literal["sentence", "language_means", "centroid"] = Field(
        "sentence", description="Medoid of Table 1."
    )
    shown_candidates: Literal["seen", "all"] = Field("seen", description="Candidate languages of Table 2.")

    @model_validator(mode="after")
    def _shown_is_measured(self) -> "MetricsSection":
        if self.shown_similarity not in self.similarities:
            raise ValueError(f"shown_similarity {self.shown_similarity} is not among similarities")
        return self


class CorrelationsSection(Section):
    """Bootstrap over languages, of Table 2 and of the tables of ABX scores, of similarity of languages and of transfer."""

    resamples: int = Field(10_000, ge=100, description="Resamples of languages.")
    interval: Literal["percentile", "BCa"] = Field("percentile", description="Kind of bootstrap interval.")
    confidence: float = Field(0.95, gt=0, lt=1)
    seed: Seed = 0


class SimilaritySection(Section):
    """How similar languages are, with which retrieval, distance and transfer are correlated."""

    file: PathName | None = Field(
        None,
        description="CSV with the columns measure, first, second (ISO 639-3 codes), similarity; null: that of the built-in languages from URIEL.",
    )


class TransferSection(Section):
    """Light probes on frozen embeddings, trained in one language and tested in all of them."""

    test_share: float = Field(0.3, gt=0, lt=1, description="Share of the sentences that is held out, in all languages.")
    regularisation: float = Field(
        0.03,
        gt=0,
        description="Of the logistic regressions of topics and parts of speech: half the squared weights count so "
        "much beside the mean loss.",
    )
    rank: int = Field(32, ge=1, description="Rank of the structural probe (Hewitt and Manning 2019).")
    epochs: int = Field(30, ge=1, description="Passes of its training at most; it stops early.")
    learning_rate: float = Field(0.1, gt=0, description="Of its training, by Adam.")
    max_tokens: int = Field(512, ge=1, description="A sentence of the treebank with more tokens is left out.")
    seed: Seed = Field(0, description="Of the held-out sentences, the structural probe and the random weights.")


class ComputeSection(Section):
    """Where and how jobs run; none of it changes a result beyond rounding."""

    device: Device = Field("auto", description="auto takes a free GPU, else the CPU.")
    threads: int = Field(
        8, ge=1, description="CPU threads of a job that runs a model, at most those given to Snakemake."
    )
    tokens_per_batch: int = Field(8192, ge=1, description="Tokens, padding included, that one forward pass may hold.")


class Config(Section):
    """A study, from one YAML file or an overlay on config.yaml."""

    study: StudySection
    models: dict[Slug, ModelConfig] = Field(description="Models that can be named in study.models.")
    datasets: dict[Slug, DatasetConfig] = Field(description="Data sets that can be named in a role of the study.")
    languages: dict[LanguageCode, Language] = Field(
        default_factory=dict, description="Languages beside the built-in 23."
    )
    neurons: NeuronsSection = NeuronsSection()
    experts: ExpertsSection = ExpertsSection()
    intervention: InterventionSection = InterventionSection()
    methods: dict[MethodName, ComparedSection] = Field(
        default_factory=dict,
        description="Interventions that can be named in study.comparison, by the names they are shown by.",
    )
    random_control: RandomControlSection = RandomControlSection()
    sweep: SweepSection = SweepSection()
    generation: GenerationSection = GenerationSection()
    perplexity: PerplexitySection = PerplexitySection()
    embeddings: EmbeddingsSection = EmbeddingsSection()
    projection: ProjectionSection = ProjectionSection()
    metrics: MetricsSection = MetricsSection()
    correlations: CorrelationsSection = CorrelationsSection()
    similarity: SimilaritySection = SimilaritySection()
    transfer: TransferSection = TransferSection()
    compute: ComputeSection = ComputeSection()
    data_root: PathName | None = Field(None, description="Folder that holds local data sets.")
    results: PathName = Field("results", description="Folder of everything the study makes.")
    cache: PathName = Field("cache", description="Store of finished languages; studies may share it.")

    @property
    def language_table(self) -> dict[str, Language]:
        """Built-in languages and those added by the config."""
        return {**LANGUAGES, **self.languages}

    @cached_property
    def checkpoints(self) -> dict[str, Checkpoint]:
        """The checkpoints of the study's models by their names, which are made of model and step: `demo-step50`."""
        return {
            f"{name}-step{step}": Checkpoint(name, step)
            for name in self.study.models
            if (train := self.models[name].train) is not None
            for step in sorted(train.checkpoints)
        }

    @cached_property
    def every_model(self) -> dict[str, ModelConfig]:
        """Models by name, the checkpoints of the study's among them, which have the settings of their model."""
        of_steps = {name: self.models[kept.model].at_step(kept.step) for name, kept in self.checkpoints.items()}
        return {**self.models, **of_steps}

    @property
    def interventions(self) -> dict[str, ChangeSection]:
        """The study's intervention and those it is compared with, by their keys in the config."""
        return {"intervention": self.intervention} | {f"methods.{name}": each for name, each in self.methods.items()}

    @property
    def generating_models(self) -> list[str]:
        """Models of the study that write text; the others have no perplexity and generation."""
        return [name for name in self.study.models if generates(self.models[name].architecture)]

    def used(self, role: str) -> Corpus | None:
        """A role's data set with the languages used of it, where there are any.

        Of those that only targets are compared in these are the targets; no encoder uses text for perplexity.
        """
        corpus: Corpus | None = getattr(self.study, role)
        if corpus is None or role in ("probing", "alignment", "topics", "treebank"):
            return corpus
        if role == "perplexity" and not self.generating_models:
            return None
        targets = [code for code in corpus.languages if code in self.study.targets]
        return corpus.model_copy(update={"languages": targets}) if targets else None

    @model_validator(mode="after")
    def _names_resolve(self) -> "Config":
        study = self.study
        problems = []
        for name in study.models:
            if name not in self.models:
                problems.append(f"study.models: {name} is not defined under models ({', '.join(self.models)})")
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
            raise ValueError("; ".join(problems))
        return self

    def _intervention_problems(self, key: str, intervention: ChangeSection) -> list[str]:
        if intervention.method not in methods():
            return [f"{key}.method: {intervention.method} is none of {', '.join(sorted(methods()))}"]
        if methods()[intervention.method].needs_auroc and self.experts.expertise != "auroc":
            return [f"{key}.method: {intervention.method} is defined by the AUROC; set experts.expertise: auroc"]
        if isinstance(intervention, ComparedSection):
            return self._compared_problems(key, intervention)
        method = methods()[intervention.method]
        if method.on_layer or method.fitted_by_layer:
            what = "acts on a layer, not on experts" if method.on_layer else "is fitted layer after layer"
            return [f"{key}.method: {intervention.method} {what}; give it under methods"]
        return []

    def _comparison_problems(self) -> list[str]:
        compared = self.study.comparison.methods if self.study.comparison else []
        if unknown := [name for name in compared if name not in self.methods]:
            known = ", ".join(self.methods) or "which is empty"
            return [f"study.comparison.methods: {', '.join(unknown)} not defined under methods ({known})"]
        return []

    def _compared_problems(self, key: str, intervention: ComparedSection) -> list[str]:
        on_layer = methods()[intervention.method].on_layer
        if intervention.units == "random" and not self.random_control.seeds:
            return [f"{key}.units: random units are drawn by seed; give random_control.seeds"]
        if intervention.units == "random" and methods()[intervention.method].fitted_by_layer:
            return [f"{key}.units: {intervention.method} is fitted to experts alone; take another method"]
        if intervention.selection == "lape" and intervention.units == "random":
            return [f"{key}.selection: random units are not selected; leave it out"]
        if on_layer != (intervention.layer is not None):
            what = "acts on a layer; say which" if on_layer else "acts on units; leave it out"
            return [f"{key}.layer: {intervention.method} {what}"]
        return []

    def _corpus_problems(self, role: str, corpus: Corpus) -> list[str]:
        problems = self._unknown_languages(f"study.{role}.languages", corpus.languages)
        if corpus.dataset not in self.datasets:
            known = ", ".join(self.datasets)
            problems.append(f"study.{role}.dataset: {corpus.dataset} is not defined under datasets ({known})")
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


def read_config(raw: dict[str, Any], files: list[str]) -> Config:
    """Validate a merged config.

    Raises:
        StudyError: with one line for each problem: the key's path, what is wrong and the remedy.
    """
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
        where = f" ({', '.join(files)})" if files else ""
        raise StudyError("the config is not valid" + where + ":\n" + "\n".join(f"  {line}" for line in lines)) from None


def _explain(problem: Any) -> str:
    path = ".".join(_shown(part) for part in problem["loc"] if part != "[key]")
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "no such key; see docs/config.md for the keys of this section"
    elif problem["type"] == "missing":
        message = "is required"
    elif "input" in problem and not isinstance(problem["input"], dict) and problem["type"] != "value_error":
        message += f" (given: {_written(problem['input'])})"
        if problem["type"] == "string_type" and isinstance(problem["input"], int | float | datetime.date):
            message += "; put it in quotes"
    return _shortened(without_credentials(f"{path or 'the config'}: {message}"), LINE_CHARACTERS)


def _shown(part: Any) -> str:
    """A part of a key's path; one that is no plain word as Python writes it."""
    plain = isinstance(part, int) or (part.isprintable() and part == part.strip() != "")
    return _shortened(str(part) if plain else repr(part))


def _written(value: Any) -> str:
    """A value as Python writes it, cut off where it is long."""
    try:
        return _shortened(repr(value))
    except ValueError:  # Python writes no number of more than some thousand digits
        return "a number of very many digits"


def _shortened(text: str, characters: int = SHOWN_CHARACTERS) -> str:
    return text if len(text) <= characters else f"{text[:characters]}…"
