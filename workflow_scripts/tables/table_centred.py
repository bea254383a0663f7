"""Which gains survive centring, a constant that is added to every embedding, and random neurons.

Forcing constants on neurons moves every sentence by nearly the same vector, which shrinks cosine distances by itself.
"""

from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import ControlSeeds, SpaceLanguages
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.averages import MINIMUM_LANGUAGES
from workflow_scripts.measures.effects import EFFECTS, SURVIVES, VALUES, Effect, measured_effect
from workflow_scripts.measures.metric_files import read_metrics
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

COLUMNS = {
    "alignment": ["space", "centring", "measure", "query", "candidate", "value"],
    "paraphrase": ["similarity", "language", "space", "accuracy"],
}
RANDOM = layout.Column("Random")
SURVIVES_RANDOM = layout.Column("random neurons", group="The gain survives")
HEADERS = [
    layout.Column("Pre"),
    layout.Column("Post"),
    layout.Column("Constant"),
    RANDOM,
    layout.Column("Pre", group="Centred"),
    layout.Column("Post", group="Centred"),
    layout.Column("Pre", group="Each language centred"),
    layout.Column("Post", group="Each language centred"),
    layout.Column("Targets that gain"),
    layout.Column("centring", group="The gain survives"),
    layout.Column("language centring", group="The gain survives"),
    layout.Column("constant control", group="The gain survives"),
    SURVIVES_RANDOM,
    layout.Column("Share of the constant"),
]
UNDEFINED = layout.Cell("–", value=float("nan"))


