"""Choose the units of a condition and their parameters: experts, the random control, or none (paper, 3.3 and 7)."""

from pathlib import Path

import numpy as np
from pydantic import Field

from workflow_scripts.conditions.lape import lape_units
from workflow_scripts.conditions.selection import random_units, top_units
from workflow_scripts.config.fields import LanguageCode, Seed
from workflow_scripts.config.settings import (
    ControlValues,
    Draw,
    ForcedValue,
    Method,
    Positions,
    ResponsePooling,
    Selection,
    Strength,
    Target,
    Units,
)
from workflow_scripts.config.specs import ConditionSpec
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.interventions.method import UnitStatistics
from workflow_scripts.interventions.registry import parameters_of
from workflow_scripts.jobs import stage
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons.activation_probability_files import read_probabilities
from workflow_scripts.neurons.activation_reader import NeuronReader
from workflow_scripts.neurons.expert_files import LanguageExperts, read_language


class Spec(ConditionSpec):
    """What a condition depends on."""

    units: Units
    target: Target
    pooling: ResponsePooling
    k: int = Field(description="Number of units.")
    seed: Seed | None = Field(None, description="Seed of the random control; null for experts.")
    selection: Selection
    method: Method
    forced_value: ForcedValue
    positions: Positions
    strength: Strength
    languages: list[LanguageCode] = Field(
        [], description="Probing languages, for what reads responses or probabilities."
    )
    draw: Draw | None = Field(None, description="How random units are drawn; null for experts.")
    values: ControlValues | None = Field(None, description="Values that random units are given; null for experts.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "experts": "statistics of all neurons (HDF5)",
            "activations[...]": "responses of all neurons (HDF5), of which a method may need those of the units",
            "probabilities[...]": "activation probabilities of all neurons (HDF5), for the selection lape",
        },
        outputs={"condition": "the condition (JSON)"},
        command=command,
    )
    activations, probabilities = (next(iter(paths), None) for paths in (files.activations, files.probabilities))
    write_condition(files.condition, choose(spec, files.experts, activations, probabilities))


def choose(spec: Spec, experts: Path, activations: Path | None = None, probabilities: Path | None = None) -> Condition:
    """The condition that a spec asks for.

    Args:
        activations: Those of a method that needs responses.
        probabilities: Those of a selection by activation probabilities.

    Raises:
        StudyError: k is larger than the number of neurons to choose from, or the method is unknown.
    """
    ranked = read_language(experts, spec.target)
    offsets, layers = _layout(ranked.sites)
    units = expert_units(spec, ranked, probabilities)
    parameters = _parameters(spec, ranked, units, activations)
    if spec.units == "random":
        units = random_units(units, offsets[-1], spec.k, spec.seed, draw=spec.draw, offsets=offsets, layers=layers)
        if spec.values == "own":
            parameters = _parameters(spec, ranked, units, activations)
        else:
            # The experts' values, in another order: which unit gets which value is drawn too.
            order = np.random.default_rng([spec.seed, 1]).permutation(spec.k)
            parameters = {name: values[order] for name, values in parameters.items()}
    return Condition(
        **spec.model_dump(include={"name", "model", "method", "units", "target", "pooling", "k", "seed", "positions"}),
        sites=by_site(ranked.sites, units, parameters),
    )


def expert_units(spec: Spec, ranked: LanguageExperts, probabilities: Path | None) -> np.ndarray:
    """Indices of the target's k experts among all neurons, ascending."""
    if probabilities is not None:
        return lape_units(read_probabilities(probabilities, spec.languages), spec.languages.index(spec.target), spec.k)
    offsets, layers = _layout(ranked.sites)
    return top_units(
        ranked.statistics["expertise"], ranked.statistics["gap"], offsets, spec.k, spec.selection, layers=layers
    )


def by_site(sites: list[NeuronSite], units: np.ndarray, parameters: dict[str, np.ndarray]) -> list[Site]:
    """Split units, given as ascending indices among all neurons, over the sites that hold them."""
    split = []
    for site in sites:
        inside = (site.offset <= units) & (units < site.offset + site.width)
        if inside.any():
            split.append(
                Site(
                    module=site.module,
                    width=site.width,
                    units=(units[inside] - site.offset).tolist(),
                    parameters={name: values[inside].astype(float).tolist() for name, values in parameters.items()},
                )
            )
    return split


def _parameters(
    spec: Spec, ranked: LanguageExperts, units: np.ndarray, activations: Path | None
) -> dict[str, np.ndarray]:
    to_target, to_others = (None, None) if activations is None else read_responses(spec, activations, units)
    statistics = UnitStatistics(
        expertise=ranked.statistics["expertise"][units],
        forced_value=ranked.statistics[spec.forced_value][units],
        responses_to_target=to_target,
        responses_to_others=to_others,
    )
    return parameters_of(spec.method, spec.strength, statistics)


def read_responses(spec: Spec, activations: Path, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Responses of units, ascending indices, to the target's sentences and to the others', [sentences, units] each."""
    with NeuronReader(activations, spec.pooling, spec.languages) as reader:
        blocks = []
        # Neurons lie together in the file by `width`, so that each chunk is read once.
        for place in np.unique(units // reader.width):
            inside = units[units // reader.width == place]
            first = inside[0]
            blocks.append(reader.read(first, inside[-1] + 1)[:, inside - first])
        responses = np.concatenate(blocks, axis=1)
        of_target = reader.groups == spec.languages.index(spec.target)
    return responses[of_target], responses[~of_target]


def _layout(sites: list[NeuronSite]) -> tuple[np.ndarray, np.ndarray]:
    """Index of the first neuron of each site, then the number of neurons, [sites + 1]; layer of each site, [sites]."""
    ends = [site.offset for site in sites] + [sites[-1].offset + sites[-1].width]
    return np.array(ends), np.array([site.layer for site in sites])


if __name__ == "__main__":
    stage.run(main)
