"""The sections of the config but for models and data sets: what is studied, and by which definitions."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from workflow_scripts.config.fields import (
    Device,
    Distinct,
    LanguageCode,
    Languages,
    LanguagesOrAll,
    MethodName,
    PathName,
    Registered,
    Section,
    Seed,
    Slug,
)

Pooling = Literal["max", "mean", "last"]
METHODS = Registered("workflow_scripts.interventions.registry:methods")
SIMILARITIES = Registered("workflow_scripts.measures.registry:similarities")
DISTANCES = Registered("workflow_scripts.measures.registry:distances")
MEDOIDS = Registered("workflow_scripts.measures.registry:medoids")
Similarity = Annotated[str, SIMILARITIES]


class Corpus(Section):
    """A data set in a role, with the languages used of it."""

    dataset: Slug = Field(description="Name of a data set in `datasets`.")
    languages: LanguagesOrAll = Field(description="Languages read from it; all: every one that it is known to have.")


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
    paraphrase: Corpus | None = Field(
        None, description="Paraphrase pairs; those of the targets among its languages are used."
    )
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
    """What an intervention does, of whatever strength; the settings of its method, if it has any, are further keys."""

    model_config = ConfigDict(extra="allow")  # the config as a whole refuses what is no setting of the method

    method: Annotated[str, METHODS] = Field(
        "force", description="Registered method, one file each in workflow_scripts/interventions."
    )
    forced_value: Literal["mean", "median", "token_mean"] = Field(
        "mean",
        description="Over the target's sentences: mean or median of the pooled response, or mean over all tokens.",
    )
    positions: Literal["all", "last"] = Field("all", description="Token positions at which units are changed.")

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the method that are given, as yet of any type."""
        return self.model_extra or {}


class InterventionSection(ChangeSection):
    """What is done to the experts (paper, section 3.3); the settings of the method, if it has any, are further keys."""

    strength: float = Field(
        1.0, description="Share of the method's change that is made: 0 changes nothing, 1 is the method itself."
    )


class ComparedSection(ChangeSection):
    """An intervention that the study's own is compared with, at one strength or several, likewise."""

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
    shown_distance: Annotated[str, DISTANCES] = Field(
        "pairs", description="Distance between two languages in Tables 1 and 2."
    )
    shown_medoid: Annotated[str, MEDOIDS] = Field("sentence", description="Medoid of Table 1.")
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
        description="CSV with the columns measure, first, second (ISO 639-3 codes), similarity; null: that of the "
        "built-in languages from URIEL.",
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
