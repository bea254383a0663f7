"""What was found, in sentences: the changes that the paper reports, each with its size and interval.

An interval is that of the bootstrap over languages (measures/averages.py), of generated text over targets. A mean over
targets is the mean of the changes under the intervention on each target; all have the same languages.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflow_scripts.config.sections import Resampling
from workflow_scripts.measures.averages import (
    Average,
    average_over_candidates,
    average_over_languages,
    average_over_pairs,
    average_over_targets,
)
from workflow_scripts.measures.metric_files import pair_matrix

EXPERTS, RANDOM = "expert", "random"  # units of conditions


@dataclass(frozen=True)
class Finding:
    """A sentence, and the anchor in the report of what shows it in full."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Measured:
    """What was measured of a model's space, under experts found by one pooling.

    The frames are metric CSVs of the unintervened model and of all conditions; those of sweeps may be empty.
    """

    model: str
    label: str
    pooling: str
    k: int
    targets: list[str]
    shown_target: str
    languages: list[str]
    names: dict[str, str]
    distances: pd.DataFrame
    retrieval: pd.DataFrame
    alignment: pd.DataFrame
    language_id: pd.DataFrame
    perplexity: pd.DataFrame
    resampling: Resampling

    def matrix(self, frame: pd.DataFrame, value: str, target: str | None, units: str = EXPERTS) -> np.ndarray:
        """Return values of pairs [languages, languages] under a target's condition, or of the model as it is.

        Under random neurons, the mean over their draws.
        """
        of_model = frame[frame["model"] == self.model]
        if target is None:
            return pair_matrix(of_model[of_model["units"] == "none"], value, self.languages)
        here = of_model[
            (of_model["units"] == units) & (of_model["target"] == target) & (of_model["pooling"] == self.pooling)
        ]
        draws = [pair_matrix(drawn, value, self.languages) for _, drawn in here.groupby("condition", sort=False)]
        return np.mean(draws, axis=0)

    def changes(self, frame: pd.DataFrame, value: str, units: str = EXPERTS) -> np.ndarray:
        """Return the changes of values of pairs by the intervention on each target [targets, languages, languages]."""
        before = self.matrix(frame, value, None)
        return np.stack([self.matrix(frame, value, target, units) - before for target in self.targets])

    def signed(self, change: Average) -> str:
        """Return a change with its interval, and whether chance among languages explains it."""
        beyond = change.ci_low > 0 or change.ci_high < 0
        return f"{_plus(change.mean)}, {self.interval(change)}{'' if beyond else ', within chance'}"

    def interval(self, change: Average) -> str:
        """Return the interval of a change; fewer than three languages have none."""
        if np.isnan(change.ci_low):
            return "no interval"
        confidence = f"{100 * self.resampling.confidence:g}% interval"
        return f"{confidence} {_plus(change.ci_low)} to {_plus(change.ci_high)}"

    def has(self, units: str) -> bool:
        """Return whether there are conditions on such units."""
        return bool((self.distances["units"] == units).any())


def findings(measured: Measured) -> list[Finding]:
    """Return what was found, in the order of the paper: distances, retrieval, what is left of it, and what it costs."""
    parts: list[Callable[[Measured], Finding | None]] = [
        distances_fall,
        shown_queries_gain,
        target_queries_gain,
        all_pairs_gain,
        gain_left_when_centred,
        random_neurons,
        generated_language,
    ]
    return [found for part in parts if (found := part(measured)) is not None]


def distances_fall(measured: Measured) -> Finding:
    """Return how the mean distance over all pairs of languages changes."""
    before = _of_pairs(measured.matrix(measured.distances, "value", None))
    changes = measured.changes(measured.distances, "value")
    fallen = sum(_of_pairs(change) < 0 for change in changes)
    change = average_over_pairs(changes.mean(axis=0), measured.resampling)
    return Finding(
        f"Distances between languages {_moved(change.mean, 'rise', 'fall')} from {before:.2f} to "
        f"{before + change.mean:.2f} on average ({measured.signed(change)}); they fall for {fallen} of "
        f"{_count(len(changes), 'target')}.",
        "table-1",
    )


def shown_queries_gain(measured: Measured) -> Finding:
    """Return how often queries in the shown target find their translation, and which candidates gain most."""
    target = measured.shown_target
    row = measured.languages.index(target)
    before = np.delete(measured.matrix(measured.retrieval, "accuracy", None)[row], row)
    after = np.delete(measured.matrix(measured.retrieval, "accuracy", target)[row], row)
    codes = [code for code in measured.languages if code != target]
    change = average_over_languages(after - before, measured.resampling)
    best = int(np.argmax(after - before))
    times = f"{after.mean() / before.mean():.1f} times as often, " if before.mean() > 0 else ""
    name = measured.names[target]
    most = ""
    if after[best] > before[best]:
        most = f", most of all {measured.names[codes[best]]} ({before[best]:.2f} to {after[best]:.2f})"
    return Finding(
        f"{name} queries find their translation in {_percent(before.mean())} of cases before the intervention on "
        f"{name} and in {_percent(after.mean())} after it ({times}{measured.signed(change)}): "
        f"{int((after > before).sum())} of {_count(len(codes), 'candidate language')} gain{most}.",
        "figure-4",
    )


