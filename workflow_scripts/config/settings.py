"""Settings that stages depend on: the type, the bounds and the description of each, written once.

The sections of the config give them their defaults. A stage's `Spec` names the settings that it depends on, so that its
code depends on these and not on the rest of their section.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from workflow_scripts.config.fields import Distinct, LanguageCode, Languages, PathName, Registered, Seed, Slug

# --- What is studied ---

DatasetName = Annotated[Slug, Field(description="Name of a data set in `datasets`.")]
ModelName = Annotated[Slug, Field(description="Name of a model in `models`.")]
ModelLabel = Annotated[
    str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", description="Name that tables and figures show, on one line.")
]
PublishedName = Annotated[
    str | None,
    Field(
        description="Name of the model among the published numbers, workflow_scripts/paper/printed/*.csv, where it is one of the paper's models."
    ),
]
WeightType = Annotated[Literal["float32", "bfloat16", "float16"], Field(description="Data type of the weights.")]
Target = Annotated[LanguageCode, Field(description="Language on whose experts the intervention acts.")]
Targets = Annotated[Languages, Field(description="Languages on whose experts the intervention acts.")]
ShownTarget = Annotated[
    LanguageCode,
    Field(description="Target that Table 3 and Figures 1, 3, 4 and 5 show; Spanish in the paper."),
]
ProbingLanguages = Annotated[
    list[LanguageCode],
    Field(min_length=2, description="Languages whose sentences experts are found on: target and negatives."),
    Distinct,
]
SpaceLanguages = Annotated[
    list[LanguageCode],
    Field(min_length=2, description="Languages of the parallel corpus, all pairs of which are measured."),
    Distinct,
]
ProbedLanguages = Annotated[
    list[LanguageCode],
    Field(min_length=2, description="Languages in each of which a probe is trained and tested."),
    Distinct,
]
LanguageNames = Annotated[dict[LanguageCode, str], Field(description="English names of languages, by code.")]
LanguageFiles = Annotated[
    PathName | None,
    Field(
        description="CSV of similarities of languages, with the columns measure, first, second (ISO 639-3 codes) and "
        "similarity; where null, those from URIEL, which cover the built-in languages."
    ),
]

# --- Neurons and experts ---

Sites = Annotated[
    Literal["mlp", "linear"] | Annotated[list[str], Field(min_length=1)],
    Field(
        description="Modules whose outputs are neurons. mlp: linear layers inside MLPs, and those of a mixture's "
        "experts; linear: all linear layers but the LM head; or a list of patterns (with *) of module names."
    ),
]
Pooling = Literal["max", "mean", "last"]
ResponsePooling = Annotated[
    Pooling, Field(description="How a neuron's response to a sentence is pooled over the sentence's tokens.")
]
Poolings = Annotated[
    list[Pooling],
    Field(
        min_length=1,
        description="How a neuron's response to a sentence is pooled over the sentence's tokens; each pooling finds "
        "experts of its own.",
    ),
    Distinct,
]
Expertise = Annotated[
    Literal["auroc", "average_precision"],
    Field(description="Measure of how well a neuron's response separates the target language from the others."),
]
# Ways to choose k neurons by the ranking, and what the report says of each.
SELECTIONS = {
    "top": "those of the highest expertise",
    "bottom": "those of the lowest",
    "two_sided": "those whose expertise is farthest from ½",
    "per_layer": "those of the highest expertise in each layer",
}
# Ways to choose them by other numbers of the neurons, and what these are called.
SCORED = {"lape": "activation_probabilities", "transfer": "transfer_scores"}
RANKED = "; ".join(f"{name}: {which}" for name, which in SELECTIONS.items())
ByExpertise = Literal[tuple(SELECTIONS)]
RankedSelection = Annotated[ByExpertise, Field(description=f"Which k neurons are the experts. {RANKED}.")]
Selection = Annotated[
    Literal[ByExpertise, *SCORED],
    Field(
        description=f"Which k neurons are the experts. {RANKED}; lape: those whose probability of being active has the "
        "lowest entropy over languages; transfer: those whose responses move states most towards the target's mean."
    ),
]
Storage = Annotated[
    Literal["float16", "float32"], Field(description="Data type in which recorded responses are stored.")
]
MaxTokens = Annotated[int, Field(ge=1, description="Number of tokens after which a sentence is cut off.")]

# --- Interventions ---

METHODS = Registered("workflow_scripts.interventions.registry:methods")
Method = Annotated[
    str,
    METHODS,
    Field(description="Method of intervention; each is a file in workflow_scripts/interventions."),
]
MethodSettings = Annotated[
    dict[str, Any], Field(description="Settings of the method's own, without those that are at their defaults.")
]
ForcedValue = Annotated[
    Literal["mean", "median", "token_mean"],
    Field(
        description="Value that a unit is forced to, over the sentences in the target language. mean, median: of the "
        "pooled response; token_mean: the mean response to all tokens."
    ),
]
Positions = Annotated[Literal["all", "last"], Field(description="Token positions at which units are changed.")]
Strength = Annotated[
    float,
    Field(description="Share of the method's change that is made: 0 changes nothing, 1 is the method itself."),
]
Units = Annotated[
    Literal["expert", "random"], Field(description="expert: experts are changed; random: as many random neurons.")
]
ChangedLayer = Annotated[
    Literal["middle", "last"] | Annotated[int, Field(ge=1)],
    Field(
        description="Layer that a method on layers changes: the states after so many blocks; for middle, after half of "
        "the model's blocks; for last, after the final norm."
    ),
]
FittedSentences = Annotated[
    int,
    Field(ge=2, description="Number of sentences per language, from the first on, that a fitted method is fitted to."),
]
ControlSeeds = Annotated[
    list[Seed], Field(description="Seeds of the draws of random neurons, one draw per seed."), Distinct
]
Draw = Annotated[
    Literal["uniform", "same_layers"],
    Field(
        description="How random neurons are drawn. uniform: from all neurons but the experts; same_layers: as many from "
        "each layer as it has experts."
    ),
]
ControlValues = Annotated[
    Literal["experts", "own"],
    Field(
        description="Values that random neurons are forced to. experts: those of the experts, permuted; own: those of "
        "the random neurons themselves."
    ),
]

# --- Embeddings ---

EmbeddingPooling = Annotated[
    Literal["mean", "mean_without_bos", "last"],
    Field(description="How states are pooled over the tokens of a sentence to make its embedding."),
]
Layer = Annotated[
    Literal["last"] | Annotated[int, Field(ge=0)],
    Field(
        description="Layer whose states are pooled. n: states after n blocks, 0 being the token embeddings; last: states "
        "after the final norm."
    ),
]
Layers = Annotated[list[Layer], Field(min_length=1, description="Layers whose states are pooled, each on its own.")]

# --- Measures ---

SIMILARITIES = Registered("workflow_scripts.measures.registry:similarities")
DISTANCES = Registered("workflow_scripts.measures.registry:distances")
MEDOIDS = Registered("workflow_scripts.measures.registry:medoids")
Similarity = Annotated[str, SIMILARITIES]
Similarities = Annotated[
    list[Similarity], Field(min_length=1, description="Similarities by which retrieval ranks candidates."), Distinct
]
ShownSimilarity = Annotated[
    Similarity, Field(description="Similarity of retrieval that tables and figures show; one of `similarities`.")
]
Distance = Annotated[str, DISTANCES]
ShownDistance = Annotated[Distance, Field(description="Distance between two languages that tables and figures show.")]
Medoid = Annotated[str, MEDOIDS, Field(description="Centre of the space that Table 1 and Figure 1 show.")]
CandidateSet = Annotated[
    Literal["seen", "all"],
    Field(
        description="Candidate languages over which Table 2 correlates. seen: those seen in pre-training; all: all of "
        "the parallel corpus."
    ),
]
Confidence = Annotated[float, Field(gt=0, lt=1, description="Confidence of intervals, like 0.95.")]

# --- Sweeps over the number of experts ---

Ks = Annotated[
    list[Annotated[int, Field(ge=0)]],
    Field(min_length=1, description="Numbers of experts; with 0 the model is not intervened on."),
    Distinct,
]
GeneratedSentences = Annotated[int, Field(ge=1, description="Number of sentences that are generated per seed.")]
SamplingSeeds = Annotated[
    list[Seed],
    Field(min_length=1, description="Seeds of sampling; a seed draws the same random numbers for every k."),
    Distinct,
]
GeneratedTokens = Annotated[
    int, Field(ge=2, description="Number of tokens of a generated sentence, the beginning-of-sentence token included.")
]
PromptWords = Annotated[
    int, Field(ge=1, description="Number of words, as blanks separate them, that the model is given of each sentence.")
]
Temperature = Annotated[float, Field(gt=0, description="Divisor of the logits before a token is sampled.")]
TopP = Annotated[
    float,
    Field(
        gt=0,
        le=1,
        description="Tokens are sampled from the most probable ones whose probabilities sum up to this share.",
    ),
]
TopK = Annotated[int, Field(ge=0, description="Tokens are sampled from this many most probable ones; 0: from all.")]
Identifier = Annotated[
    Literal["langid", "fasttext"], Field(description="Classifier that identifies the language of generated sentences.")
]
PerplexityTokens = Annotated[
    int, Field(ge=2, description="Number of tokens of the text, which is drawn paragraph by paragraph.")
]
Context = Annotated[
    Annotated[int, Field(ge=2)] | None,
    Field(
        description="Number of tokens of a window; where null, the longest context of the model, or 2048 if the model "
        "sets no limit."
    ),
]
Stride = Annotated[int, Field(ge=1, description="Number of tokens between the starts of two windows.")]
ParagraphSeed = Annotated[
    Seed, Field(description="Seed of the order in which paragraphs are drawn for the text, and windows of the text.")
]
StandardError = Annotated[
    Annotated[float, Field(gt=0)] | None,
    Field(
        description="Windows of the text are read in random order until the standard errors of the log perplexity and "
        "of its difference from the unintervened model's, as estimates of the whole text's, are at most this many nats "
        "a token; null: the whole text is read, as in the paper."
    ),
]

# --- Projection ---

ProjectedSentences = Annotated[
    Annotated[int, Field(ge=2)] | None,
    Field(description="Number of sentences per language, from the first on, that are projected; null: all."),
]
Neighbours = Annotated[int, Field(ge=2, description="Number of neighbours of a sentence in UMAP (n_neighbors).")]
MinDistance = Annotated[
    float, Field(ge=0, lt=1, description="Least distance between two points that UMAP aims at (min_dist).")
]
Components = Annotated[
    Annotated[int, Field(ge=2)] | None,
    Field(
        description="Number of principal components to which embeddings are reduced before UMAP; null: no reduction."
    ),
]
ProjectionSeed = Annotated[Seed, Field(description="Seed of UMAP.")]

# --- Probes ---

TestShare = Annotated[
    float, Field(gt=0, lt=1, description="Share of the sentences that probes are tested on; the same in all languages.")
]
Regularisation = Annotated[
    float,
    Field(
        gt=0,
        description="Weight of half the squared coefficients beside the mean loss, in the logistic regressions of topics "
        "and of parts of speech.",
    ),
]
NgramLength = Annotated[int, Field(ge=1, le=10)]
NgramRegularisation = Annotated[
    float,
    Field(
        gt=0,
        description="As `transfer.regularisation`, for probes on character n-grams, whose vectors have the length 1.",
    ),
]
ExampleCounts = Annotated[
    list[Annotated[int, Field(ge=0)]],
    Field(min_length=1, description="Numbers of examples of the tested language; with 0 a probe has none of it."),
    Distinct,
]
ProbeRank = Annotated[int, Field(ge=1, description="Rank of the structural probe (Hewitt and Manning 2019).")]
ProbeEpochs = Annotated[
    int,
    Field(ge=1, description="Number of passes over the sentences, at most, in training the structural probe."),
]
ProbeLearningRate = Annotated[
    float, Field(gt=0, description="Learning rate of Adam, which trains the structural probe.")
]
TreebankTokens = Annotated[
    int, Field(ge=1, description="Number of tokens beyond which a sentence of the treebank is left out.")
]
ProbeSeed = Annotated[
    Seed, Field(description="Seed of the held-out sentences, of the structural probe and of the random weights.")
]
