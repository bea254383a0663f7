"""Linear transport of each unit's activations: Linear-AcT (Rodriguez et al. 2024, "Controlling Language and Diffusion
Models by Transporting Activations", section 3)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from workflow_scripts.interventions.method import Method, Settings, UnitStatistics

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class TransportSettings(Settings):
    """Settings of Linear-AcT."""

    # Where the line holds: within the range of the responses that it was fitted to, or everywhere.
    support: Literal["observed", "all"] = "observed"


class LinearAcT(Method):
    """Map each unit's responses to the other languages onto those to the target, by the best line.

    The line is the least-squares fit of the optimal transport between the two samples, which pairs them by rank. It
    holds inside the range of the source, and beyond it activations stay as they are, unless the setting `support` is
    `all`. The maps of all units are fitted on the unintervened model, each by itself; `linear_act_by_layer` fits one
    layer after the other.
    """

    needs_responses = True
    settings = TransportSettings

    def parameters(
        self, statistics: UnitStatistics, settings: TransportSettings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return the slope and offset of each unit's line, and the range where it holds unless that is everywhere."""
        source, target = statistics.responses_to_others, statistics.responses_to_target
        slope, offset = transport_line(source, target)
        line = {"slope": slope, "offset": offset}
        if settings.support == "all":
            return line
        return {**line, "low": source.min(axis=0), "high": source.max(axis=0)}

    def transform(
        self,
        activations: "torch.Tensor",
        slope: "torch.Tensor",
        offset: "torch.Tensor",
        low: "torch.Tensor | None" = None,
        high: "torch.Tensor | None" = None,
    ) -> "torch.Tensor":
        """Return the activations, transported where they are in range, or all of them where there is no range."""
        transported = activations * slope + offset
        if low is None:
            return transported
        return transported.where((activations >= low) & (activations <= high), activations)


def transport_line(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slope and offset, [units] each, of the line nearest in least squares to the optimal transport of two
    samples.

    In one dimension that transport is the one that keeps order: of samples of one size it pairs the i-th smallest of
    both, of others it splits their points, the share of each overlap of quantiles being a weight. A source that is
    constant has no slope of its own; it is shifted to the target's mean (slope 1).

    Args:
        source: responses of each unit, [sentences, units].
        target: the same to other sentences, as many or not, [other sentences, units].
    """
    source, target = np.sort(source.astype(np.float64), axis=0), np.sort(target.astype(np.float64), axis=0)
    n, m = len(source), len(target)
    # Where a quantile of either sample ends, in units of 1 / nm, so that there is no rounding.
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    weights = np.diff(ends, prepend=0) / (n * m)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    paired_source = (source - source_mean)[(ends - 1) // m]
    paired_target = (target - target_mean)[(ends - 1) // n]
    variance = weights @ paired_source**2
    covariance = weights @ (paired_source * paired_target)
    constant = source[0] == source[-1]
    slope = np.where(constant, 1.0, covariance / np.where(constant, 1.0, variance))
    return slope, target_mean - slope * source_mean
