"""Generate sentences under all conditions of a sweep: from the beginning-of-sentence token (paper, appendix B), or from
the first words of real sentences.

The model is loaded once and all conditions share its batches. What a condition gives for a seed is kept in the cache.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.sections import PromptsSection
from workflow_scripts.config.settings import GeneratedSentences, GeneratedTokens, SamplingSeeds, Temperature, TopK, TopP
from workflow_scripts.config.specs import SweepSpec
from workflow_scripts.interventions.conditions import Condition, read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import content_hash
from workflow_scripts.jobs.hdf5 import read_strings, write_strings
from workflow_scripts.jobs.parquet import write_parquet
from workflow_scripts.models.run import model_run
from workflow_scripts.sweeps.generation import Sampling, Sentence, generate
from workflow_scripts.texts.schema import read_part

if TYPE_CHECKING:
    from workflow_scripts.models.loading import LanguageModel


class Prompts(PromptsSection):
    """Beginnings of real sentences."""

    part: str = Field(description="Part of the data set that these are of.")


class Spec(SweepSpec):
    """What the sentences depend on."""

    sentences: GeneratedSentences
    seeds: SamplingSeeds
    max_tokens: GeneratedTokens
    temperature: Temperature
    top_p: TopP
    top_k: TopK
    prompts: Prompts | None = Field(None, description="What sentences go on from; null: the BOS token alone.")

    @property
    def sampling(self) -> Sampling:
        """Return how tokens are drawn."""
        return Sampling(self.max_tokens, self.temperature, self.top_p, self.top_k)


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={
            "model": "manifest of the model",
            "conditions...": "conditions of the sweep (JSON)",
            "texts[...]": "real sentences, whose first words are prompts (parquet)",
        },
        outputs={"generations": "one row per sentence (parquet)"},
        command=command,
    )
    conditions = [read_condition(path) for path in files.conditions]
    prompts = read_prompts(files.texts[0], spec) if spec.prompts else []
    frames = []
    with model_run(files, "generations") as run:
        for seed in spec.seeds:
            settings = spec.model_dump(exclude={"target", "pooling", "seeds", "prompts"})
            settings |= {"prompts": content_hash(prompts)} if prompts else {}
            keys = [run.key(change=condition.change, **settings, seed=seed) for condition in conditions]

            def make(places: list[int], seed: int = seed) -> list[list[Sentence]]:
                together = [conditions[place] for place in places]
                return sentences_of(run.generating_model, together, seed, spec, run.tokens_per_batch, prompts)

            cells = run.cells(keys, make, write_sentences)
            frames += [
                read_sentences(cell, condition, seed, spec) for cell, condition in zip(cells, conditions, strict=True)
            ]
    write_parquet(files.generations, pd.concat(frames, ignore_index=True))


def read_prompts(path: Path, spec: Spec) -> list[str]:
    """Return the first words of as many sentences as are generated per seed, or of all if there are fewer.

    Raises:
        StudyError: a sentence has no more words than that.
    """
    asked = spec.prompts
    _, sentences = read_part(path, asked.language, asked.part)
    prompts = []
    for sentence in sentences[: spec.sentences]:
        words = sentence.split()
        if len(words) <= asked.words:
            raise StudyError(
                f"generation.prompts.words: {asked.words}, but {sentence!r} has {len(words)} words between blanks; "
                "take fewer, or a language that puts blanks between words."
            )
        prompts.append(" ".join(words[: asked.words]))
    return prompts


def sentences_of(
    model: "LanguageModel",
    conditions: Sequence[Condition],
    seed: int,
    spec: Spec,
    tokens_per_batch: int,
    prompts: Sequence[str] = (),
) -> list[list[Sentence]]:
    """Return the sentences of one seed under each condition."""
    draws = [(index, seed, number) for number in range(spec.sentences) for index in range(len(conditions))]
    what = f"generating, seed {seed}, {len(conditions)} conditions"
    sentences = generate(model, conditions, draws, spec.sampling, tokens_per_batch, what, prompts)
    return [sentences[index :: len(conditions)] for index in range(len(conditions))]


def write_sentences(cell: h5py.File, sentences: list[Sentence]) -> None:
    """Write the sentences of one condition and seed to a cell of the cache."""
    # As JSON: models do write NUL characters, which HDF5's strings cannot hold.
    texts = [json.dumps(sentence.text) for sentence in sentences]
    write_strings(cell, "text", texts)
    for name in ("tokens", "perplexity", "own_perplexity"):
        values = np.array([getattr(sentence, name) for sentence in sentences])
        cell.create_dataset(name, data=values, chunks=values.shape, fletcher32=True)


def read_sentences(path, condition: Condition, seed: int, spec: Spec) -> pd.DataFrame:
    """Return the sentences of a cell, one per row, with the target and the pooling of the sweep."""
    with h5py.File(path, "r") as cell:
        rows = {name: cell[name][:] for name in ("tokens", "perplexity", "own_perplexity")}
        texts = [json.loads(text) for text in read_strings(cell["text"])]
    leading = {**condition.columns(), "target": spec.target, "pooling": spec.pooling}
    del leading["seed"]
    return pd.DataFrame({**leading, "sample_seed": seed, "sentence": range(spec.sentences), "text": texts, **rows})


if __name__ == "__main__":
    stage.run(main)
