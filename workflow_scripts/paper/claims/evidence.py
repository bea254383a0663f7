"""What a study has measured of one model under one kind of experts, in the frames that claims are decided from."""

from dataclasses import dataclass

import pandas as pd
from pydantic import Field

from workflow_scripts.config.architectures import NAMES
from workflow_scripts.config.settings import (
    ControlSeeds,
    Medoid,
    ModelName,
    ShownDistance,
    ShownSimilarity,
    ShownTarget,
    SpaceLanguages,
)
from workflow_scripts.measures.metric_files import grid, pre_and_post, pre_and_random, select
from workflow_scripts.paper.published import Model
from workflow_scripts.tables.specs import TargetsSpec

# The kinds of metric, and the columns that each has beside those of the condition.
KINDS = {
    "distances": ["measure", "query", "candidate", "value"],
    "medoid": ["medoid", "language", "value"],
    "retrieval": ["similarity", "query", "candidate", "accuracy"],
    "paraphrase": ["similarity", "language", "space", "accuracy"],
    "correlations": ["similarity", "measure", "query", "candidates_set", "correlation", "r", "p_value"],
    "language_id": ["k", "accuracy"],
    "perplexity": ["k", "log_perplexity"],
}
CORRELATIONS = ["acc_post~d_post", "acc_pre~d_pre", "d_post~d_pre", "delta_acc~delta_d"]


class Study(TargetsSpec):
    """What the claims are decided about."""

    models: list[Model] = Field(min_length=1)
    shown_target: ShownTarget
    languages: SpaceLanguages
    similarity: ShownSimilarity
    distance: ShownDistance
    medoid: Medoid
    seeds: ControlSeeds
    ks: list[int] = Field(description="Numbers of experts in the sweep, 0 being none; empty: there is no sweep.")
    chosen: dict[ModelName, int] = Field(description="Number of experts everywhere but in the sweep, by model.")


class Undefined(Exception):
    """The study has nothing to decide a claim from; the message says what it lacks."""


LACKING = {
    "distances": "no distances were measured",
    "medoid": "no distances to the medoid were measured",
    "retrieval": "no retrieval was measured",
    "paraphrase": "no target has paraphrases",
    "correlations": "no correlations were measured",
    "language_id": "the languages of generated sentences were not identified",
    "perplexity": "no perplexity was measured",
    "random_distances": "no distances under the random control were measured",
    "random_retrieval": "no retrieval under the random control was measured",
    "random_paraphrase": "no paraphrases under the random control were measured",
}


@dataclass(frozen=True)
class Evidence:
    """Measurements of one model under experts found by one pooling; a frame has no rows where nothing was measured."""

    model: Model
    k: int  # experts in all but the sweep
    shown_target: str
    distances: pd.DataFrame  # target, query, candidate, pre, post
    medoid: pd.DataFrame  # target, language, pre, post
    retrieval: pd.DataFrame  # target, query, candidate, pre, post, gain
    paraphrase: pd.DataFrame  # target, pre, post, mixed
    correlations: pd.DataFrame  # target, candidates_set, correlation, r, p_value
    language_id: pd.DataFrame  # target, k, value: the share of sentences identified as the target
    perplexity: pd.DataFrame  # target, k, value: the log perplexity
    # Under the random control, post being the mean over seeds:
    random_distances: pd.DataFrame  # as distances
    random_retrieval: pd.DataFrame  # as retrieval
    random_paraphrase: pd.DataFrame  # as paraphrase

    def have(self, name: str) -> pd.DataFrame:
        """Return a frame by name.

        Raises:
            Undefined: it has no rows.
        """
        if name in ("language_id", "perplexity") and not self.model.generates:
            raise Undefined(f"the model writes no text: it is {NAMES[self.model.architecture]}")
        if not len(frame := getattr(self, name)):
            raise Undefined(LACKING[name])
        return frame

    def queried_by_target(self, random: bool = False) -> pd.DataFrame:
        """Return the retrieval with the target as query; `random`: under the random control."""
        retrieval = self.have("random_retrieval" if random else "retrieval")
        return retrieval[retrieval["query"] == retrieval["target"]]

    def without_target(self) -> pd.DataFrame:
        """Return the retrieval in which neither query nor candidates are the target."""
        retrieval = self.have("retrieval")
        pairs = retrieval[(retrieval["query"] != retrieval["target"]) & (retrieval["candidate"] != retrieval["target"])]
        if not len(pairs):
            raise Undefined("there are too few languages for a pair without the target")
        return pairs

    def has_seen(self, languages: pd.Series) -> pd.Series:
        """Return whether each language was in the pre-training data."""
        return languages.map(self.model.has_seen)


