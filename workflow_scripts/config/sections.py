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
    Section,
    Seed,
    Slug,
)
from workflow_scripts.config.settings import (
    CandidateSet,
    ChangedLayer,
    Components,
    Confidence,
    Context,
    ControlSeeds,
    ControlValues,
    DatasetName,
    Draw,
    EmbeddingPooling,
    ExampleCounts,
    Expertise,
    FittedSentences,
    ForcedValue,
    GeneratedSentences,
    GeneratedTokens,
    Identifier,
    Ks,
    LanguageFiles,
    Layer,
    MaxTokens,
    Medoid,
    Method,
    MinDistance,
    Neighbours,
    NgramLength,
    NgramRegularisation,
    ParagraphSeed,
    PerplexityTokens,
    Poolings,
    Positions,
    ProbeEpochs,
    ProbeLearningRate,
    ProbeRank,
    ProbeSeed,
    ProjectedSentences,
    ProjectionSeed,
    PromptWords,
    RankedSelection,
    Regularisation,
    SamplingSeeds,
    Selection,
    ShownDistance,
    ShownSimilarity,
    Similarities,
    Sites,
    StandardError,
    Storage,
    Strength,
    Stride,
    Targets,
    Temperature,
    TestShare,
    TopK,
    TopP,
    TreebankTokens,
    Units,
)


class Corpus(Section):
    """A data set in a role, and the languages that are read from it."""

    dataset: DatasetName
    languages: LanguagesOrAll = Field(
        description="Languages that are read from the data set; all: every language that it is known to have."
    )


# The tasks of data sets that may be taken in each role.
ROLES = {
    "probing": ["parallel"],
    "alignment": ["parallel", "topics"],  # which are parallel, too
    "paraphrase": ["paraphrase"],
    "translation": ["translation"],
    "mining": ["mining"],
    "perplexity": ["paragraphs", "parallel"],
    "topics": ["topics"],
    "treebank": ["treebank"],
}


SPANISH = "es"  # which the paper shows


class ComparisonSection(Section):
    """Other methods of intervention, which are compared with the study's own."""

    methods: Annotated[list[MethodName], Field(min_length=1), Distinct] = Field(
        description="Names in `methods` of the interventions that are compared."
    )
    targets: Languages | Literal["shown"] | None = Field(
        None, description="Targets in which methods are compared; shown: the shown target; where null, all targets."
    )


class StudySection(Section):
    """What is studied (paper, section 3)."""

    models: Annotated[list[Slug], Field(min_length=1), Distinct] = Field(
        description="Names in `models` of the models that are studied."
    )
    targets: Targets
    shown_target: LanguageCode | None = Field(
        None,
        description="Target that Table 3 and Figures 1, 3, 4 and 5 show; where null, Spanish as in the paper, or the first "
        "target where Spanish is none.",
    )
    probing: Corpus = Field(
        description="Sentences that experts are found on; the negatives of a target are all other languages here."
    )
    alignment: Corpus = Field(
        description="Parallel corpus on which distances and retrieval are measured; its languages are the candidates."
    )
    paraphrase: Corpus | None = Field(
        None, description="Pairs of paraphrases, used in those of its languages that are targets."
    )
    translation: Corpus | None = Field(
        None,
        description="Translations to English (Tatoeba) for Table 7, used in those of its languages that are targets.",
    )
    mining: Corpus | None = Field(
        None,
        description="Sentences whose translations are sought among many English ones (BUCC-18) for Table 7, used in "
        "those of its languages that are targets.",
    )
    perplexity: Corpus | None = Field(
        None,
        description="Text for Figure 2 (Wikipedia, or sentences of a parallel corpus), on which the perplexity of causal "
        "models is measured; used in those of its languages that are targets.",
    )
    topics: Corpus | None = Field(
        None, description="Parallel sentences with their topics (SIB-200); a probe of topics is trained per language."
    )
    treebank: Corpus | None = Field(
        None,
        description="Parallel dependency trees (UD-PUD); probes of part of speech and of attachment are trained per "
        "language.",
    )
    comparison: ComparisonSection | None = Field(
        None, description="Methods of intervention that are compared with the study's own."
    )

    @model_validator(mode="after")
    def _some_target_is_shown(self) -> "StudySection":
        if self.shown_target is not None:
            return self
        return self.model_copy(update={"shown_target": SPANISH if SPANISH in self.targets else self.targets[0]})


