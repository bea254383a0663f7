"""What language a model writes in, and how fluently, from the BOS token and from the first words of real sentences."""

from argparse import Namespace

import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import GeneratedSentences, Ks, PromptWords, SamplingSeeds
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, read_metrics, select
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

MEASURES = {
    "accuracy": "In the target",
    "ngram_log_perplexity": "N-gram log perplexity",
    "distinct_trigrams": "Distinct trigrams",
}
STARTS = {"bos": "From the BOS token", "prompt": "From prompts"}
KEY = ["model", "pooling", "target", "k"]
DECIMALS = 3


class Spec(TargetsSpec):
    """What the table depends on, beside its files."""

    ks: Ks
    seeds: SamplingSeeds
    sentences: GeneratedSentences
    words: PromptWords
    language_name: str = Field(description="Name of the language of the prompts.")


def by_start(generated: dict[str, pd.DataFrame], spec: Spec) -> pd.DataFrame:
    """Return one row per model, pooling, target, number of experts and start: the mean over seeds of each measure.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = grid(**spec.conditions, k=spec.ks, sample_seed=spec.seeds)
    found = []
    for start, rows in generated.items():
        observed = select(rows, wanted, "languages of generated texts")
        means = observed.groupby(KEY, sort=False)[list(MEASURES)].mean().reset_index()
        found.append(means.assign(start=start)[[*KEY, "start", *MEASURES]])
    return pd.concat(found, ignore_index=True)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model, target and number of experts; the measures from either start."""
    by_key = {(row.model, row.pooling, row.target, row.k, row.start): row for row in tidy.itertuples()}
    rows = []
    for model, pooling, target in spec.rows:
        for k in spec.ks:
            values = [
                layout.number_cell(getattr(by_key[model, pooling, target, k, start], measure), DECIMALS)
                for start in STARTS
                for measure in MEASURES
            ]
            labels = layout.label_cells(spec.labels[model], pooling, spec.poolings, target)
            rows.append([*labels, layout.Cell(f"{k:,}", value=k), *values])
    labels = [*layout.label_columns(spec.poolings, "Target"), layout.Column("Experts")]
    return layout.Table(
        title="Text generated from the BOS token and from prompts",
        caption=caption(spec),
        columns=[
            *labels,
            *(layout.Column(text, group=start) for start in STARTS.values() for text in MEASURES.values()),
        ],
        rows=rows,
        labels=len(labels),
    )


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    return (
        f"{spec.sentences} texts for each of {len(spec.seeds)} seeds by each number of experts: from the "
        f"beginning-of-sentence token alone, and going on from the first {spec.words} words of as many "
        f"{spec.language_name} sentences, which do not count. Share identified as in the target language; log "
        "perplexity per character under a model of n-grams of real text in the target; share of distinct trigrams of "
        "words."
    )


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return the numbers of the table from the metric CSVs."""
    generated = {"bos": files.language_id, "prompt": files.prompted}
    return by_start({start: read_metrics(given, ["k", *MEASURES]) for start, given in generated.items()}, spec)


main = table_stage(
    Spec,
    __doc__,
    {
        "language-id...": "languages and fluency of texts from the BOS token, one CSV per sweep",
        "prompted...": "those of texts from prompts",
    },
    read=read,
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)
