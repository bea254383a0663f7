"""Multinomial logistic regression on embeddings, and how well it does."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from workflow_scripts.jobs.errors import StudyError

MEASURES = ("accuracy", "macro_f1")
ITERATIONS = 300  # most iterations of L-BFGS


class Standardiser:
    """Shift and scale each dimension by its mean and deviation over the training data."""

    def __init__(self, vectors: np.ndarray):
        """Learn from vectors [observations, d]."""
        deviations = vectors.std(axis=0, dtype=np.float64)
        # A dimension that is constant up to rounding tells nothing; scaled, it would be noise.
        floor = 1e-6 * max(float(deviations.max(initial=0)), 1e-30)
        self._mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._scale = np.where(deviations > floor, 1 / np.maximum(deviations, floor), 0).astype(np.float32)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return the vectors [observations, d], shifted and scaled."""
        return (vectors - self._mean) * self._scale


class Classifier:
    """Multinomial logistic regression with an L2 penalty on standardised embeddings."""

    def __init__(self, vectors: np.ndarray, labels: Sequence[str], regularisation: float):
        """Fit to vectors [observations, d] and their labels; half the squared weights count beside the mean loss.

        Raises:
            StudyError: all labels are the same.
        """
        from sklearn.linear_model import LogisticRegression

        refuse_one_kind(labels)
        self._standardised = Standardiser(vectors)
        # C is the weight of the summed loss.
        self._fitted = LogisticRegression(C=1 / (regularisation * len(labels)), max_iter=ITERATIONS)
        self._fitted.fit(self._standardised(vectors), np.asarray(labels))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return the likeliest label of each vector [observations, d]."""
        return self._fitted.predict(self._standardised(vectors))


def refuse_one_kind(labels: Sequence[str]) -> None:
    """Refuse to train on labels of one kind.

    Raises:
        StudyError: all labels are the same.
    """
    if len(set(labels)) < 2:
        raise StudyError(f"all {len(labels)} training observations are {labels[0]!r}; a probe needs two kinds.")


def majority(labels: Sequence[str]) -> str:
    """Return the most frequent label; of equally frequent labels, the first by alphabet."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], label))


def scores(found: Sequence[str], gold: Sequence[str]) -> dict[str, float]:
    """Return accuracy, and F1 averaged over the labels that there are among the gold ones."""
    found, gold = np.asarray(found), np.asarray(gold)
    by_label = []
    for label in np.unique(gold):
        right = np.count_nonzero((found == label) & (gold == label))
        by_label.append(2 * right / (np.count_nonzero(found == label) + np.count_nonzero(gold == label)))
    return {"accuracy": float(np.mean(found == gold)), "macro_f1": float(np.mean(by_label))}
