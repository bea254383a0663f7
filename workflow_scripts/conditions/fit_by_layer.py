"""Make a condition whose parameters are fitted layer after layer, on the model as it is changed up to there."""

from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.conditions.specs import UnitsSpec
from workflow_scripts.conditions.units import by_site, expert_units, read_responses
from workflow_scripts.config.settings import FittedSentences, MaxTokens, ProbingLanguages
from workflow_scripts.interventions.conditions import Condition, write_condition
from workflow_scripts.interventions.registry import of_strength
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import content_hash
from workflow_scripts.models.run import model_run
from workflow_scripts.neurons.expert_files import read_language
from workflow_scripts.texts.schema import read_part


class Spec(UnitsSpec):
    """What the condition depends on."""

    languages: ProbingLanguages
    sentences: FittedSentences
    max_tokens: MaxTokens


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={
            "model": "manifest of the model",
            "texts": "probing sentences (parquet)",
            "experts": "statistics of all neurons (HDF5)",
            "activations": "responses of all neurons (HDF5)",
            "scores[...]": "activation probabilities or transfer scores of all neurons (HDF5), for lape or transfer",
        },
        outputs={"condition": "the condition (JSON)"},
        command=command,
    )
    units, chosen = choose(spec, files.experts, *files.scores)
    others = [language for language in spec.languages if language != spec.target]
    texts = {language: read_part(files.texts, language, "sentence")[1][: spec.sentences] for language in others}
    to_target, _ = read_responses(files.activations, spec.pooling, spec.languages, spec.target, units)
    with model_run(files, "by_layer") as run:
        key = run.key(
            change=chosen.change,
            pooling=spec.pooling,
            settings=spec.settings,
            max_tokens=spec.max_tokens,
            texts=content_hash([text for of_language in texts.values() for text in of_language]),
            target=content_hash([to_target.tolist()]),
        )

        def compute(cell: h5py.File) -> None:
            from workflow_scripts.conditions.by_layer import fit_by_layer

            fitted = fit_by_layer(
                run.model, chosen, texts, to_target, spec.max_tokens, run.tokens_per_batch, spec.settings
            )
            for name in fitted[0]:
                values = np.concatenate([parameters[name] for parameters in fitted])
                cell.create_dataset(name, data=values, chunks=values.shape, fletcher32=True)

        with h5py.File(run.cell(key, compute), "r") as cell:
            parameters = {name: cell[name][:] for name in cell}
    sites = by_site(run.manifest.sites, units, of_strength(parameters, spec.strength, len(units)))
    write_condition(files.condition, Condition(**named(spec), sites=sites))


def choose(spec: Spec, experts: Path, scores: Path | None = None) -> tuple[np.ndarray, Condition]:
    """Return the units that a spec asks for, ascending among all neurons, and the condition as yet without parameters.

    Raises:
        StudyError: k is larger than the number of neurons to choose from.
    """
    ranked = read_language(experts, spec.target)
    units = expert_units(ranked, spec.target, spec.k, spec.selection, spec.languages, scores)
    return units, Condition(**named(spec), sites=by_site(ranked.sites, units, {}))


def named(spec: Spec) -> dict[str, object]:
    """Return what a condition says beside its sites."""
    return spec.model_dump(include={"name", "model", "method", "units", "target", "pooling", "k", "positions"})


if __name__ == "__main__":
    stage.run(main)
