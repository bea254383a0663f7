"""Measure the perplexity of text in the target language under all conditions of a sweep (paper, appendix B).

The text is made of paragraphs, drawn in a seeded order until there are tokens enough; which ones is recorded. Its
windows are read in a seeded order, too, the same for every condition, until the perplexity and its difference from the
unintervened model's are known to the precision that is asked for. The model is loaded once; what was measured in a
round of windows under a condition is kept in the cache.
"""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import Context, ParagraphSeed, PerplexityTokens, StandardError, Stride
from workflow_scripts.config.specs import SweepSpec
from workflow_scripts.interventions.conditions import Condition, read_condition
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.models.batching import texts_begin_with
from workflow_scripts.models.run import ModelRun, model_run
from workflow_scripts.sweeps.perplexity import Perplexity, measure_perplexity, read_until, rounds, windows
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
    standard_error: StandardError


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
    rows = []
    with model_run(files, "perplexity") as run:
        manifest = run.manifest
        token_ids, drawn = select(files.texts, spec, run.tokenizer)
        wanted = spec.context or manifest.context or UNLIMITED_CONTEXT
        context = min(wanted, manifest.context or wanted)
        text = Text(run, token_ids, context, spec)
        unintervened = Condition(name="base", model=manifest.name)
        base = text.reader(unintervened)
        for condition in map(read_condition, files.conditions):
            read = base if condition.change == unintervened.change else text.reader(condition)
            found, difference = read_until(spec.standard_error, len(text.rounds), read, base)
            leading = {**condition.columns(), "target": spec.target, "pooling": spec.pooling}
            del leading["seed"]
            rows.append(
                {
                    **leading,
                    "language": spec.target,
                    "tokens": int(found.scored.sum()),
                    "windows": len(found.scored),
                    "text_tokens": len(token_ids),
                    "text_windows": found.text_windows,
                    "context": context,
                    "stride": spec.stride,
                    "log_perplexity": found.log_perplexity,
                    "log_perplexity_error": found.log_perplexity_error,
                    "sampling_error": found.sampling_error,
                    "difference": difference.log_perplexity,
                    "difference_error": difference.log_perplexity_error,
                    "difference_sampling_error": difference.sampling_error,
                    "perplexity": np.exp(found.log_perplexity),
                }
            )
            log.info(
                "%s: %s of %s windows; log perplexity %.4f ± %.4f, %+.4f ± %.4f from the unintervened model's",
                *(condition.name, f"{len(found.scored):,}", f"{found.text_windows:,}"),
                *(found.log_perplexity, found.sampling_error, difference.log_perplexity, difference.sampling_error),
            )
    for path, frame in ((files.perplexity, pd.DataFrame(rows)), (files.selection, drawn)):
        with written_whole(path) as beside:
            frame.to_csv(beside, index=False)


class Text:
    """A text in windows, which are read round after round; what was measured in a round is a cell of the cache."""

    def __init__(self, run: ModelRun, token_ids: list[int], context: int, spec: Spec):
        whole = windows(len(token_ids), context, spec.stride)
        self.rounds = list(rounds(whole, spec.seed))
        self._run, self._token_ids, self._spec, self._windows = run, token_ids, spec, len(whole)
        self._key = {"tokens": content_hash(token_ids), "context": context, "stride": spec.stride}

    def reader(self, condition: Condition) -> Callable[[int], Perplexity]:
        """Return a function that gives what was measured under a condition in the round of that number."""

        @cache
        def read(number: int) -> Perplexity:
            drawn = self.rounds[number]

            def compute(cell: h5py.File) -> None:
                what = f"{condition.name}: perplexity of {self._spec.target}, round {number + 1}"
                run = self._run
                with steer(run.generating_model, condition):
                    losses = measure_perplexity(run.model, self._token_ids, drawn, run.tokens_per_batch, what)
                cell.create_dataset("negative_log_likelihood", data=losses, chunks=losses.shape, fletcher32=True)

            starts = content_hash([window.start for window in drawn])
            key = self._run.key(change=condition.change, windows=starts, **self._key)
            with h5py.File(self._run.cell(key, compute), "r") as cell:
                losses = cell["negative_log_likelihood"][:]
            return Perplexity(losses, np.array([window.scored for window in drawn]), self._windows)

        return read


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


if __name__ == "__main__":
    stage.run(main)
