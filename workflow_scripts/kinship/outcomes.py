"""What similarity of languages may explain, as matrices over pairs of languages: retrieval, distance, ABX, transfer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.kinship.similarities import matrix
from workflow_scripts.measures.definitions.abx import TASKS as ABX_TASKS
from workflow_scripts.measures.metric_files import grid, pair_matrix, pre_and_post, read_metrics, select
from workflow_scripts.probes.tasks import LABELS, MEASURES

RETRIEVAL, DISTANCE, TRANSFER = "retrieval", "distance", "transfer"
PRE, CHANGE = "pre", "change"  # quantities: without the intervention, and post − pre
OUTCOMES = {
    RETRIEVAL: "Retrieval accuracy",
    DISTANCE: "Distance",
    **{f"ABX {task}": f"ABX, {task}" for task in ABX_TASKS},
}
DECIMALS = 12  # of a value, so that equal values tie although they are rounded
PAIR = ["first", "second"]  # query and candidate; of transfer, the languages of training and of testing


@dataclass(frozen=True)
class Outcome:
    """A quantity of all ordered pairs of languages, of a model without an intervention or its change under one."""

    name: str  # one of OUTCOMES, or TRANSFER with its task
    quantity: str  # PRE or CHANGE
    pooling: str | None  # of the intervention, None without one
    target: str | None
    values: np.ndarray  # [languages, languages], NaN where unknown and on the diagonal

    @property
    def key(self) -> dict[str, str | None]:
        """Return all but the values, as columns of a table."""
        return {"outcome": self.name, "quantity": self.quantity, "pooling": self.pooling, "target": self.target}


def read_retrieval(paths: list[Path], similarity: str) -> pd.DataFrame:
    """Return the retrieval accuracies by one similarity, in the columns `outcome, first, second, value`."""
    metrics = read_metrics(paths, ["similarity", "query", "candidate", "accuracy"])
    chosen = metrics[metrics["similarity"] == similarity].rename(columns={"accuracy": "value"})
    return chosen.rename(columns={"query": "first", "candidate": "second"}).assign(outcome=RETRIEVAL)


def read_distances(paths: list[Path], measure: str) -> pd.DataFrame:
    """Return distances by one measure, in the columns `outcome, first, second, value`."""
    metrics = read_metrics(paths, ["measure", "query", "candidate", "value"])
    chosen = metrics[metrics["measure"] == measure]
    return chosen.rename(columns={"query": "first", "candidate": "second"}).assign(outcome=DISTANCE)


def read_abx(paths: list[Path]) -> pd.DataFrame:
    """Return ABX scores, in the columns `outcome, first, second, value`."""
    metrics = read_metrics(paths, ["task", *PAIR, "score"]).rename(columns={"score": "value"})
    return metrics.assign(outcome="ABX " + metrics["task"])


def read_transfer(paths: list[Path]) -> pd.DataFrame:
    """Return scores of probes trained in one language and tested in another, by the measure that is shown."""
    if not paths:
        return pd.DataFrame(columns=["model", "units", "target", "pooling", "outcome", *PAIR, "value"])
    return _shown_scores(read_metrics(paths, ["task", "train", "test", "measure", "score"]))


def read_ngrams(paths: list[Path]) -> pd.DataFrame:
    """Return the scores of probes that read no embeddings, in the columns `outcome, first, second, value`."""
    options = {"keep_default_na": False, "dtype": {"train": str, "test": str}}
    frames = [_shown_scores(pd.read_csv(path, **options)) for path in paths]
    columns = ["outcome", *PAIR, "value"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _shown_scores(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return scores of probes by the measure that is shown of their task, the languages named as those of all pairs."""
    shown = metrics[metrics["measure"] == metrics["task"].map(MEASURES)]
    named = shown.rename(columns={"train": "first", "test": "second", "score": "value"})
    return named.assign(outcome=f"{TRANSFER} " + shown["task"])


def label(outcome: str) -> str:
    """Return an outcome as a reader sees it."""
    if outcome in OUTCOMES:
        return OUTCOMES[outcome]
    return f"Transfer: {LABELS[outcome.removeprefix(f'{TRANSFER} ')].lower()}"


def outcomes_of(
    model: str, observed: list[pd.DataFrame], poolings: list[str], targets: list[str], languages: list[str]
) -> Iterator[Outcome]:
    """Return each outcome of a model without the intervention, then its change by each pooling and target.

    All but transfer must be there for all pairs of the languages, transfer for the pairs it was measured on.

    Raises:
        StudyError: an observation is missing.
    """
    everywhere = grid(first=languages, second=languages)
    everywhere = everywhere[everywhere["first"] != everywhere["second"]]
    for metrics in observed:
        base = metrics[(metrics["model"] == model) & (metrics["units"] == "none")]
        for name in dict.fromkeys(metrics["outcome"]):
            there = base.loc[base["outcome"] == name, PAIR] if name.startswith(TRANSFER) else everywhere
            there = there[there["first"] != there["second"]].assign(model=model, outcome=name)
            what = f"values of {label(name).lower()}"
            pre = select(metrics, there.assign(units="none"), what).round({"value": DECIMALS})
            yield Outcome(name, PRE, None, None, pair_matrix(pre, "value", languages))
            for pooling in poolings:
                for target in targets:
                    wanted = there.assign(pooling=pooling, target=target)
                    both = pre_and_post(metrics, wanted, "value", what)
                    both["change"] = (both["post"] - both["pre"]).round(DECIMALS)
                    yield Outcome(name, CHANGE, pooling, target, pair_matrix(both, "change", languages))


def read_measured(paths: list[Path]) -> pd.DataFrame:
    """Return the similarities of all files; the column `model` says by whose subwords one is measured, if by any."""
    options = {"keep_default_na": False, "dtype": {"model": str, "first": str, "second": str}}
    frames = [pd.read_csv(path, na_values={"similarity": [""], "model": [""]}, **options) for path in paths]
    return pd.concat([frame if "model" in frame else frame.assign(model=None) for frame in frames], ignore_index=True)


def similarities_of(measured: pd.DataFrame, model: str | None, languages: list[str]) -> dict[str, np.ndarray]:
    """Return matrices of similarity [languages, languages] by measure, those of a model's own subwords among them."""
    chosen = measured[measured["model"].isna() | (measured["model"] == model)]
    return {measure: matrix(chosen, measure, languages) for measure in dict.fromkeys(chosen["measure"])}
