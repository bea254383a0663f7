"""Tables 3, 5 and 6: paraphrase retrieval inside a language, without and with the intervention.

And mixed: from sentences without to sentences with the intervention. Table 6 shows the random control with its spread
over seeds.
"""

import math

import pandas as pd
from pydantic import model_validator

from workflow_scripts.config.settings import ControlSeeds, LanguageNames, ShownSimilarity, Units
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, read_metrics, select
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

SPACES = {"pre": "Pre", "post": "Post", "mixed": "Mixed"}


class Spec(TargetsSpec):
    """What the table depends on, beside its files."""

    similarity: ShownSimilarity
    names: LanguageNames
    units: Units
    seeds: ControlSeeds

    @model_validator(mode="after")
    def _seeds_of_the_control(self) -> "Spec":
        if self.units == "random" and not self.seeds:
            raise ValueError("units: random needs seeds")
        return self


def accuracies(paraphrase: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, pooling, similarity and target, with the columns pre, post, mixed and pairs.

    For the random control there is one row per seed, which is in the column seed.

    Raises:
        StudyError: an observation is missing.
    """
    seeds = {"seed": spec.seeds} if spec.units == "random" else {}
    wanted = grid(
        model=spec.model_names,
        pooling=spec.poolings,
        similarity=sorted({*paraphrase["similarity"], spec.similarity}),
        target=spec.targets,
        **seeds,
    )
    # Seeds are read as floats where a file has none.
    key = wanted.assign(language=wanted["target"], units=spec.units).astype(dict.fromkeys(seeds, float))
    found = {space: select(paraphrase, key.assign(space=space), "paraphrase accuracies") for space in SPACES}
    accuracy = {space: rows["accuracy"].to_numpy() for space, rows in found.items()}
    return wanted.assign(**accuracy, pairs=found["post"]["pairs"].to_numpy())


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out the numbers like the paper's Tables 3, 5 and 6, with a column for the language if there are several."""
    by_condition = tidy[tidy["similarity"] == spec.similarity].groupby(["model", "pooling", "target"])
    several = len(spec.targets) > 1
    rows = [
        [
            *layout.label_cells(spec.labels[model], pooling, spec.poolings, *([target] if several else [])),
            *accuracy_cells(by_condition.get_group((model, pooling, target))),
        ]
        for model, pooling, target in spec.rows
    ]
    labels = layout.label_columns(spec.poolings, *(["Language"] if several else []))
    title = "Paraphrase retrieval before and after the intervention"
    return layout.Table(
        title=f"{title} on random neurons" if spec.units == "random" else title,
        caption=caption(spec),
        columns=[*labels, *(layout.Column(text, group="Top-1 Accuracy") for text in SPACES.values())],
        rows=rows,
        labels=len(labels),
    )


def accuracy_cells(rows: pd.DataFrame) -> list[layout.Cell]:
    """Return pre, post and mixed of one condition, as mean ± standard deviation where there are several seeds.

    Pre has no spread, since the original model does not depend on the seed.
    """
    return [layout.mean_cell(rows[space].mean(), math.nan if space == "pre" else rows[space].std()) for space in SPACES]


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    targets = ", ".join(spec.names.get(target, target) for target in spec.targets)
    control = ""
    if spec.units == "random":
        draws = f"mean ± standard deviation over {len(spec.seeds)} draws" if len(spec.seeds) > 1 else "one draw"
        control = f" The intervention is on as many random neurons as there are experts: {draws}."
    return (
        f"Top-1 accuracy of paraphrase retrieval (by {spec.similarity.replace('_', ' ')}) in the language of the "
        f"intervention ({targets}). Pre: query and candidates are embedded by the original model. Post: query and "
        "candidates are embedded by the intervened model. Mixed: the query is embedded by the original and the "
        f"candidates by the intervened model.{control}"
    )


COLUMNS = ["similarity", "language", "space", "pairs", "accuracy"]
main = table_stage(
    Spec,
    __doc__,
    {"paraphrase...": "paraphrase retrieval, one CSV per condition"},
    read=lambda spec, files: accuracies(read_metrics(files.paraphrase, COLUMNS), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
