"""Fitting a method layer after layer: each module's parameters on a model that is changed in all modules before it
(Rodriguez et al. 2024, section 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.interventions.method import UnitStatistics
from workflow_scripts.interventions.registry import parameters_of
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, batches, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.neurons.responses import ResponseRecorder


def fit_by_layer(
    model: LanguageModel,
    condition: Condition,
    texts: Mapping[str, Sequence[str]],
    responses_to_target: np.ndarray,
    max_tokens: int,
    tokens_per_batch: int,
    settings: Mapping[str, Any] | None = None,
) -> list[dict[str, np.ndarray]]:
    """Return the parameters, each [units], of every site of a condition in turn, at full strength.

    Args:
        model: Unintervened.
        condition: Its sites in the order in which the model runs them; what parameters they have does not matter.
        texts: Sentences of each language but the target, whose responses are mapped.
        responses_to_target: Those of the unintervened model to the target's sentences, [sentences, k], the units site
            by site.
        max_tokens: Tokens after which a text is cut off.
        tokens_per_batch: Tokens with padding in one forward pass, at most.
        settings: Of the condition's method; what is not given is at its default.
    """
    encoded = [model.encode(of_language, max_tokens, language) for language, of_language in texts.items()]
    token_ids = [ids for of_language in encoded for ids in of_language]
    done: list[Site] = []
    fitted = []
    start = 0
    for site in condition.sites:
        before = replace(condition, sites=done, k=sum(len(each.units) for each in done))
        to_target = responses_to_target[:, start : start + len(site.units)]
        with steer(model, before):
            what = f"{condition.name}: responses of {site.module}"
            to_others = _responses(model, site, condition.pooling, token_ids, tokens_per_batch, what)
        zeros = np.zeros(len(site.units))
        statistics = UnitStatistics(zeros, zeros, responses_to_target=to_target, responses_to_others=to_others)
        parameters = parameters_of(condition.method, 1.0, statistics, settings)
        done.append(replace(site, parameters={name: values.tolist() for name, values in parameters.items()}))
        fitted.append(parameters)
        start += len(site.units)
    return fitted


def _responses(
    model: LanguageModel, site: Site, pooling: str, token_ids: list[list[int]], tokens_per_batch: int, what: str
) -> np.ndarray:
    """Pooled responses of a site's units, float32 [texts, units]."""
    recorded = next(each for each in model.manifest.sites if each.module == site.module)
    found = np.empty((len(token_ids), len(site.units)), dtype=np.float32)
    with (
        Progress(what, total=len(token_ids), unit="sentence") as progress,
        ResponseRecorder(model, [replace(recorded, offset=0)], [pooling]) as recorder,
    ):

        def forward(batch: Batch) -> None:
            with torch.inference_mode():
                found[batch.rows] = recorder.forward(batch)[pooling][:, site.units].cpu().numpy()
            progress.advance(len(batch.rows), tokens=batch.tokens)

        for batch in batches(token_ids, tokens_at_once(tokens_per_batch, model.device), model.pad_id):
            run_halving(forward, batch)
    return found
