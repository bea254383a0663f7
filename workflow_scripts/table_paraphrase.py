"""Tables 3 and 5: paraphrase retrieval inside a language, without and with the intervention.

And mixed: from sentences without to sentences with the intervention.
"""

import pandas as pd
from pydantic import Field

from workflow_scripts.lib import stage, tables
from workflow_scripts.lib.metric_files import grid, read_metrics, select
from workflow_scripts.lib.shown import Model

SPACES = {"pre": "Pre", "post": "Post", "mixed": "Mixed"}


class Spec(stage.Spec):
    """What Table 3 or 5 shows."""

    models: list[Model] = Field(min_length=1, description="Models in the order of the rows.")
    poolings: list[str] = Field(min_length=1, description="How a neuron's response was pooled to find experts.")
    targets: list[str] = Field(min_length=1, description="Intervention targets: one in Table 3, the others in Table 5.")
    similarity: str = Field(description="Similarity of retrieval that the paper-shaped table shows.")
    names: dict[str, str] = Field(default_factory=dict, description="Language names for the caption.")


def accuracies(paraphrase: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """One row for each model, pooling, similarity and target, with the columns pre, post, mixed and pairs.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = grid(
        model=[model.name for model in spec.models],
        pooling=spec.poolings,
        similarity=sorted({*paraphrase["similarity"], spec.similarity}),
        target=spec.targets,
    )
    key = wanted.assign(language=wanted["target"], units="expert")
    found = {space: select(paraphrase, key.assign(space=space), "paraphrase accuracies") for space in SPACES}
    accuracy = {space: rows["accuracy"].to_numpy() for space, rows in found.items()}
    return wanted.assign(**accuracy, pairs=found["post"]["pairs"].to_numpy())


def as_table(tidy: pd.DataFrame, spec: Spec) -> tables.Table:
    """The layout of the paper's Tables 3 and 5; a column for the language where there is more than one."""
    shown = tidy[tidy["similarity"] == spec.similarity].set_index(["model", "pooling", "target"])
    several = len(spec.targets) > 1
    rows = [
        [
            tables.Cell(model.label),
            *tables.pooling_cells(pooling, spec.poolings),
            *([tables.Cell(target)] if several else []),
            *(tables.number_cell(shown.loc[(model.name, pooling, target), space]) for space in SPACES),
        ]
        for model in spec.models
        for pooling in spec.poolings
        for target in spec.targets
    ]
    language = [tables.Column("Language")] if several else []
    labels = [tables.Column("Model"), *tables.pooling_columns(spec.poolings), *language]
    return tables.Table(
        title="Paraphrase retrieval before and after the intervention",
        caption=caption(spec),
        columns=[*labels, *(tables.Column(text, group="Top-1 Accuracy") for text in SPACES.values())],
        rows=rows,
        labels=len(labels),
    )


def caption(spec: Spec) -> str:
    """What the table shows and how it was computed."""
    targets = ", ".join(spec.names.get(target, target) for target in spec.targets)
    return (
        f"Top-1 accuracy of paraphrase retrieval (by {spec.similarity.replace('_', ' ')}) in the language of the "
        f"intervention ({targets}). Pre: query and candidates are embedded by the original model. Post: query and "
        "candidates are embedded by the intervened model. Mixed: the query is embedded by the original and the "
        "candidates by the intervened model."
    )


def main(command: list[str] | None = None) -> None:
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"paraphrase...": "paraphrase retrieval, one CSV a condition"},
        outputs=tables.OUTPUTS,
        command=command,
    )
    metrics = read_metrics(files.paraphrase, ["similarity", "language", "space", "pairs", "accuracy"])
    tidy = accuracies(metrics, spec)
    tables.write(tidy, as_table(tidy, spec), files)


if __name__ == "__main__":
    stage.run(main)