class Spec(TargetsSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    languages: SpaceLanguages
    paraphrase_targets: list[LanguageCode] = Field(description="Targets of which there are paraphrases.")
    seeds: ControlSeeds


def effects_by_target(metrics: dict[str, pd.DataFrame], spec: Spec) -> pd.DataFrame:
    """Return one row per effect, model, pooling and target; the columns are those of `measured_effect`.

    Raises:
        StudyError: an observation is missing.
    """
    found = []
    for effect in EFFECTS.values():
        targets = spec.paraphrase_targets if effect.over == "paraphrase" else spec.targets
        conditions = {**spec.conditions, "target": targets}
        if targets:
            found.append(measured_effect(effect, metrics, conditions, spec.languages, spec.seeds, spec.resampling))
    return pd.concat(found, ignore_index=True)


def as_table(by_target: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model, pooling and effect: means over targets, and of how many targets a gain survives."""
    of = {key: rows for key, rows in by_target.groupby(["model", "pooling", "effect"])}
    rows = [
        [
            *layout.label_cells(model.label, pooling, spec.poolings),
            layout.Cell(f"{effect.label} {'↓' if effect.falls else '↑'}", latex=latex_label(effect)),
            *value_cells(of[model.name, pooling, name], effect, spec),
        ]
        for model in spec.models
        for pooling in spec.poolings
        for name, effect in EFFECTS.items()
        if (model.name, pooling, name) in of
    ]
    labels = layout.label_columns(spec.poolings, "Measure")
    return layout.Table(
        title="What survives centring and a constant",
        caption=caption(spec),
        columns=[*labels, *(header for header in HEADERS if spec.seeds or header not in (RANDOM, SURVIVES_RANDOM))],
        rows=rows,
        labels=len(labels),
        gray_means="the gain survives in at most half of the targets that gain",
    )


def latex_label(effect: Effect) -> str:
    """Return the label with an arrow in mathematics."""
    arrow = r"$\downarrow$" if effect.falls else r"$\uparrow$"
    return f"{effect.label.translate(layout.LATEX)} {arrow}"


def value_cells(rows: pd.DataFrame, effect: Effect, spec: Spec) -> list[layout.Cell]:
    """Return the means over targets of one effect, how many targets gain, and in how many the gain survives."""
    means = rows[[name for name in VALUES if spec.seeds or name != "random"]].mean(skipna=False)
    shown = [
        UNDEFINED if pd.isna(mean) else layout.Cell(text := layout.number(mean, effect.decimals), f"${text}$", mean)
        for mean in means
    ]
    gained = int(rows["gain"].sum())
    verdicts = []
    for name in (name for name in SURVIVES if spec.seeds or name != "survives_random"):
        survives = rows[name].dropna()
        share = survives.mean()
        said = f"{'yes' if share > 0.5 else 'no'} ({int(survives.sum())} of {len(survives)})"
        cell = layout.Cell(said, value=share, gray=not share > 0.5, verdict=bool(share > 0.5))
        verdicts.append(cell if len(survives) else UNDEFINED)
    return [*shown, layout.Cell(f"{gained} of {len(rows)}", value=gained), *verdicts, constant_cell(rows)]


def constant_cell(rows: pd.DataFrame) -> layout.Cell:
    """Return what part of the gains, summed over the targets that gain, the constant control has."""
    gains = rows[rows["gain"] == 1]
    if not len(gains) or gains["constant"].isna().any():
        return UNDEFINED
    share = (gains["constant"] - gains["pre"]).sum() / (gains["post"] - gains["pre"]).sum()
    return layout.Cell(f"{share:z.0%}", value=share)


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    random = (
        f" Random: with as many random neurons in place of the experts, the mean over {len(spec.seeds)} draws."
        if spec.seeds
        else ""
    )
    single = "; ".join(effect.label for effect in EFFECTS.values() if effect.single)
    return (
        f"Means over the intervention targets ({', '.join(spec.targets)}; of paraphrases, those of them that have any) "
        f"in a space of {len(spec.languages)} "
        "languages, without (pre) and with (post) the intervention on experts; all by cosine. Arrows say which way the "
        "paper reports a measure to move, or, below the paraphrases, which way is the better one. Constant: the space "
        "without the intervention, with the difference of the two spaces' means added to every "
        f"embedding.{random} Centred: less the mean of all embeddings of the space; each language centred: less that "
        "of its language. A target gains if the measure moves that way from pre to post. Of the targets that gain, the "
        "gain survives centring if the measure moves that way from pre to post in the centred spaces, too, and a "
        "control if it moves that way from the control to post; yes: for more than half of the targets that gain. A "
        "mean over languages or pairs of languages, of which there are at least "
        f"{MINIMUM_LANGUAGES}, moves if the {100 * spec.resampling.confidence:g}% bootstrap interval of its difference "
        f"({spec.resampling.resamples:,} resamples of languages) does not hold 0; what is one number of a space "
        f"({single}) moves by whatever is more than rounding. Share of the constant: the constant's "
        "gains over the gains from pre to post, each summed "
        "over the targets that gain. –: not defined, or no target gains. Whitening: the principal components, 256 "
        "at most, each scaled to variance 1. Retrieval after it, CKA, effective ranks and shares of variance "
        "do not change with a constant, and are taken to survive it and centring by the whole space."
    )


def read(paths: list[Path]) -> dict[str, pd.DataFrame]:
    """Return the metric CSVs by what they hold, which is their file's name.

    Raises:
        StudyError: a file is neither alignment.csv nor paraphrase.csv.
    """
    if unknown := [str(path) for path in paths if path.stem not in COLUMNS]:
        raise StudyError(f"{unknown[0]} is none of {', '.join(f'{name}.csv' for name in COLUMNS)}; leave it out.")
    by_name = {name: [path for path in paths if path.stem == name] for name in COLUMNS}
    return {name: read_metrics(of_name, COLUMNS[name]) for name, of_name in by_name.items() if of_name}


main = table_stage(
    Spec,
    __doc__,
    {"metrics...": "alignment.csv of each condition, that of the unintervened model too; paraphrase.csv of each"},
    read=lambda spec, files: effects_by_target(read(files.metrics), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
