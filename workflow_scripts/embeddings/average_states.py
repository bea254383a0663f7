"""Mean states of a layer over the probing sentences of each language, for methods that act on whole layers."""

import h5py
import numpy as np
from pydantic import Field

from workflow_scripts.conditions.layer_means import write_mean
from workflow_scripts.config.settings import ChangedLayer
from workflow_scripts.config.specs import ProbingSpec
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.models.run import model_run
from workflow_scripts.models.sites import changed_layer, module_of_layer
from workflow_scripts.texts.schema import read_part


class Spec(ProbingSpec):
    """What the means depend on."""

    layer: ChangedLayer
    covariance: bool = Field(False, description="Whether the covariance within languages is written as well.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "texts": "probing sentences (parquet)"},
        outputs={"means": "mean states by language, and how they vary within one where asked (HDF5)"},
        command=command,
    )
    with model_run(files, "layer_means") as run, written_whole(files.means) as beside, created(beside) as out:
        layer = changed_layer(run.manifest.blocks, spec.layer)
        module_of_layer(run.manifest.blocks, layer)  # refused before the model is loaded
        scatters, sentences = [], 0
        for language in spec.languages:
            _, texts = read_part(files.texts, language, "sentence")
            settings = spec.model_dump(include={"max_tokens"} | ({"covariance"} if spec.covariance else set()))
            key = run.key(language, layer=layer, **settings, texts=content_hash(texts))

            def compute(cell: h5py.File, texts: list[str] = texts, language: str = language) -> None:
                from workflow_scripts.embeddings.sentences import embed

                states = embed(
                    run.model,
                    texts,
                    layer=None if layer == "last" else layer,
                    max_tokens=spec.max_tokens,
                    tokens_per_batch=run.tokens_per_batch,
                    language=language,
                    what=f"layer {layer} of {language}",
                )
                mean = states.mean(axis=0, dtype=np.float64)
                write_mean(cell, "mean", mean)
                if spec.covariance:
                    centred = states.astype(np.float64) - mean
                    write_mean(cell, "scatter", centred.T @ centred)

            with h5py.File(run.cell(key, compute), "r") as cell:
                write_mean(out, f"mean/{language}", cell["mean"][:])
                scatters += [cell["scatter"][:]] if spec.covariance else []
            write_mean(out, f"sentences/{language}", np.array(len(texts)))
            sentences += len(texts)
        if spec.covariance:
            write_mean(out, "within", sum(scatters) / sentences)


if __name__ == "__main__":
    stage.run(main)
