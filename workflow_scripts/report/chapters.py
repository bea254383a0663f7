"""The chapters of the report in the order of the paper; `plan/shown` says what stands in each."""

from collections.abc import Iterable
from dataclasses import dataclass

from workflow_scripts.jobs.errors import StudyError


@dataclass(frozen=True)
class Chapter:
    """A chapter; it is in the report if there is something in it to show."""

    name: str
    title: str
    introduction: str


CHAPTERS = [
    Chapter(
        "intervention",
        "Intervention",
        "How many experts are enough? With too few, the model does not write in the target language; with too many, "
        "it writes badly. Text is generated from the beginning-of-sentence token alone, its language identified, and "
        "the perplexity of text in the target language measured (paper, section 3 and appendix B).",
    ),
    Chapter(
        "space",
        "The embedding space",
        "Sentences with the same meaning in many languages are embedded by the original and by the intervened model. "
        "If the intervention aligns languages, they come closer to each other, to the target and to the medoid of the "
        "space (paper, section 4).",
    ),
    Chapter(
        "retrieval",
        "Cross-lingual retrieval",
        "For every sentence of a query language, its translation is looked for among all sentences of a candidate "
        "language. Top-1 accuracy is the share of queries whose translation is the most similar candidate (paper, "
        "section 5 and appendices E, F and H).",
    ),
    Chapter(
        "discrimination",
        "Form and meaning",
        "Does the space tell languages apart less after the intervention, and meanings more? In ABX discrimination, of "
        "two sentences that differ in one thing alone, the one that shares it with a third should be the nearer to it "
        "(de Seyssel, Chi et al. 2025; not in the paper).",
    ),
    Chapter(
        "layers",
        "Layers",
        "Embeddings are of the last layer. Are languages nearer to each other in the middle of the model, and what "
        "does the intervention do there? MEXA asks how well a language is aligned with a pivot, over all layers "
        "(Kargaran et al. 2024; not in the paper).",
    ),
    Chapter(
        "training",
        "Steps of the training",
        "When does a model come to tell languages apart, and when meanings? The same measures at checkpoints of a "
        "model that is trained within the study (not in the paper).",
    ),
    Chapter(
        "mixtures",
        "Mixtures of languages",
        "What drives the difference between models: the languages of their training? Models that are trained within "
        "the study on the same number of tokens, with one tokenizer, and differ in their mixture of languages alone "
        "(the paper's Limitations ask for it; not in the paper).",
    ),
    Chapter(
        "transfer",
        "Transfer by light probes",
        "What a probe has learnt on the embeddings of one language, does it tell in others, and better after the "
        "intervention? Linear probes of topics, parts of speech and trees, frozen embeddings, held-out sentences that "
        "are the same in every language (not in the paper).",
    ),
    Chapter(
        "similarity",
        "Similarity of languages",
        "Which pairs of languages are close, and which gain? Similarity by grammar, sounds, family and place, and what "
        "their texts share in characters and subwords, beside retrieval, distances and transfer, before the "
        "intervention and in their change (after Muller et al. 2022 and Blaschke et al. 2025; not in the paper).",
    ),
    Chapter(
        "paraphrases",
        "Paraphrase retrieval",
        "Is the space inside a language preserved? Paraphrases of the target language are looked for among all of its "
        "sentences, before, after, and from one space to the other (paper, section 6 and appendix D).",
    ),
    Chapter(
        "random",
        "Random control",
        "Is it the experts that matter? As many other neurons, drawn at random, are given the experts' values (paper, "
        "section 7 and appendix G).",
    ),
    Chapter(
        "shift",
        "Beyond a shift of the space",
        "Constants forced on neurons move all sentences alike, which shrinks cosine distances by itself. What is left "
        "of each change when the spaces are centred, and what would a constant added to every embedding have done, or "
        "random neurons?",
    ),
    Chapter(
        "methods",
        "Methods of intervention",
        "What do other methods on the same experts, on other neurons or on whole layers do, and what does each cost in "
        "perplexity?",
    ),
    Chapter(
        "published",
        "Beside the published numbers",
        "What the paper says, tested on this study's numbers.",
    ),
    Chapter("languages", "Languages", ""),
    Chapter("computation", "Computation", ""),
]


def require_chapters(names: Iterable[str]) -> None:
    """Refuse a table or figure that stands in no chapter.

    Raises:
        StudyError: a name is no chapter's.
    """
    known = [chapter.name for chapter in CHAPTERS]
    if unknown := sorted(set(names) - set(known)):
        raise StudyError(
            f"The report has no chapter {', '.join(unknown)}; it has {', '.join(known)}. Add it to "
            "workflow_scripts/report/chapters.py, or take another in workflow_scripts/plan/shown."
        )
