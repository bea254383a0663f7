"""Measure the perplexity of text in the target language under all conditions of a sweep (paper, appendix B).

The text is made of paragraphs, drawn in a seeded order until there are tokens enough; which ones is recorded. The model
is loaded once; what was measured under a condition is kept in the cache.
"""

import logging
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import Context, ParagraphSeed, PerplexityTokens, Stride
from workflow_scripts.config.specs import SweepSpec
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.models.batching import texts_begin_with
from workflow_scripts.models.loading import described_directory, load_tokenizer
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.models.run import model_run
from workflow_scripts.sweeps.perplexity import Perplexity, measure_perplexity
from workflow_scripts.texts.schema import read_part

log = logging.getLogger(__name__)
UNLIMITED_CONTEXT = 2048  # tokens of a window where the architecture sets no limit
PARAGRAPHS_AT_A_TIME = 1000
SEPARATOR = "\n"  # between paragraphs


class Spec(SweepSpec):
    """What perplexity depends on."""

    part: str = Field(description="Part of the data set: paragraph, or sentence.")
    tokens: PerplexityTokens
    context: Context
    stride: Stride
    seed: ParagraphSeed


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={
            "model": "manifest of the model",
            "conditions...": "conditions of the sweep (JSON)",
            "texts": "paragraphs (parquet)",
        },
        outputs={"perplexity": "one row per condition (CSV)", "selection": "paragraphs that were drawn (CSV)"},
        command=command,
    )
    manifest = read_manifest(files.model)
    tokenizer = load_tokenizer(described_directory(manifest), manifest.trust_remote_code)
    token_ids, drawn = select(files.texts, spec, tokenizer)
    wanted = spec.context or manifest.context or UNLIMITED_CONTEXT
    context = min(wanted, manifest.context or wanted)
    rows = []
    with model_run(files, "perplexity") as run:
        for condition in map(read_condition, files.conditions):
            key = run.key(change=condition.change, tokens=content_hash(token_ids), context=context, stride=spec.stride)

            def compute(cell: h5py.File, condition=condition) -> None:
                what = f"{condition.name}: perplexity of {spec.target}"
                with steer(run.generating_model, condition):
                    found = measure_perplexity(run.model, token_ids, context, spec.stride, run.tokens_per_batch, what)
                write_windows(cell, found)

            found = read_windows(run.cell(key, compute))
            leading = {**condition.columns(), "target": spec.target, "pooling": spec.pooling}
            del leading["seed"]
            rows.append(
                {
                    **leading,
                    "language": spec.target,
                    "tokens": len(token_ids),
                    "windows": len(found.scored),
                    "context": context,
                    "stride": spec.stride,
                    "log_perplexity": found.log_perplexity,
                    "log_perplexity_error": found.log_perplexity_error,
                    "perplexity": np.exp(found.log_perplexity),
                }
            )
    for path, frame in ((files.perplexity, pd.DataFrame(rows)), (files.selection, drawn)):
        with written_whole(path) as beside:
            frame.to_csv(beside, index=False)


def select(texts: Path, spec: Spec, tokenizer) -> tuple[list[int], pd.DataFrame]:
    """Return the token ids of a text of `spec.tokens` tokens, and the ids and token counts of its paragraphs.

    The text begins with the special token that the tokenizer begins texts with, if any; the last paragraph is cut off.
    """
    ids, paragraphs = read_part(texts, spec.target, spec.part)
    order = np.random.default_rng(spec.seed).permutation(len(paragraphs))
    token_ids = texts_begin_with(tokenizer)  # in the middle of a text it puts nothing
    drawn = []
    for start in range(0, len(order), PARAGRAPHS_AT_A_TIME):
        chosen = order[start : start + PARAGRAPHS_AT_A_TIME]
        encoded = tokenizer([paragraphs[place] + SEPARATOR for place in chosen], add_special_tokens=False)["input_ids"]
        for place, paragraph in zip(chosen, encoded, strict=True):
            taken = paragraph[: spec.tokens - len(token_ids)]
            if not taken:
                break
            token_ids += taken
            drawn.append({"language": spec.target, "id": ids[place], "tokens": len(taken)})
        if len(token_ids) == spec.tokens:
            break
    if len(token_ids) < spec.tokens:
        log.info("%s: the text has %s tokens of %s", spec.target, f"{len(token_ids):,}", f"{spec.tokens:,}")
    return token_ids, pd.DataFrame(drawn)


def write_windows(cell: h5py.File, found: Perplexity) -> None:
    """Write what was measured in each window to a cell of the cache."""
    for name in ("negative_log_likelihood", "scored"):
        values = getattr(found, name)
        cell.create_dataset(name, data=values, chunks=values.shape, fletcher32=True)


def read_windows(path: Path) -> Perplexity:
    """Return what a cell of the cache holds."""
    with h5py.File(path, "r") as cell:
        return Perplexity(cell["negative_log_likelihood"][:], cell["scored"][:])


if __name__ == "__main__":
    stage.run(main)