def target_queries_gain(measured: Measured) -> Finding | None:
    """Return how often queries in the targets find their translation, over all targets; None for one target."""
    if len(measured.targets) < 2:
        return None
    before, changes = _of_queries(measured, EXPERTS)
    change = average_over_candidates(changes, measured.resampling)
    gained = int((np.nanmean(changes, axis=1) > 0).sum())
    return Finding(
        f"Over all {len(measured.targets)} targets, queries in the target find their translation in "
        f"{_percent(before)} of cases before and in {_percent(before + change.mean)} after "
        f"({measured.signed(change)}); {gained} of {len(measured.targets)} targets gain.",
        "figure-21",
    )


def all_pairs_gain(measured: Measured) -> Finding:
    """Return how retrieval changes over all pairs of languages, whichever the query is in."""
    before = _of_pairs(measured.matrix(measured.retrieval, "accuracy", None))
    change = average_over_pairs(measured.changes(measured.retrieval, "accuracy").mean(axis=0), measured.resampling)
    return Finding(
        f"Over all pairs of languages, retrieval {_moved(change.mean, 'rises', 'falls')} from {_percent(before)} to "
        f"{_percent(before + change.mean)} ({measured.signed(change)}).",
        "figure-5",
    )


def gain_left_when_centred(measured: Measured) -> Finding:
    """Return what is left of that change when each language is centred, so that its own shift plays no part."""
    centred = measured.alignment[
        (measured.alignment["measure"] == "cosine_accuracy")
        & (measured.alignment["centring"] == "language")
        & (measured.alignment["space"] != "constant")
    ]
    before = _of_pairs(measured.matrix(centred, "value", None))
    change = average_over_pairs(measured.changes(centred, "value").mean(axis=0), measured.resampling)
    return Finding(
        f"With the mean of each language subtracted, retrieval over all pairs is {_percent(before)} before and "
        f"{_percent(before + change.mean)} after the intervention ({measured.signed(change)}): "
        f"{_beyond_a_shift(change)}.",
        "centred",
    )


def random_neurons(measured: Measured) -> Finding | None:
    """Return what as many random neurons do; None without a random control."""
    if not measured.has(RANDOM):
        return None
    distances = measured.changes(measured.distances, "value", RANDOM)
    distance = average_over_pairs(distances.mean(axis=0), measured.resampling)
    before, changes = _of_queries(measured, RANDOM)
    change = average_over_candidates(changes, measured.resampling)
    return Finding(
        f"As many random neurons, given the experts' values, change distances by "
        f"{measured.signed(distance)}, and retrieval with the target as query from {_percent(before)} to "
        f"{_percent(before + change.mean)} ({measured.signed(change)}).",
        "figure-30",
    )


def generated_language(measured: Measured) -> Finding | None:
    """Return how often generated texts are in the target language, and what that costs; None for an encoder."""
    shares, costs = [], []
    for target in measured.targets:
        identified = _of_sweep(measured.language_id, measured, target)
        scored = _of_sweep(measured.perplexity, measured, target)
        if measured.k in identified.index and 0 in identified.index:
            shares.append(identified.loc[[0, measured.k], "accuracy"].groupby(level=0).mean())
        if measured.k in scored.index and 0 in scored.index:
            costs.append(scored.loc[measured.k, "log_perplexity"] - scored.loc[0, "log_perplexity"])
    if not shares or not costs:
        return None
    before, after = (float(np.mean([share[k] for share in shares])) for k in (0, measured.k))
    changes = [share[measured.k] - share[0] for share in shares]
    change, cost = (average_over_targets(np.array(values), measured.resampling) for values in (changes, costs))
    ends = "" if np.isnan(cost.ci_low) else f" ({np.exp(cost.ci_low):.1f} to {np.exp(cost.ci_high):.1f})"
    over = "" if np.isnan(change.ci_low) else "; intervals over targets"
    return Finding(
        f"Texts from the beginning-of-sentence token are in the target language in {_percent(after)} of cases with "
        f"{measured.k:,} experts and in {_percent(before)} without ({measured.signed(change)}), more for "
        f"{sum(value > 0 for value in changes)} of {_count(len(shares), 'target')}; text in it is "
        f"{np.exp(cost.mean):.1f} times as perplexing{ends}{over}.",
        "figure-2",
    )


def _beyond_a_shift(change: Average) -> str:
    if change.ci_low > 0:
        return "part of the gain is more than a shift of whole languages towards each other"
    if change.ci_high < 0:
        return "the gain is a shift of whole languages towards each other, beyond which translations are lost"
    if np.isnan(change.ci_low):
        return "too few languages to tell whether that is more than chance"
    return "no gain is seen beyond a shift of whole languages towards each other"


def _of_queries(measured: Measured, units: str) -> tuple[float, np.ndarray]:
    """Return the mean accuracy with the target as query, and its changes [targets, candidates], NaN for the target."""
    rows = [measured.languages.index(target) for target in measured.targets]
    before = measured.matrix(measured.retrieval, "accuracy", None)[rows]
    changes = measured.changes(measured.retrieval, "accuracy", units)
    return float(np.nanmean(before, axis=1).mean()), np.stack(
        [change[row] for change, row in zip(changes, rows, strict=True)]
    )


def _of_sweep(frame: pd.DataFrame, measured: Measured, target: str) -> pd.DataFrame:
    """Return the rows of a sweep by the number of experts."""
    here = (frame["model"] == measured.model) & (frame["target"] == target) & (frame["pooling"] == measured.pooling)
    return frame[here].set_index("k")


def _of_pairs(matrix: np.ndarray) -> float:
    return float(matrix[~np.eye(len(matrix), dtype=bool)].mean())


def _moved(change: float, rises: str, falls: str) -> str:
    return rises if change > 0 else falls


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _plus(change: float) -> str:
    return f"{change:+.3f}".replace("-", "−")
