"""What the intervention does in models that were trained on different mixtures of languages."""

import math
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import ControlSeeds, DatasetName, ModelName, SpaceLanguages
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.effects import Effect, measured_effect
from workflow_scripts.measures.metric_files import grid, read_metrics, select
from workflow_scripts.neurons.expert_files import read_language
from workflow_scripts.tables import layout
from workflow_scripts.tables.mixtures import EXPERTS, OUTCOMES, TEXT, TrainedOnMixture
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

EFFECTS = {
    "distance": Effect("distance", "", "pairs", "pairs", falls=True),
    "retrieval_target": Effect("retrieval_target", "", "cosine_accuracy", "from_target"),
    "retrieval_others": Effect("retrieval_others", "", "cosine_accuracy", "from_others"),
}
# Columns of `measured_effect` before and after the intervention, and what begins those of the interval of the change.
AS_IT_IS = ("pre", "post", "gain")
CENTRED = {
    "distance": ("centred_pre", "centred_post", "survives_centring"),
    "retrieval_target": ("language_centred_pre", "language_centred_post", "survives_language_centring"),
    "retrieval_others": ("language_centred_pre", "language_centred_post", "survives_language_centring"),
}
ROW = ["model", "pooling", "target"]


class Spec(TargetsSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    models: list[TrainedOnMixture] = Field(min_length=1)
    languages: SpaceLanguages
    dataset: DatasetName
    seeds: ControlSeeds
    chosen: dict[ModelName, int] = Field(description="Number of experts of each model.")


def outcomes(files: Namespace, spec: Spec) -> pd.DataFrame:
    """Return one row per model, pooling, target and outcome.

    Its columns are model, seed, pooling, target, share (of the training tokens that are in the target), unevenness (of
    the mixture), outcome, pre, post, change, ci_low and ci_high (of the change, where it has an interval), and random:
    the change by as many random neurons, where that is measured. Of what is no change, post is the value.

    Raises:
        StudyError: an observation is missing.
    """
    alignment = read_metrics(files.alignment, ["space", "centring", "measure", "query", "candidate", "value"])
    found = [*of_space(alignment, spec), *of_text(files.language_id, files.perplexity, spec), of_experts(files, spec)]
    every = pd.concat(found, ignore_index=True)
    every["change"] = every["post"] - every["pre"]
    order = {name: place for place, name in enumerate(OUTCOMES)}
    rows = {row: place for place, row in enumerate(spec.rows)}
    places = [
        (rows[row], order[name])
        for *row, name in every[[*ROW, "outcome"]].itertuples(index=False)
        for row in [tuple(row)]
    ]
    every = every.iloc[sorted(range(len(places)), key=places.__getitem__)].reset_index(drop=True)
    trained = {model.name: model for model in spec.models}
    of_model = [trained[name] for name in every["model"]]
    every["seed"] = [model.seed for model in of_model]
    every["share"] = [model.shares.get(target, 0.0) for model, target in zip(of_model, every["target"], strict=True)]
    every["unevenness"] = [model.unevenness for model in of_model]
    columns = ["model", "seed", "pooling", "target", "share", "unevenness", "outcome"]
    return every[[*columns, "pre", "post", "change", "ci_low", "ci_high", "random"]]


def of_space(alignment: pd.DataFrame, spec: Spec) -> list[pd.DataFrame]:
    """Return the outcomes that are measured of the embeddings."""
    found = []
    for name, effect in EFFECTS.items():
        arguments = spec.conditions, spec.languages, spec.seeds, spec.resampling
        measured = measured_effect(effect, {"alignment": alignment}, *arguments)
        for outcome, (pre, post, verdict) in {name: AS_IT_IS, f"{name}_centred": CENTRED[name]}.items():
            of_one = measured[ROW].assign(outcome=outcome, pre=measured[pre], post=measured[post])
            of_one = of_one.assign(ci_low=measured[f"{verdict}_low"], ci_high=measured[f"{verdict}_high"])
            random = measured["random"] - measured["pre"] if outcome == name else np.nan
            found.append(of_one.assign(random=random))
    return found


def of_text(language_id: list[Path], perplexity: list[Path], spec: Spec) -> list[pd.DataFrame]:
    """Return the outcomes that are measured of text; none of targets that there is no text of."""
    if not language_id:
        return []
    identified, read = read_metrics(language_id, ["accuracy"]), read_metrics(perplexity, ["log_perplexity"])
    targets = [target for target in spec.targets if target in set(read["target"])]
    wanted = grid(**{**spec.conditions, "target": targets})
    ks = {"pre": 0, "post": wanted["model"].map(spec.chosen)}
    shares = identified.groupby([*ROW, "k"], as_index=False)["accuracy"].mean()
    shares["condition"] = "language ID"
    error = select(read, wanted.assign(k=ks["post"]), "perplexities")["difference_error"]
    values = {
        "language_id": {
            side: select(shares, wanted.assign(k=k), "identified languages")["accuracy"] for side, k in ks.items()
        },
        "log_perplexity": {
            side: select(read, wanted.assign(k=k), "perplexities")["log_perplexity"] for side, k in ks.items()
        },
    }
    found = [wanted.assign(outcome=name, **values[name], ci_low=np.nan, ci_high=np.nan, random=np.nan) for name in TEXT]
    change = found[1]["post"] - found[1]["pre"]
    reach = normal_reach(spec.resampling.confidence) * error
    found[1] = found[1].assign(ci_low=change - reach, ci_high=change + reach)
    return found


def normal_reach(confidence: float) -> float:
    """Return how many standard errors an interval reaches to either side."""
    from statistics import NormalDist

    return NormalDist().inv_cdf((1 + confidence) / 2)


def of_experts(files: Namespace, spec: Spec) -> pd.DataFrame:
    """Return the mean expertise of the experts, and the mean number of the block that they lie in, from 1 on."""
    rankings = dict(
        zip(
            grid(model=spec.model_names, pooling=spec.poolings).itertuples(index=False, name=None),
            files.experts,
            strict=True,
        )
    )
    rows = []
    for (model, pooling, target), path in zip(spec.rows, files.conditions, strict=True):
        ranked = read_language(rankings[model, pooling], target)
        by_module = {site.module: site for site in ranked.sites}
        expertise, blocks = [], []
        for site in read_condition(path).sites:
            where = by_module[site.module]
            expertise += ranked.statistics["expertise"][where.offset + np.array(site.units)].tolist()
            blocks += [where.layer + 1] * len(site.units)
        key = {"model": model, "pooling": pooling, "target": target}
        for name, values in zip(EXPERTS, (expertise, blocks), strict=True):
            rows.append({**key, "outcome": name, "post": float(np.mean(values))})
    return pd.DataFrame(rows).assign(pre=np.nan, ci_low=np.nan, ci_high=np.nan, random=np.nan)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row per model, pooling and target, a column per outcome."""
    shown = [name for name in OUTCOMES if name in set(tidy["outcome"])]
    by_key = {(*(getattr(row, name) for name in ROW), row.outcome): row for row in tidy.itertuples()}
    controlled = [name for name in EFFECTS if spec.seeds]
    trained = {model.name: model for model in spec.models}
    rows = []
    for model, pooling, target in spec.rows:
        share = trained[model].shares.get(target, 0.0)
        cells = [outcome_cell(by_key.get((model, pooling, target, name)), name) for name in shown]
        random = [layout.number_cell(by_key[model, pooling, target, name].random, 3) for name in controlled]
        labels = layout.label_cells(spec.labels[model], pooling, spec.poolings, target)
        rows.append([*labels, layout.Cell(f"{share:.2%}", value=share), *cells, *random])
    labels = layout.label_columns(spec.poolings, "Target")
    return layout.Table(
        title="The intervention in models trained on mixtures of languages",
        caption=caption(spec),
        columns=[
            *labels,
            layout.Column("Share of target"),
            *(layout.Column(OUTCOMES[name].label, group=group_of(name)) for name in shown),
            *(layout.Column(OUTCOMES[name].label, group="Change by random neurons") for name in controlled),
        ],
        rows=rows,
        labels=len(labels),
        gray_means="the interval of the change holds 0",
    )


def group_of(name: str) -> str:
    """Return the header above that of an outcome."""
    return "Of the experts" if OUTCOMES[name].single else "Change by the experts"


def outcome_cell(row, name: str) -> layout.Cell:
    """Return the change by the intervention with its interval, or the value of what is no change."""
    if row is None:
        return layout.Cell("–", value=math.nan)
    outcome = OUTCOMES[name]
    if outcome.single:
        return layout.number_cell(row.post, outcome.decimals)
    return layout.interval_cell(row.change, row.ci_low, row.ci_high, outcome.decimals)


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    confidence = f"{100 * spec.resampling.confidence:g}%"
    random = f" Random neurons: the mean over {len(spec.seeds)} draws." if spec.seeds else ""
    return (
        "Models that differ in the share of each language in the tokens that they were trained on, and in their "
        f"seed. Distance and retrieval on {spec.dataset}, by cosine, in a space of {len(spec.languages)} languages: "
        "after less before the intervention on the target's experts, over all pairs of languages, over the target's "
        "queries, and over those of the other languages; centred: after the mean of the space (of distances) or of "
        "each language (of retrieval) is subtracted. Language ID: share of generated texts that are in the target; "
        "log perplexity of text in the target, in nats per token; both after less before. Expertise: mean over the "
        f"experts; block: the mean number of the block that they lie in.{random} In brackets: {confidence} bootstrap "
        f"intervals over languages ({spec.resampling.resamples:,} resamples), of log perplexity over windows of text."
    )


main = table_stage(
    Spec,
    __doc__,
    {
        "alignment...": "alignment.csv of each condition, that of the unintervened model and of random neurons too",
        "language-id[...]": "languages of generated texts, one CSV per sweep",
        "perplexity[...]": "perplexity, one CSV per sweep",
        "experts...": "statistics of all neurons, by model and pooling (HDF5)",
        "conditions...": "the interventions on experts, by model, pooling and target (JSON)",
    },
    read=lambda spec, files: outcomes(files, spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
