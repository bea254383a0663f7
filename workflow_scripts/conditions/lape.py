"""Language-specific neurons by the entropy of activation probabilities, LAPE (Tang et al. 2024, "Language-Specific
Neurons: The Key to Multilingual Capabilities in Large Language Models", section 2)."""

import numpy as np

from workflow_scripts.jobs.errors import StudyError

ACTIVE = 0.95  # quantile of all probabilities above which a neuron counts as active in a language


def entropies(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy over languages, in nats, of each neuron's activation probabilities made to sum to one: float64
    [neurons].

    A neuron that is never active has an infinite one: it is specific to no language.

    Args:
        probabilities: share of tokens for which each neuron is active, [languages, neurons].
    """
    total = probabilities.sum(axis=0)
    shares = probabilities / np.where(total > 0, total, 1)
    logarithms = np.log(np.where(shares > 0, shares, 1))
    return np.where(total > 0, -(shares * logarithms).sum(axis=0), np.inf)


def lape_units(probabilities: np.ndarray, target: int, k: int) -> np.ndarray:
    """Return the indices of the k units of lowest entropy among those active in the target, int64 [k], ascending.

    Active is a neuron in a language where its probability is above the 95th percentile of those of all neurons in all
    languages: Tang et al. use that threshold twice, to leave out neurons that are active in no language, and to say
    which languages a neuron is specific to. They take 1 % of all neurons for all languages together; here it is as many
    for each as there are experts. Ties go to the lower index.

    Args:
        probabilities: share of tokens for which each neuron is active, [languages, neurons].
        target: row of the language.
        k: number of units.

    Raises:
        StudyError: fewer neurons are active in the target.
    """
    active = np.flatnonzero(probabilities[target] > np.quantile(probabilities, ACTIVE))
    if len(active) < k:
        raise StudyError(
            f"LAPE counts {len(active)} neurons as active in the target, fewer than k = {k}; lower the model's k, or "
            "leave the method with selection: lape out."
        )
    # Rounded, so that entropies of the same shares in another order tie.
    order = np.argsort(np.round(entropies(probabilities[:, active]), 12), kind="stable")
    return np.sort(active[order[:k]])
