"""Tell the topics of sentences in every language by a probe on sentence embeddings that was trained in one."""

import pandas as pd

from workflow_scripts.config.specs import ProbeSpec
from workflow_scripts.embeddings.embedding_files import read_part
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.probes.classification import Classifier, majority, scores
from workflow_scripts.probes.split import held_out
from workflow_scripts.probes.topics import TASK, halves, transfer
from workflow_scripts.texts.schema import read_labels


class Spec(ProbeSpec):
    """What the scores depend on."""


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "embeddings": "sentence embeddings (HDF5)",
            "texts": "sentences and their topics (parquet)",
            "condition": "the condition they were embedded under (JSON)",
        },
        outputs={
            "transfer": "scores by language of training and of test (CSV)",
            "baselines": "scores of the most frequent topic (CSV)",
        },
        command=command,
    )
    train, test = {}, {}
    for language in spec.languages:
        ids, embeddings = read_part(files.embeddings, language)
        topics = read_labels(files.texts, language, "topic", ids)
        tested = held_out(ids, spec.test_share, spec.seed)
        train[language], test[language] = halves(ids, embeddings, topics, tested)
    trivial = []
    with measuring(files.embeddings):
        found = transfer(lambda half: Classifier(half.vectors, half.topics, spec.regularisation), train, test)
        for language in spec.languages:
            gold = test[language].topics
            guessed = scores([majority(train[language].topics)] * len(gold), gold)
            key = {"task": TASK, "baseline": "majority", "test": language}
            trivial += [{**key, "measure": measure, "score": score} for measure, score in guessed.items()]
    condition = read_condition(files.condition)
    write_metric(files.transfer, condition, spec.dataset, pd.DataFrame(found))
    write_metric(files.baselines, condition, spec.dataset, pd.DataFrame(trivial))


if __name__ == "__main__":
    stage.run(main)
