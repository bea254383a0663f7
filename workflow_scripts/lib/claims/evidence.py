"""What a study has measured of one model under one kind of experts, in the frames that claims are decided from."""

from dataclasses import dataclass

import pandas as pd
from pydantic import Field

from workflow_scripts.lib import stage
from workflow_scripts.lib.metric_files import grid, pre_and_post, pre_and_random, select
from workflow_scripts.lib.replication import Model

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


class Study(stage.Spec):
    """What the claims are decided about."""

    models: list[Model] = Field(min_length=1, description="Models in the order of the rows.")
    poolings: list[str] = Field(min_length=1, description="How a neuron's response was pooled to find experts.")
    targets: list[str] = Field(min_length=1, description="Intervention targets.")
    shown_target: str = Field(description="Target of the main text, the paper's Spanish.")
    languages: list[str] = Field(min_length=2, description="Candidate languages, the targets among them.")
    similarity: str = Field(description="Similarity of retrieval.")
    distance: str = Field(description="Measure of the distance between two languages, like pairs.")
    medoid: str = Field("sentence", description="Kind of medoid.")
    seeds: list[int] = Field(default_factory=list, description="Seeds of the random control; none: there is none.")
    ks: list[int] = Field(default_factory=list, description="Numbers of experts in the sweep, 0 being none.")
    chosen: dict[str, int] = Field(description="Number of experts in all but the sweep, by model.")


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
        """A frame by name.

        Raises:
            Undefined: it has no rows.
        """
        if not len(frame := getattr(self, name)):
            raise Undefined(LACKING[name])
        return frame

    def queried_by_target(self, random: bool = False) -> pd.DataFrame:
        """Retrieval with the target as query; `random`: under the random control."""
        retrieval = self.have("random_retrieval" if random else "retrieval")
        return retrieval[retrieval["query"] == retrieval["target"]]

    def without_target(self) -> pd.DataFrame:
        """Retrieval in which neither query nor candidates are the target."""
        retrieval = self.have("retrieval")
        pairs = retrieval[(retrieval["query"] != retrieval["target"]) & (retrieval["candidate"] != retrieval["target"])]
        if not len(pairs):
            raise Undefined("there are too few languages for a pair without the target")
        return pairs

    def has_seen(self, languages: pd.Series) -> pd.Series:
        """Whether each language was in the pre-training data."""
        return languages.map(self.model.has_seen)


def gather(metrics: dict[str, pd.DataFrame], study: Study, model: Model, pooling: str) -> Evidence:
    """The evidence of one model and pooling.

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
        **{
            **_between(own.get("distances"), keys, study, "distances"),
            **_between(own.get("retrieval"), keys, study, "retrieval"),
            "medoid": _medoid(own.get("medoid"), keys, study),
            **_paraphrase(own.get("paraphrase"), keys, study),
            "correlations": _correlations(own.get("correlations"), keys, study),
            "language_id": _sweep(own.get("language_id"), keys, study, "accuracy"),
            "perplexity": _sweep(own.get("perplexity"), keys, study, "log_perplexity"),
        },
    )


def _own(metrics: pd.DataFrame, model: str, pooling: str) -> pd.DataFrame:
    ours = (metrics["pooling"] == pooling) | (metrics["units"] == "none")
    return metrics[(metrics["model"] == model) & ours]


def _between(metrics: pd.DataFrame | None, keys: dict, study: Study, kind: str) -> dict[str, pd.DataFrame]:
    """Pre and post of every ordered pair of languages, under experts and under the random control."""
    frames = {}
    for name, units in ((kind, "expert"), (f"random_{kind}", "random")):
        seeds = study.seeds if units == "random" else []
        if metrics is None or not (metrics["units"] == units).any() or (units == "random" and not seeds):
            frames[name] = pd.DataFrame(columns=["target", "query", "candidate", "pre", "post", "gain"])
            continue
        pairs = grid(**keys, query=study.languages, candidate=study.languages)
        pairs = pairs[pairs["query"] != pairs["candidate"]].reset_index(drop=True)
        reading = {"measure": study.distance} if kind == "distances" else {"similarity": study.similarity}
        value = "value" if kind == "distances" else "accuracy"
        wanted = pairs.assign(**reading)
        found = (
            pre_and_random(metrics, wanted, value, seeds, kind)
            if units == "random"
            else pre_and_post(metrics, wanted, value, kind)
        )
        frames[name] = found.assign(gain=found["post"] - found["pre"])
    return frames


def _medoid(metrics: pd.DataFrame | None, keys: dict, study: Study) -> pd.DataFrame:
    if metrics is None or not (metrics["units"] == "expert").any():
        return pd.DataFrame(columns=["target", "language", "pre", "post"])
    wanted = grid(**keys, language=study.languages).assign(medoid=study.medoid)
    return pre_and_post(metrics, wanted, "value", "distances to the medoid")


def _paraphrase(metrics: pd.DataFrame | None, keys: dict, study: Study) -> dict[str, pd.DataFrame]:
    """Of the targets that have paraphrases: pre, post and mixed, under experts and under the random control."""
    frames = {}
    for name, units in (("paraphrase", "expert"), ("random_paraphrase", "random")):
        frames[name] = pd.DataFrame(columns=["target", "pre", "post", "mixed"])
        if metrics is None:
            continue
        here = metrics[metrics["units"] == units]
        targets = [target for target in study.targets if target in set(here["target"])]
        seeds: list[dict] = [{"seed": float(seed)} for seed in study.seeds] if units == "random" else [{}]
        if not targets or not seeds:
            continue
        wanted = grid(**{**keys, "target": targets}).assign(units=units, similarity=study.similarity)
        wanted["language"] = wanted["target"]
        scores = {
            space: sum(
                select(here, wanted.assign(space=space, **seed), "paraphrase accuracies")["accuracy"] for seed in seeds
            )
            / len(seeds)
            for space in ("pre", "post", "mixed")
        }
        frames[name] = wanted[["target"]].assign(**scores)
    return frames


def _correlations(metrics: pd.DataFrame | None, keys: dict, study: Study) -> pd.DataFrame:
    columns = ["target", "candidates_set", "correlation", "r", "p_value"]
    if metrics is None or not (metrics["units"] == "expert").any():
        return pd.DataFrame(columns=columns)
    names = ["acc_post~d_post", "acc_pre~d_pre", "d_post~d_pre", "delta_acc~delta_d"]
    wanted = grid(**keys, candidates_set=["seen", "all"], correlation=names)
    wanted = wanted.assign(query=wanted["target"], units="expert", similarity=study.similarity, measure=study.distance)
    return select(metrics, wanted, "correlations")[columns]


def _sweep(metrics: pd.DataFrame | None, keys: dict, study: Study, value: str) -> pd.DataFrame:
    """The value by target and k, the mean over seeds of sampling, of the targets that have any."""
    empty = pd.DataFrame(columns=["target", "k", "value"])
    if metrics is None:
        return empty
    there = metrics[metrics["units"].isin(["none", "expert"])]
    targets = [target for target in study.targets if target in set(there["target"])]
    if not targets or not study.ks:
        return empty
    means = there.groupby(["target", "k"], as_index=False)[value].mean()
    wanted = grid(target=targets, k=sorted(set(study.ks)))
    return select(means, wanted, value.replace("_", " ") + " values of the sweep").rename(columns={value: "value"})
