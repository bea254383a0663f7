"""Topics told by character n-grams, the input without a model that Blaschke et al. (2025) compare embeddings with.

What a probe has learnt of one language it can use in another only where both write the same n-grams.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.probes.classification import ITERATIONS, refuse_one_kind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def count_ngrams(texts: Sequence[str], shortest: int, longest: int) -> "csr_matrix":
    """Return how often each n-gram of any of the texts is in each [texts, n-grams].

    N-grams are of characters in lower case and do not go beyond a word, at whose ends a blank counts.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(analyzer="char_wb", ngram_range=(shortest, longest)).fit_transform(texts).tocsr()


class NgramClassifier:
    """Multinomial logistic regression with an L2 penalty on TF-IDF vectors of length 1.

    Those are of the n-grams of the training texts alone, weighted by how many of the training texts have them.
    """

    def __init__(self, counts: "csr_matrix", labels: Sequence[str], regularisation: float):
        """Fit to counts [texts, n-grams] and labels; half the squared weights count beside the mean loss.

        Raises:
            StudyError: all labels are the same.
        """
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression

        refuse_one_kind(labels)
        self._there = np.flatnonzero(counts.getnnz(axis=0))
        self._weighted = TfidfTransformer().fit(counts[:, self._there])
        self._fitted = LogisticRegression(C=1 / (regularisation * len(labels)), max_iter=ITERATIONS)
        self._fitted.fit(self._vectors(counts), np.asarray(labels))

    def __call__(self, counts: "csr_matrix") -> np.ndarray:
        """Return the likeliest label of each text by its counts [texts, n-grams]."""
        return self._fitted.predict(self._vectors(counts))

    def _vectors(self, counts: "csr_matrix") -> "csr_matrix":
        return self._weighted.transform(counts[:, self._there])
