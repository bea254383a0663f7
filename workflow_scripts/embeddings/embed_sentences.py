"""Embed the sentences of every data set with a model under one condition (paper, sections 4 and 5).

The model is loaded once and embeds every data set, language and layer. A finished language is kept in the cache, so
that a killed job, an added language or an added data set costs only what is missing. Layers share one pass.
"""

from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
from pydantic import Field

from workflow_scripts.config.fields import Languages
from workflow_scripts.config.settings import DatasetName, EmbeddingPooling, Layers, MaxTokens
from workflow_scripts.embeddings.embedding_files import copy_language, write_part
from workflow_scripts.interventions.conditions import Condition, read_condition
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.models.run import ModelRun, model_run
from workflow_scripts.texts.schema import read_part


class EmbeddedDataset(stage.Spec):
    """What is embedded of a data set."""

    name: DatasetName
    languages: Languages
    parts: list[str] = Field(description="Parts of the data set to embed, like sentence, or sentence1 and sentence2.")
    layers: Layers


class Spec(stage.Spec):
    """What the embeddings depend on."""

    datasets: list[EmbeddedDataset] = Field(min_length=1, description="Data sets, in the order of the files of texts.")
    pooling: EmbeddingPooling
    max_tokens: MaxTokens


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={
            "model": "manifest of the model",
            "condition": "the intervention, or none (JSON)",
            "texts...": "sentences, one file per data set (parquet)",
        },
        outputs={"embeddings...": "sentence embeddings, one file per data set and layer (HDF5)"},
        command=command,
    )
    condition = read_condition(files.condition)
    paths = iter(files.embeddings)
    with model_run(files, "embeddings") as run:
        for dataset, texts_path in zip(spec.datasets, files.texts, strict=True):
            with ExitStack() as stack:
                outs = [
                    stack.enter_context(created(stack.enter_context(written_whole(next(paths)))))
                    for _ in dataset.layers
                ]
                for language in dataset.languages:
                    parts = {part: read_part(texts_path, language, part) for part in dataset.parts}
                    cells = embed_language(run, spec, condition, dataset, language, parts)
                    for cell, out in zip(cells, outs, strict=True):
                        copy_language(cell, out, language)


def embed_language(
    run: ModelRun,
    spec: Spec,
    condition: Condition,
    dataset: EmbeddedDataset,
    language: str,
    parts: dict[str, tuple[list[str], list[str]]],
) -> list[Path]:
    """Return the cells of one language of a data set by each layer, embedded where the cache has none.

    All parts of the language are in one cell and one pass, so that copies have one vector also across parts.

    Args:
        run: Of the model.
        spec: How texts are embedded.
        condition: What is done to the model.
        dataset: What is embedded of it; each of its layers is a cell.
        language: Its language.
        parts: Ids and texts of each part, by its name.
    """
    settings = spec.model_dump(include={"pooling", "max_tokens"})
    layers = dataset.layers
    hashed = content_hash(parts)
    keys = [run.key(language, change=condition.change, layer=layer, **settings, texts=hashed) for layer in layers]
    texts = [text for _, of_part in parts.values() for text in of_part]

    def embed(places: list[int]) -> list[np.ndarray]:
        from workflow_scripts.embeddings.sentences import embed_layers

        with steer(run.model, condition):
            return embed_layers(
                run.model,
                texts,
                [None if layers[place] == "last" else layers[place] for place in places],
                **settings,
                tokens_per_batch=run.tokens_per_batch,
                what=f"{condition.name}: embedding {dataset.name} {language}",
                language=language,
            )

    def write(cell: h5py.File, embeddings: np.ndarray) -> None:
        start = 0
        for part, (ids, _) in parts.items():
            write_part(cell.create_group(part), ids, embeddings[start : start + len(ids)])
            start += len(ids)

    return run.cells(keys, embed, write)


if __name__ == "__main__":
    stage.run(main)
