"""What the paper supposes of the languages of a model's training, answered by models whose mixtures are known."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import Confidence, LanguageNames
from workflow_scripts.jobs import stage
from workflow_scripts.tables import layout
from workflow_scripts.tables.mixture_regressions import mean_over_models, observed, regress
from workflow_scripts.tables.mixtures import OUTCOMES, TrainedOnMixture
from workflow_scripts.tables.run import read_table, table_stage
from workflow_scripts.tables.specs import PooledSpec

Interval = tuple[float, float, float]  # a value and the ends of its interval
UNKNOWN: Interval = (np.nan, np.nan, np.nan)


class Spec(PooledSpec):
    """What the answers depend on, beside their files."""

    models: list[TrainedOnMixture] = Field(min_length=1)
    names: LanguageNames
    confidence: Confidence


@dataclass(frozen=True)
class Answer:
    """An answer, and the number that decides it: yes if its interval is above 0, no if below, else undecided."""

    question: str
    decides: Interval
    falls: bool = False  # whether a value below 0 says yes
    measured: str = ""  # in words

    @property
    def verdict(self) -> str:
        """Return yes, no or undecided; undefined where the study has no models that tell."""
        _, low, high = self.decides
        if np.isnan(low):
            return "undefined"
        above, below = low > 0, high < 0
        return {(True, False): "no" if self.falls else "yes", (False, True): "yes" if self.falls else "no"}.get(
            (above, below), "undecided"
        )


def answers(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per pooling and question: question, answer, value, ci_low, ci_high, measured (in words)."""
    rows = []
    for pooling in spec.poolings:
        for answer in of_pooling(table, pooling, spec):
            value, low, high = answer.decides
            decided = {"answer": answer.verdict, "value": value, "ci_low": low, "ci_high": high}
            rows.append({"pooling": pooling, "question": answer.question, **decided, "measured": answer.measured})
    return pd.DataFrame(rows)


def of_pooling(table: pd.DataFrame, pooling: str, spec: Spec) -> Iterator[Answer]:
    """Yield the answers for the experts that a pooling finds."""
    rows = {name: observed(table, name, pooling) for name in OUTCOMES}
    coefficients = {name: regress(rows[name], spec.models, spec.confidence).coefficients for name in OUTCOMES}
    of = {model.name: model for model in spec.models}
    most_even = min(model.unevenness for model in spec.models)
    even = {name for name, model in of.items() if np.isclose(model.unevenness, most_even)}

    def mean(outcome: str, chosen: np.ndarray | pd.Series, value: str = "value") -> Interval:
        return mean_over_models(rows[outcome][chosen].assign(value=rows[outcome][chosen][value]), spec.confidence)

    def in_even(outcome: str) -> Interval:
        return mean(outcome, rows[outcome]["model"].isin(even))

    def coefficient(outcome: str, predictor: str) -> Interval:
        return coefficients[outcome].get(predictor, UNKNOWN)

    plain, centred = "retrieval_target", "retrieval_target_centred"
    yield Answer(
        "Do queries in the target find their translations more often, in the models trained on the most even mixture?",
        in_even(plain),
        measured=(
            f"Accuracy changes by {said(in_even(plain))}; with each language centred, by {said(in_even(centred))}."
        ),
    )
    yield Answer(
        "Do they gain more, the larger the share of the training that was in the target?",
        coefficient(plain, "share"),
        measured=(
            f"Ten times the share changes the gain by {said(coefficient(plain, 'share'))}; with each language "
            f"centred, by {said(coefficient(centred, 'share'))}."
        ),
    )
    yield Answer(
        "Do they gain less when the target was never seen in training?",
        coefficient(plain, "absent"),
        falls=True,
        measured=(
            f"Never seen rather than with an even share changes the gain by {said(coefficient(plain, 'absent'))}; with "
            f"each language centred, by {said(coefficient(centred, 'absent'))}."
        ),
    )
    yield Answer(
        "Do distances fall less in models trained on an uneven mixture, as the paper supposes of PolyLM?",
        coefficient("distance", "unevenness"),
        measured=(
            f"Distances change by {said(in_even('distance'))} in the models of the most even mixture; per nat of "
            f"unevenness, the change is higher by {said(coefficient('distance', 'unevenness'))}."
        ),
    )
    yield Answer(
        "Do distances fall more, the larger the share of the training that was in the target?",
        coefficient("distance", "share"),
        falls=True,
        measured=f"With ten times the share, distances change by {said(coefficient('distance', 'share'))} more.",
    )
    texts = rows["language_id"]
    unseen = texts["share"] == 0
    targets = ", ".join(spec.names[target] for target in dict.fromkeys(texts[unseen]["target"]))
    yield Answer(
        "Can a model be steered to a language that it was never trained on?",
        mean("language_id", unseen),
        measured=(
            f"Of the texts, {said(mean('language_id', unseen, 'pre'))} are in the target without the intervention and "
            f"{said(mean('language_id', unseen, 'post'))} with it ({targets}); where it was seen, "
            f"{said(mean('language_id', ~unseen, 'pre'))} and {said(mean('language_id', ~unseen, 'post'))}."
            if targets
            else "No model of which text is generated has not seen a target."
        ),
    )


def said(interval: Interval) -> str:
    """Return a number with its interval, in words that stand in a sentence."""
    value, low, high = interval
    if np.isnan(value):
        return "(not measured)"
    return layout.number(value, 3) if np.isnan(low) else f"{value:z.3f} [{low:z.3f} {high:z.3f}]"


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row per pooling and question."""
    rows = [
        [
            *layout.pooling_cells(row.pooling, spec.poolings),
            layout.Cell(row.question),
            layout.Cell(row.answer, gray=True) if row.answer == "undecided" else layout.verdict_cell(row.answer),
            layout.Cell(row.measured),
        ]
        for row in tidy.itertuples()
    ]
    poolings = layout.pooling_columns(spec.poolings)
    return layout.Table(
        title="Answers to what the paper supposes of the training",
        caption=(
            "By the models of this study, whose mixtures of languages are known; what is said of them need not hold "
            f"of large ones. Yes or no where the {100 * spec.confidence:g}% interval of the number that decides does "
            "not hold 0: of means, over models (Student's t); of coefficients, those of the regressions on the "
            "mixture."
        ),
        columns=[*poolings, layout.Column("Question"), layout.Column("Answer"), layout.Column("Measured")],
        rows=rows,
        labels=len(poolings) + 1,
        gray_means="the interval holds 0, or no models tell",
    )


main = table_stage(
    Spec,
    __doc__,
    {"mixtures": "the table of outcomes by model and target (CSV)"},
    read=lambda spec, files: answers(read_table(files.mixtures, ["model", "target", "pooling"]), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
