"""The condition on a language's experts, or on as many random units, from what ranking found out (paper, 3.3 and 7)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from workflow_scripts.conditions.lape import lape_units
from workflow_scripts.conditions.selection import highest_units, random_units, top_units
from workflow_scripts.config.settings import SCORED, Selection
from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.method import UnitStatistics
from workflow_scripts.interventions.registry import parameters_of
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons.activation_reader import NeuronReader
from workflow_scripts.neurons.expert_files import LanguageExperts, read_language
from workflow_scripts.neurons.unit_score_files import read_scores


def choose(
    experts: Path,
    *,
    name: str,
    model: str,
    target: str,
    pooling: str,
    k: int,
    units: Literal["expert", "random"] = "expert",
    seed: int | None = None,
    selection: Selection = "top",
    method: str = "force",
    settings: Mapping[str, Any] | None = None,
    forced_value: Literal["mean", "median", "token_mean"] = "mean",
    positions: Literal["all", "last"] = "all",
    strength: float = 1.0,
    languages: Sequence[str] = (),
    draw: Literal["uniform", "same_layers"] | None = None,
    values: Literal["experts", "own"] | None = None,
    activations: Path | None = None,
    scores: Path | None = None,
) -> Condition:
    """Return the condition on the target's experts, or on its random control.

    Args:
        experts: Statistics of all neurons, as the stage `rank_neurons` writes them.
        name: Slug of the condition.
        model: Name of the model.
        target: Language whose experts are meant.
        pooling: How responses were pooled over tokens.
        k: Number of units.
        units: Experts, or random units, which `draw` and `values` are of.
        seed: Of the random units.
        selection: Which k neurons are experts.
        method: Name of the method of intervention.
        settings: The method's own settings; what is not given is at its default.
        forced_value: How the target's responses are summarised.
        positions: Of the tokens at which the units are changed.
        strength: Share of the method's change that is made.
        languages: Of the sentences in `activations` and of the activation probabilities.
        draw: From where random units are drawn.
        values: Whose parameters random units are given.
        activations: Responses of all neurons, for a method that reads them.
        scores: Activation probabilities of all neurons, for the selection `lape`; transfer scores, for `transfer`.

    Raises:
        StudyError: k is larger than the number of neurons to choose from, the method is unknown, or the forced value
            is.
    """
    ranked = read_language(experts, target)
    offsets, layers = _layout(ranked.sites)
    if forced_value not in ranked.statistics:
        raise StudyError(
            f"forced_value {forced_value} is not known of these neurons, since units of experts respond to some tokens "
            "alone; take mean or median."
        )

    def parameters(chosen: np.ndarray) -> dict[str, np.ndarray]:
        to_target, to_others = (
            (None, None) if activations is None else read_responses(activations, pooling, languages, target, chosen)
        )
        statistics = UnitStatistics(
            expertise=ranked.statistics["expertise"][chosen],
            forced_value=ranked.statistics[forced_value][chosen],
            responses_to_target=to_target,
            responses_to_others=to_others,
        )
        return parameters_of(method, strength, statistics, settings, seed)

    chosen = expert_units(ranked, target, k, selection, languages, scores)
    stored = parameters(chosen)
    if units == "random":
        chosen = random_units(chosen, offsets[-1], k, seed, draw=draw, offsets=offsets, layers=layers)
        if values == "own":
            stored = parameters(chosen)
        else:
            # The experts' values, in another order: which unit gets which value is drawn too.
            order = np.random.default_rng([seed, 1]).permutation(k)
            stored = {name: each[order] for name, each in stored.items()}
    return Condition(
        name=name,
        model=model,
        method=method,
        units=units,
        target=target,
        pooling=pooling,
        k=k,
        seed=seed,
        positions=positions,
        sites=by_site(ranked.sites, chosen, stored),
    )


def expert_units(
    ranked: LanguageExperts,
    target: str,
    k: int,
    selection: Selection = "top",
    languages: Sequence[str] = (),
    scores: Path | None = None,
) -> np.ndarray:
    """Return the indices of the target's k experts among all neurons, int64 [k], ascending; as `choose` has them.

    Raises:
        StudyError: k is larger than the number of neurons to choose from, or lape or transfer is given no scores.
    """
    if selection in SCORED:
        if scores is None:
            what = SCORED[selection].replace("_", " ")
            raise StudyError(f"the selection {selection} needs {what} of all neurons; give them.")
        if selection == "transfer":
            return highest_units(read_scores(scores, [target])[0], k)
        return lape_units(read_scores(scores, languages), languages.index(target), k)
    offsets, layers = _layout(ranked.sites)
    return top_units(ranked.statistics["expertise"], ranked.statistics["gap"], offsets, k, selection, layers=layers)


def by_site(sites: Sequence[NeuronSite], units: np.ndarray, parameters: Mapping[str, np.ndarray]) -> list[Site]:
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


def read_responses(
    activations: Path, pooling: str, languages: Sequence[str], target: str, units: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the responses of units to the target's sentences and to those of the others, [sentences, units] each.

    Args:
        activations: Responses of all neurons, as the stage `record_responses` writes them.
        pooling: How responses were pooled over tokens.
        languages: Of the sentences, the target among them.
        target: Language whose sentences come first.
        units: Ascending indices among all neurons.
    """
    with NeuronReader(activations, pooling, languages) as reader:
        blocks = []
        # Neurons lie together in the file by `width`, so that each chunk is read once.
        for place in np.unique(units // reader.width):
            inside = units[units // reader.width == place]
            first, end = inside[0], inside[-1] + 1
            block = reader.read(first, end)
            columns, exact = reader.read_exactly(first, end, block)
            if len(columns):
                block = block.astype(np.float32)
                block[:, columns] = exact
            blocks.append(block[:, inside - first])
        responses = np.concatenate(blocks, axis=1)
        of_target = reader.groups == languages.index(target)
    return responses[of_target], responses[~of_target]


def _layout(sites: Sequence[NeuronSite]) -> tuple[np.ndarray, np.ndarray]:
    """Index of the first neuron of each site, then the number of neurons, [sites + 1]; layer of each site, [sites]."""
    ends = [site.offset for site in sites] + [sites[-1].offset + sites[-1].width]
    return np.array(ends), np.array([site.layer for site in sites])
