"""Identify the language of generated texts: how many are in the target language? (paper, section 3.3, Appendix B)

And beyond the paper, are they text of that language: their n-gram log perplexity and their distinct trigrams.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import Identifier, Target
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written_whole
from workflow_scripts.jobs.parquet import read_parquet, write_parquet
from workflow_scripts.sweeps.fluency import CharacterModel, distinct_trigrams, ngram_log_perplexity
from workflow_scripts.sweeps.identification import get_identifier, identify
from workflow_scripts.texts.schema import read_part

# What was done to the model, and the seed of the sample; each has a row of the metric.
GROUP = ["model", "condition", "method", "units", "target", "pooling", "k", "identifier", "sample_seed"]
READ = [*(column for column in GROUP if column != "identifier"), "text", "tokens", "perplexity", "own_perplexity"]


class Spec(stage.Spec):
    """What the identified languages depend on; the language that is counted is the target."""

    identifier: Identifier
    language: Target
    part: str = Field(description="Part of the data set that real text is read from: paragraph, or sentence.")


def read_generations(path: Path) -> pd.DataFrame:
    """Return generated texts, one per row, as the stage `generate_texts` writes them.

    Raises:
        StudyError: a column is missing, there are no texts, or a row has none (an empty one is fine).
    """
    generations = read_parquet(path).to_pandas()
    if absent := [column for column in READ if column not in generations.columns]:
        raise StudyError(
            f"{path} has no column {', '.join(absent)}, so it holds no generations; delete it and run again."
        )
    if generations.empty or generations["text"].isna().any():
        raise StudyError(f"{path} holds no texts, or rows without one; delete it and run again.")
    return generations


def pooled_perplexity(perplexity: pd.Series, tokens: pd.Series) -> float:
    """Return exp of the mean log perplexity of texts, weighted by tokens; texts without a perplexity do not count.

    It is the perplexity of all tokens together. NaN if no text has one.
    """
    known = perplexity.notna() & (tokens > 0)
    if not known.any():
        return np.nan
    return float(np.exp(np.average(np.log(perplexity[known]), weights=tokens[known])))


def by_seed(identified: pd.DataFrame, language: str, real_text: CharacterModel) -> pd.DataFrame:
    """Return one row per number of experts and sample seed: share of texts in the language, probability, perplexities.

    Args:
        identified: One text a row, with the columns that `identify` adds.
        language: Code of the target as the identifier has it.
        real_text: Of the target, under which `ngram_log_perplexity` is.
    """
    rows = []
    for key, texts in identified.groupby(GROUP, sort=False, dropna=False):
        measured = {
            "sentences": len(texts),
            "accuracy": (texts["language"] == language).mean(),
            "probability": texts["target_probability"].mean(),
            "perplexity": pooled_perplexity(texts["perplexity"], texts["tokens"]),
            "own_perplexity": pooled_perplexity(texts["own_perplexity"], texts["tokens"]),
            "ngram_log_perplexity": ngram_log_perplexity(real_text, texts["text"].tolist()),
            "distinct_trigrams": distinct_trigrams(texts["text"].tolist()),
        }
        rows.append({**dict(zip(GROUP, key, strict=True)), **measured})
    return pd.DataFrame(rows)


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"generations": "generated texts (parquet)", "texts": "real text of the language (parquet)"},
        outputs={
            "identified": "generated texts with the language of each (parquet)",
            "language-id": "share of texts in the target, and their fluency, by number of experts and seed (CSV)",
        },
        command=command,
    )
    identifier = get_identifier(spec.identifier, spec.language)
    generations = read_generations(files.generations)
    found = identify(generations["text"], identifier, spec.language)
    identified = pd.concat([generations.assign(identifier=spec.identifier), found], axis=1)
    write_parquet(files.identified, identified)
    _, real_texts = read_part(files.texts, spec.language, spec.part)
    with written_whole(files.language_id) as beside:
        by_seed(identified, spec.language, CharacterModel(real_texts)).to_csv(beside, index=False)


if __name__ == "__main__":
    stage.run(main)
