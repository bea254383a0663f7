"""Tell the topics of sentences by a probe on embeddings of one language and of a few examples of the tested one."""

import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import Languages
from workflow_scripts.config.settings import ExampleCounts
from workflow_scripts.config.specs import ProbeSpec
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.probes.classification import scores
from workflow_scripts.probes.few_shot import told_with_examples
from workflow_scripts.probes.topics import TASK, embedded_halves


class Spec(ProbeSpec):
    """What the scores depend on."""

    sources: Languages = Field(description="Languages whose training sentences probes have.")
    examples: ExampleCounts


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
        outputs={"few-shot": "scores by language of training and of test, and number of examples (CSV)"},
        command=command,
    )
    train, test = embedded_halves(files.embeddings, files.texts, spec)
    sentences = min(len(half.ids) for half in train.values())
    if max(spec.examples) > sentences:
        raise StudyError(
            f"transfer.few_shot.examples: {max(spec.examples)} is more than the {sentences} sentences that probes are "
            "trained on; take fewer, or a smaller transfer.test_share, or more sentences."
        )
    settings = {"regularisation": spec.regularisation, "seed": spec.seed}
    found = []
    with measuring(files.embeddings):
        for source, language, count, told in told_with_examples(train, test, spec.sources, spec.examples, settings):
            gold = test[language].topics
            key = {"task": TASK, "train": source, "test": language, "examples": count, "sentences": len(gold)}
            found += [{**key, "measure": measure, "score": score} for measure, score in scores(told, gold).items()]
    write_metric(files.few_shot, read_condition(files.condition), spec.dataset, pd.DataFrame(found))


if __name__ == "__main__":
    stage.run(main)
