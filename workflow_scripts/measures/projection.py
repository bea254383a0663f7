"""Two-dimensional pictures of an embedding space: UMAP (McInnes et al., 2018) by cosine (paper, section 4)."""

import warnings

import numpy as np

from workflow_scripts.jobs.errors import StudyError


def project(
    embeddings: np.ndarray, neighbours: int, min_distance: float, seed: int, components: int | None = None
) -> np.ndarray:
    """Lay points out in the plane so that near neighbours by cosine stay near.

    Args:
        embeddings: Finite, [points, d].
        neighbours: Size of a point's neighbourhood, itself included.
        min_distance: Least distance of points in the plane that UMAP aims at.
        seed: Of the layout; equal input and seed give equal coordinates on one machine (with `components`, at one
            number of threads of its linear algebra).
        components: Reduce the embeddings to so many components (`principal_components`) first; None: do not.

    Returns:
        Coordinates, float32 [points, 2].

    Raises:
        StudyError: there are too few points, or all have the same embedding.
    """
    least = max(neighbours + 1, 4)  # the spectrum from which UMAP starts needs four
    if len(embeddings) < least:
        raise StudyError(
            f"UMAP with {neighbours} neighbours needs at least {least} sentences, counted over all languages and both "
            f"spaces; here are {len(embeddings)}. Give more sentences or languages, or fewer neighbours."
        )
    directions = unit_rows(embeddings)
    if (directions == directions[0]).all():
        raise StudyError(
            "All sentences have the same embedding in all languages, with and without the intervention, so that there "
            "is nothing to show by UMAP. Check the model's weights and its tokenizer."
        )
    if components is not None:
        directions = principal_components(directions, components, seed)

    with warnings.catch_warnings():
        # Of an optional dependency, of neighbourhoods that do not connect, of duplicates: the layout is right.
        warnings.filterwarnings("ignore", module=r"umap|sklearn|scipy")
        import umap

        # With a random state UMAP is deterministic and runs on one thread.
        layout = umap.UMAP(
            n_neighbors=neighbours, min_dist=min_distance, metric="cosine", random_state=seed, n_jobs=1
        ).fit_transform(directions)
    return np.asarray(layout, dtype=np.float32)


def unit_rows(embeddings: np.ndarray) -> np.ndarray:
    """Return the embeddings [points, d] at length 1, float32; a row of zeros stays one."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.divide(embeddings, lengths, where=lengths > 0, out=np.zeros(embeddings.shape, dtype=np.float32))


def principal_components(directions: np.ndarray, components: int, seed: int) -> np.ndarray:
    """Return the unit rows [points, d] in the `components` dimensions that keep their cosines best, [points,
    components].

    By singular value decomposition without centring: cosines are about the origin. Where there are no more dimensions
    or points than `components`, nothing would be lost or gained, and the rows are returned as they are.
    """
    if components >= min(directions.shape):
        return directions

    from sklearn.decomposition import TruncatedSVD

    return TruncatedSVD(components, random_state=seed).fit_transform(directions)
