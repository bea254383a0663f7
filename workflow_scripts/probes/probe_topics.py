"""Tell the topics of sentences in every language by a probe on sentence embeddings that was trained in one."""

import pandas as pd

from workflow_scripts.config.specs import ProbeSpec
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.probes.classification import Classifier, majority, scores
from workflow_scripts.probes.topics import TASK, embedded_halves, transfer


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
    train, test = embedded_halves(files.embeddings, files.texts, spec)
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