class NeuronsSection(Section):
    """What counts as a neuron."""

    sites: Sites = "mlp"


class ExpertsSection(Section):
    """How experts are found (paper, section 3.2)."""

    poolings: Poolings = Field(["max"])
    expertise: Expertise = "auroc"
    selection: RankedSelection = "top"
    max_tokens: MaxTokens = 128
    storage: Storage = "float16"


class ChangeSection(Section):
    """What an intervention does, at whatever strength; further keys are settings of its method, if the method has any."""

    model_config = ConfigDict(extra="allow")  # the config as a whole refuses what is no setting of the method

    method: Method = "force"
    forced_value: ForcedValue = "mean"
    positions: Positions = "all"

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings of the method that are given, as yet of any type."""
        return self.model_extra or {}


class InterventionSection(ChangeSection):
    """What is done to the experts (paper, section 3.3); further keys are settings of the method, if it has any."""

    strength: Strength = 1.0


class ComparedSection(ChangeSection):
    """An intervention that is compared with the study's own; further keys are settings of its method, if it has any."""

    strengths: Annotated[list[Annotated[float, Field(gt=0, le=1000)]], Field(min_length=1), Distinct] = Field(
        [1.0], description="Shares of the method's change that are made; each strength gives conditions of its own."
    )
    units: Units = "expert"
    selection: Selection | None = Field(
        None, description="As `experts.selection`, which is taken where this is null, or lape, or transfer."
    )
    draw: Draw | None = Field(None, description="As `random_control.draw`, which is taken where this is null.")
    layer: ChangedLayer | None = Field(
        None,
        description="Layer that is changed, for a method on layers. n: the states after n blocks; middle: those after half "
        "of the blocks; last: those after the final norm.",
    )
    sentences: FittedSentences = 100


class RandomControlSection(Section):
    """The control: as many random neurons in place of the experts, forced to the experts' values (paper, section 7)."""

    seeds: ControlSeeds = Field([0, 1, 2, 3, 4])
    draw: Draw = "uniform"
    values: ControlValues = "experts"


class SweepSection(Section):
    """The numbers of experts by which Figure 2 shows generated language and perplexity (paper, appendix B)."""

    ks: Ks = Field([0, 100, 200, 500, 1000, 2000, 5000])


class PromptsSection(Section):
    """Beginnings of real sentences, which the model goes on from."""

    words: PromptWords = 5
    language: LanguageCode = Field(
        "en", description="Language of the sentences, one of `study.alignment.languages`, whose data set they are from."
    )


class GenerationSection(Section):
    """Sentences that are generated from the beginning-of-sentence token alone (paper, appendix B)."""

    sentences: GeneratedSentences = 256
    seeds: SamplingSeeds = Field([0, 1, 2, 3, 4, 5, 6, 7])
    max_tokens: GeneratedTokens = 20
    temperature: Temperature = 1.0
    top_p: TopP = 0.9
    top_k: TopK = 50
    identifier: Identifier = "langid"
    prompts: PromptsSection | None = Field(
        None,
        description="Sentences are also generated from the first words of real ones, and `results/prompted.csv` has these "
        "beside the others; null: they are not.",
    )


class PerplexitySection(Section):
    """Perplexity in windows that overlap, each token scored once (paper, appendix B)."""

    tokens: PerplexityTokens = 10_000_000
    context: Context = None
    stride: Stride = 512
    seed: ParagraphSeed = 0
    standard_error: StandardError = None


class ProjectionSection(Section):
    """UMAP of the space before and after the intervention (paper, section 4)."""

    sentences: ProjectedSentences = None
    neighbours: Neighbours = 15
    min_distance: MinDistance = 0.1
    components: Components = None
    seed: ProjectionSeed = 0


