"""Embed the words of a treebank with a model under one condition, or with the same architecture at random weights.

Works through languages as the stage `embed_sentences` does; a finished language is kept in the cache.
"""

import logging

import h5py
from pydantic import Field

from workflow_scripts.config.fields import Seed
from workflow_scripts.config.settings import Layer, ProbedLanguages, TreebankTokens
from workflow_scripts.embeddings.word_files import copy_words, write_words
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.models.run import model_run
from workflow_scripts.texts.schema import read_part, read_spans

log = logging.getLogger("stage")


class Spec(stage.Spec):
    """What the embeddings depend on."""

    languages: ProbedLanguages
    layer: Layer
    max_tokens: TreebankTokens
    random_weights: Seed | None = Field(
        description="Seed of random weights in place of the model's own; null: its own."
    )


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={
            "model": "manifest of the model",
            "condition": "the intervention, or none (JSON)",
            "texts": "treebank (parquet)",
        },
        outputs={"words": "word embeddings (HDF5)"},
        command=command,
    )
    condition = read_condition(files.condition)
    with (
        model_run(files, "word_embeddings", spec.random_weights) as run,
        written_whole(files.words) as beside,
        created(beside) as out,
    ):
        for language in spec.languages:
            ids, texts = read_part(files.texts, language, "sentence")
            spans = read_spans(files.texts, language, ids)
            key = run.key(
                language,
                change=condition.change,
                **spec.model_dump(include={"layer", "max_tokens", "random_weights"}),
                texts=content_hash([ids, texts, spans]),
            )

            def compute(cell: h5py.File, ids=ids, texts=texts, spans=spans, language=language) -> None:
                from workflow_scripts.embeddings.words import embed_words

                with steer(run.model, condition):
                    found = embed_words(
                        run.model,
                        texts,
                        spans,
                        layer=None if spec.layer == "last" else spec.layer,
                        max_tokens=spec.max_tokens,
                        tokens_per_batch=run.tokens_per_batch,
                        language=language,
                        what=f"{condition.name}: embedding the words of {language}",
                    )
                log.info("%s: %d of %d sentences left out", language, len(ids) - len(found.sentences), len(ids))
                write_words(cell, [ids[row] for row in found.sentences], found.words, found.vectors)

            copy_words(run.cell(key, compute), out, language)


if __name__ == "__main__":
    stage.run(main)
