"""Tell the topics of sentences in every language by a probe on character n-grams that was trained in one."""

import pandas as pd
from pydantic import Field

from workflow_scripts.config.sections import NgramsSection
from workflow_scripts.config.settings import DatasetName, ProbedLanguages, ProbeSeed, TestShare
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import written_whole
from workflow_scripts.probes.ngrams import NgramClassifier, count_ngrams
from workflow_scripts.probes.split import held_out
from workflow_scripts.probes.topics import halves, transfer
from workflow_scripts.texts.schema import read_labels, read_part


class Spec(stage.Spec):
    """What the scores depend on."""

    dataset: DatasetName
    languages: ProbedLanguages
    test_share: TestShare
    seed: ProbeSeed
    ngrams: NgramsSection = Field(description="The n-grams, and how strongly their weights are held back.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"texts": "sentences and their topics (parquet)"},
        outputs={"transfer": "scores by language of training and of test (CSV)"},
        command=command,
    )
    parts = {language: read_part(files.texts, language, "sentence") for language in spec.languages}
    texts = [text for _, of_language in parts.values() for text in of_language]
    counts = count_ngrams(texts, spec.ngrams.shortest, spec.ngrams.longest)
    train, test, start = {}, {}, 0
    for language, (ids, _) in parts.items():
        own = counts[start : start + len(ids)]
        start += len(ids)
        topics = read_labels(files.texts, language, "topic", ids)
        train[language], test[language] = halves(ids, own, topics, held_out(ids, spec.test_share, spec.seed))
    found = transfer(lambda half: NgramClassifier(half.vectors, half.topics, spec.ngrams.regularisation), train, test)
    with written_whole(files.transfer) as beside:
        rows = pd.DataFrame([{"dataset": spec.dataset, **row} for row in found])
        rows.to_csv(beside, index=False, lineterminator="\n")


if __name__ == "__main__":
    stage.run(main)
