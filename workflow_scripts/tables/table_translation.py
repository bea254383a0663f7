"""Table 7: retrieval of translations into English on Tatoeba and BUCC-18, without and with the intervention."""

from typing import Literal, get_args

import pandas as pd
from pydantic import Field, field_validator

from workflow_scripts.config.settings import DatasetName, LanguageNames, ShownSimilarity, Targets
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, pre_and_post, read_metrics, select
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import PooledSpec

Benchmark = Literal["tatoeba", "bucc18"]
LABELS = {"tatoeba": "Tatoeba", "bucc18": "BUCC-18"}
DIRECTIONS = {"tatoeba": ["to_english", "from_english"], "bucc18": ["to_english"]}
SHOWN_DIRECTION = "to_english"
SPACES = {"pre": "Pre", "post": "Post"}
CANDIDATES = {
    "tatoeba": "Tatoeba: candidates are the translations of all queries",
    "bucc18": "BUCC-18: queries are the sentences that have a translation, candidates all English sentences",
}


class Dataset(stage.Spec):
    """A data set of the study that the table shows."""

    benchmark: Benchmark = Field(description="What the table calls it.")
    targets: Targets


class Spec(PooledSpec):
    """What the table depends on, beside its files."""

    datasets: dict[DatasetName, Dataset] = Field(
        min_length=1, description="By the names of the data sets in the config."
    )
    similarity: ShownSimilarity
    names: LanguageNames

    @field_validator("datasets")
    @classmethod
    def _one_of_each(cls, datasets: dict[str, Dataset]) -> dict[str, Dataset]:
        benchmarks = [dataset.benchmark for dataset in datasets.values()]
        if len(set(benchmarks)) < len(benchmarks):
            raise ValueError(f"{', '.join(datasets)} must be different benchmarks, since rows are told apart by them")
        return datasets

    @property
    def targets(self) -> dict[Benchmark, list[str]]:
        """Return targets by benchmark, in the paper's order."""
        shown = {dataset.benchmark: dataset.targets for dataset in self.datasets.values()}
        return {benchmark: shown[benchmark] for benchmark in get_args(Benchmark) if benchmark in shown}


def accuracies(translation: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per benchmark, model, pooling, similarity, direction and target.

    Its columns are these (the benchmark as `dataset`), pre, post, and the numbers of queries and candidates.

    Raises:
        StudyError: an observation is missing.
    """
    benchmarks = {name: dataset.benchmark for name, dataset in spec.datasets.items()}
    translation = translation.assign(dataset=translation["dataset"].map(benchmarks))
    similarities = sorted({*translation["similarity"], spec.similarity})
    wanted = pd.concat(
        [
            grid(
                dataset=[benchmark],
                model=spec.model_names,
                pooling=spec.poolings,
                similarity=similarities,
                direction=DIRECTIONS[benchmark],
                target=targets,
            )
            for benchmark, targets in spec.targets.items()
        ],
        ignore_index=True,
    )
    what = "translation accuracies"
    keys = wanted.assign(language=wanted["target"])
    found = pre_and_post(translation, keys, "accuracy", what).drop(columns="language")
    sizes = select(translation, keys.assign(units="expert"), what)[["queries", "candidates"]]
    return found.assign(**sizes)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out the numbers like the paper's Table 7: a row for each benchmark, model and target."""
    shown = tidy[(tidy["similarity"] == spec.similarity) & (tidy["direction"] == SHOWN_DIRECTION)]
    shown = shown.set_index(["dataset", "model", "pooling", "target"])
    rows = [
        [
            layout.Cell(LABELS[benchmark]),
            layout.Cell(model.label),
            *layout.pooling_cells(pooling, spec.poolings),
            layout.Cell(target),
            *(accuracy_cell(shown.loc[(benchmark, model.name, pooling, target), space]) for space in SPACES),
        ]
        for benchmark, targets in spec.targets.items()
        for model in spec.models
        for pooling in spec.poolings
        for target in targets
    ]
    pooling = layout.pooling_columns(spec.poolings)
    labels = [layout.Column("Data set"), layout.Column("Model"), *pooling, layout.Column("Language")]
    return layout.Table(
        title="Retrieval of translations into English before and after the intervention",
        caption=caption(spec),
        columns=[*labels, *(layout.Column(text, group="Top-1 Accuracy") for text in SPACES.values())],
        rows=rows,
        labels=len(labels),
    )


def accuracy_cell(accuracy: float) -> layout.Cell:
    """Return a cell with three decimals, since many candidates make small accuracies."""
    text = layout.number(accuracy, decimals=3)
    return layout.Cell(text, latex=f"${text}$", value=accuracy)


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    targets = dict.fromkeys(target for targets in spec.targets.values() for target in targets)
    languages = ", ".join(spec.names.get(target, target) for target in targets)
    return (
        f"Top-1 accuracy (by {spec.similarity.replace('_', ' ')}) of retrieving the English translation of sentences "
        f"in the language of the intervention ({languages}). Pre: the original model. Post: the intervened model. "
        f"{'. '.join(CANDIDATES[benchmark] for benchmark in spec.targets)}."
    )


COLUMNS = ["dataset", "similarity", "language", "direction", "queries", "candidates", "accuracy"]
main = table_stage(
    Spec,
    __doc__,
    {"translation...": "retrieval of translations, one CSV per condition and data set, the unintervened model's too"},
    read=lambda spec, files: accuracies(read_metrics(files.translation, COLUMNS), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