class EmbeddingsSection(Section):
    """What a sentence embedding is (paper, section 5)."""

    pooling: EmbeddingPooling = "mean"
    layer: Layer = "last"
    max_tokens: MaxTokens = 128


class MetricsSection(Section):
    """Definitions of distance and retrieval: all are measured, and one of each is shown in tables and figures."""

    similarities: Similarities = Field(["inner_product", "cosine", "centred_cosine"])
    shown_similarity: ShownSimilarity = "inner_product"
    shown_distance: ShownDistance = "pairs"
    shown_medoid: Medoid = "sentence"
    shown_candidates: CandidateSet = "seen"

    @model_validator(mode="after")
    def _shown_is_measured(self) -> "MetricsSection":
        if self.shown_similarity not in self.similarities:
            raise ValueError(f"shown_similarity {self.shown_similarity} is not among similarities")
        return self


class Resampling(Section):
    """The bootstrap from which intervals are made: over languages, in figures of retrieval over queries."""

    resamples: int = Field(10_000, ge=100, description="Number of resamples.")
    interval: Literal["percentile", "BCa"] = Field("percentile", description="Kind of bootstrap interval.")
    confidence: Confidence = 0.95
    seed: Seed = Field(0, description="Seed of the resamples.")


class SimilaritySection(Section):
    """How similar languages are, which is correlated with retrieval, distance and transfer."""

    file: LanguageFiles = None


class NgramsSection(Section):
    """Probes of topics on the character n-grams of the texts, which need no model, beside those on embeddings."""

    shortest: NgramLength = Field(1, description="Number of characters of the shortest n-grams.")
    longest: NgramLength = Field(4, description="Number of characters of the longest n-grams.")
    regularisation: NgramRegularisation = 0.001

    @model_validator(mode="after")
    def _lengths_in_order(self) -> "NgramsSection":
        if self.shortest > self.longest:
            raise ValueError(f"shortest {self.shortest} is more than longest {self.longest}")
        return self


class FewShotSection(Section):
    """Probes of topics that also have a few examples of the language that they are tested in (after Muller et al. 2022).

    They are as many as source languages times languages times numbers of examples, some hundredths of a second each.
    """

    examples: ExampleCounts = Field([0, 10, 30, 100])
    sources: Languages | None = Field(
        None, description="Languages that probes are trained in, of those of `study.topics`; null: all of these."
    )
    experts: bool = Field(
        True,
        description="Whether that is measured under the intervention on experts, too, not of unintervened models alone.",
    )


class TransferSection(Section):
    """Light probes on frozen embeddings, trained in one language and tested in all of them."""

    test_share: TestShare = 0.3
    regularisation: Regularisation = 0.03
    ngrams: NgramsSection | None = Field(
        None,
        description="Topics are also told by the character n-grams of the texts, as `results/sources.csv` shows; null: by "
        "embeddings alone.",
    )
    few_shot: FewShotSection | None = Field(
        None,
        description="Probes of topics are also given a few examples of the language that they are tested in, as "
        "`results/few_shot.csv` shows; null: they are not.",
    )
    rank: ProbeRank = 32
    epochs: ProbeEpochs = 30
    learning_rate: ProbeLearningRate = 0.1
    max_tokens: TreebankTokens = 512
    seed: ProbeSeed = 0


def tested_sentences(sentences: int, share: float) -> int:
    """Return how many of so many sentences probes are tested on: that share, at least one and not all."""
    return min(sentences - 1, max(1, round(share * sentences)))


class ComputeSection(Section):
    """Where and how jobs run; none of it changes a result beyond rounding."""

    device: Device = Field("auto", description="Device that models run on; auto takes a free GPU, or else the CPU.")
    threads: int = Field(
        8, ge=1, description="CPU threads of a job that runs a model, at most as many as Snakemake is given."
    )
    tokens_per_batch: int = Field(
        8192, ge=1, description="Largest number of tokens, padding included, in one forward pass."
    )
