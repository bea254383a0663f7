"""Spaces that take a constant off, or add nothing but a constant: what is left of a change when it is no mere shift."""

from typing import Literal, get_args

import numpy as np

Centring = Literal["none", "all", "language"]
CENTRINGS: tuple[Centring, ...] = get_args(Centring)


def centred(embeddings: np.ndarray, centring: Centring) -> np.ndarray:
    """Return the embeddings [languages, sentences, d] less a mean, in their data type; the means are taken in float64.

    `all`: less the mean of all sentences of all languages; `language`: each less the mean of its language; `none`: as
    they are (not a copy). Constants added to every sentence, or to every sentence of a language, are gone thereafter.
    """
    if centring == "none":
        return embeddings
    # Not by a product of matrices, whose last bits would decide how the differences are rounded.
    means = np.stack([side.mean(axis=0, dtype=np.float64) for side in embeddings])
    if centring == "all":
        means = np.broadcast_to(means.mean(axis=0), means.shape)
    less = np.empty_like(embeddings)
    for language, mean in enumerate(means):
        less[language] = embeddings[language] - mean
    return less


def shift_between(base: np.ndarray, intervened: np.ndarray) -> np.ndarray:
    """Return the mean of the intervened embeddings less that of the base ones, both [..., d]: float64 [d].

    Base embeddings with this one vector added to each are the constant control: they have the intervened space's mean,
    and nothing else of it.
    """
    means = [side.reshape(-1, side.shape[-1]).mean(axis=0, dtype=np.float64) for side in (base, intervened)]
    return means[1] - means[0]