def gather(metrics: dict[str, pd.DataFrame], study: Study, model: Model, pooling: str) -> Evidence:
    """Return the evidence of one model and pooling.

    Args:
        metrics: Metric CSVs by kind (`KINDS`), as they were read; kinds that the study lacks are absent.
        study: What is asked about.
        model: One of its models.
        pooling: One of its poolings.

    Raises:
        StudyError: of a kind that was measured, a language, target, seed or k is missing.
    """
    own = {kind: _own(metrics[kind], model.name, pooling) for kind in KINDS if kind in metrics}
    keys = {"model": [model.name], "pooling": [pooling], "target": study.targets}
    return Evidence(
        model=model,
        k=study.chosen[model.name],
        shown_target=study.shown_target,
        distances=_between_languages(own, "distances", "expert", keys, study),
        medoid=_to_medoid(own, keys, study),
        retrieval=_between_languages(own, "retrieval", "expert", keys, study),
        paraphrase=_paraphrase(own, "expert", keys, study),
        correlations=_correlations(own, keys, study),
        language_id=_sweep(own, "language_id", "accuracy", study),
        perplexity=_sweep(own, "perplexity", "log_perplexity", study),
        random_distances=_between_languages(own, "distances", "random", keys, study),
        random_retrieval=_between_languages(own, "retrieval", "random", keys, study),
        random_paraphrase=_paraphrase(own, "random", keys, study),
    )


def _own(metrics: pd.DataFrame, model: str, pooling: str) -> pd.DataFrame:
    ours = (metrics["pooling"] == pooling) | (metrics["units"] == "none")
    return metrics[(metrics["model"] == model) & ours]


def _measured(metrics: dict[str, pd.DataFrame], kind: str, units: str, study: Study) -> bool:
    """Return whether a kind of metric was measured under experts, or under a random control that is asked for."""
    asked = units == "expert" or study.seeds
    return bool(asked and kind in metrics and (metrics[kind]["units"] == units).any())


def _between_languages(
    metrics: dict[str, pd.DataFrame], kind: str, units: str, keys: dict[str, list[str]], study: Study
) -> pd.DataFrame:
    """Distances, or accuracies of retrieval, of every ordered pair of languages."""
    if not _measured(metrics, kind, units, study):
        return pd.DataFrame(columns=["target", "query", "candidate", "pre", "post", "gain"])
    pairs = grid(**keys, query=study.languages, candidate=study.languages)
    pairs = pairs[pairs["query"] != pairs["candidate"]].reset_index(drop=True)
    if kind == "distances":
        wanted, value, what = pairs.assign(measure=study.distance), "value", "distances"
    else:
        wanted, value, what = pairs.assign(similarity=study.similarity), "accuracy", "retrieval accuracies"
    if units == "random":
        found = pre_and_random(metrics[kind], wanted, value, study.seeds, what)
    else:
        found = pre_and_post(metrics[kind], wanted, value, what)
    return found.assign(gain=found["post"] - found["pre"])


def _to_medoid(metrics: dict[str, pd.DataFrame], keys: dict[str, list[str]], study: Study) -> pd.DataFrame:
    if not _measured(metrics, "medoid", "expert", study):
        return pd.DataFrame(columns=["target", "language", "pre", "post"])
    wanted = grid(**keys, language=study.languages).assign(medoid=study.medoid)
    return pre_and_post(metrics["medoid"], wanted, "value", "distances to the medoid")


def _paraphrase(metrics: dict[str, pd.DataFrame], units: str, keys: dict[str, list[str]], study: Study) -> pd.DataFrame:
    """Accuracies of the targets that have paraphrases."""
    if not _measured(metrics, "paraphrase", units, study):
        return pd.DataFrame(columns=["target", "pre", "post", "mixed"])
    here = metrics["paraphrase"][metrics["paraphrase"]["units"] == units]
    targets = [target for target in study.targets if target in set(here["target"])]
    wanted = grid(**{**keys, "target": targets}).assign(similarity=study.similarity)
    wanted["language"] = wanted["target"]
    draws = [wanted.assign(seed=float(seed)) for seed in study.seeds] if units == "random" else [wanted]
    return wanted.assign(
        **{
            space: sum(
                select(here, draw.assign(space=space), "paraphrase accuracies")["accuracy"] / len(draws)
                for draw in draws
            )
            for space in ("pre", "post", "mixed")
        }
    )


def _correlations(metrics: dict[str, pd.DataFrame], keys: dict[str, list[str]], study: Study) -> pd.DataFrame:
    if not _measured(metrics, "correlations", "expert", study):
        return pd.DataFrame(columns=["target", "candidates_set", "correlation", "r", "p_value"])
    wanted = grid(**keys, candidates_set=["seen", "all"], correlation=CORRELATIONS)
    wanted = wanted.assign(query=wanted["target"], units="expert", similarity=study.similarity, measure=study.distance)
    return select(metrics["correlations"], wanted, "correlations")


def _sweep(metrics: dict[str, pd.DataFrame], kind: str, value: str, study: Study) -> pd.DataFrame:
    """The value by target and k, the mean over seeds of sampling, of the targets that have any."""
    if not study.ks or not _measured(metrics, kind, "expert", study):
        return pd.DataFrame(columns=["target", "k", "value"])
    means = metrics[kind].groupby(["target", "k"], as_index=False)[value].mean()
    targets = [target for target in study.targets if target in set(means["target"])]
    found = select(means, grid(target=targets, k=sorted({*study.ks})), f"values of {kind.replace('_', ' ')}")
    return found.rename(columns={value: "value"})
