"""Tell parts of speech and attachment in every language by probes on word embeddings that were trained in one.

Attachment: the minimum spanning tree of a sentence by the distances of a structural probe, punctuation left out. Its
score is the share of the edges of the treebank's tree that are in it (UUAS), over all sentences.
"""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.config.settings import ProbeEpochs, ProbeLearningRate, ProbeRank
from workflow_scripts.config.specs import ProbeSpec
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.probes.classification import Classifier, majority, scores
from workflow_scripts.probes.split import held_out
from workflow_scripts.probes.structural import StructuralProbe
from workflow_scripts.probes.treebank import Sentences, read_side, sentence_ids
from workflow_scripts.texts.trees import Edges, right_branching, spanning_tree, tree_distances


class Spec(ProbeSpec):
    """What the scores depend on."""

    rank: ProbeRank
    epochs: ProbeEpochs
    learning_rate: ProbeLearningRate


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "words": "word embeddings (HDF5)",
            "texts": "treebank (parquet)",
            "condition": "the condition they were embedded under (JSON)",
        },
        outputs={
            "transfer": "scores by language of training and of test (CSV)",
            "baselines": "scores of the most frequent tag, and of attaching every word to the next one (CSV)",
        },
        command=command,
    )
    tested = held_out(sentence_ids(files.texts, spec.languages[0]), spec.test_share, spec.seed)
    test = {language: read_side(files.words, files.texts, language, tested, "test") for language in spec.languages}
    found, trivial = [], []
    with measuring(files.words):
        for language in spec.languages:
            # One language at a time, since the embeddings of a large model in all languages do not fit in memory.
            train = read_side(files.words, files.texts, language, tested, "train")
            classifier = Classifier(train.all_vectors, train.all_tags, spec.regularisation)
            structural = StructuralProbe(
                train.vectors,
                [tree_distances(heads) for heads in train.heads],
                **spec.model_dump(include={"rank", "epochs", "learning_rate", "seed"}),
            )
            for other, sentences in test.items():
                key = {"train": language, "test": other, "sentences": len(sentences.tags)}
                found += [{**key, **row} for row in probed(classifier, structural, sentences)]
            guess = majority(train.all_tags)
            trivial += [{"test": language, **row} for row in guessed(guess, test[language])]
    columns = ["task", "train", "test", "sentences", "measure", "score"]
    condition = read_condition(files.condition)
    write_metric(files.transfer, condition, spec.dataset, pd.DataFrame(found)[columns])
    columns = ["task", "baseline", "test", "measure", "score"]
    write_metric(files.baselines, condition, spec.dataset, pd.DataFrame(trivial)[columns])


def probed(classifier: Classifier, structural: StructuralProbe, sentences: Sentences) -> Iterator[dict]:
    """Return scores of both probes, as rows."""
    for measure, score in scores(classifier(sentences.all_vectors), sentences.all_tags).items():
        yield {"task": "tags", "measure": measure, "score": score}
    trees = [
        spanning_tree(structural(vectors), counted)
        for vectors, counted in zip(sentences.vectors, sentences.counted, strict=True)
    ]
    yield {"task": "attachment", "measure": "uuas", "score": attachment_score(trees, sentences.edges)}


def guessed(tag: str, sentences: Sentences) -> Iterator[dict]:
    """Return scores of one tag for every word, and of attaching every word to the next one, as rows."""
    gold = sentences.all_tags
    for measure, score in scores([tag] * len(gold), gold).items():
        yield {"task": "tags", "baseline": "majority", "measure": measure, "score": score}
    score = attachment_score([right_branching(counted) for counted in sentences.counted], sentences.edges)
    yield {"task": "attachment", "baseline": "right_branching", "measure": "uuas", "score": score}


def attachment_score(found: list[Edges], gold: list[Edges]) -> float:
    """Return the share of the gold edges of all sentences that are found; NaN where there is none."""
    right = sum(len(of_sentence & truly) for of_sentence, truly in zip(found, gold, strict=True))
    total = sum(map(len, gold))
    return right / total if total else float("nan")


if __name__ == "__main__":
    stage.run(main)
