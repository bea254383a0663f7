"""How generated texts are written: n-gram log perplexity under a model of real text, and share of distinct trigrams.

Garbled text, or text of another language than it is taken for, is improbable under a model of real text. A text that
says one likely phrase again and again is not, but few of its trigrams are distinct. So the two belong together.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

ORDER = 5  # characters of an n-gram: words have no bounds in every script
TRAINING_CHARACTERS = 300_000  # of real text; more takes memory, and changes log perplexities in the second decimal
# Scripts without spaces between words, whose characters count as words: Thai, Lao, Tibetan, Myanmar, Khmer, Kana, Han.
UNSPACED = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")


class CharacterModel:
    """An n-gram model of characters, interpolated as Witten and Bell (1991).

    The probability of a character after a context of c characters is (count + T · p) / (N + T): N is how often the
    context was read with a character after it, T how many different characters came after it, and p the probability
    after a context shorter by one; without a context, p is equal for all characters read and for all others together.
    """

    def __init__(self, texts: Iterable[str], order: int = ORDER, characters: int = TRAINING_CHARACTERS):
        """Count the n-grams of texts, up to a number of characters.

        Raises:
            ValueError: there are no characters.
        """
        self.order = order
        self._counts: Counter[str] = Counter()
        left = characters
        for text in texts:
            text = _normalised(text)[:left]
            left -= len(text)
            for length in range(1, order + 1):
                self._counts.update(text[start : start + length] for start in range(len(text) - length + 1))
            if not left:
                break
        if not self._counts:
            raise ValueError("there is no text to count n-grams of")
        self._read: Counter[str] = Counter()  # N by context
        self._different: Counter[str] = Counter()  # T by context
        for ngram, count in self._counts.items():
            self._read[ngram[:-1]] += count
            self._different[ngram[:-1]] += 1

    def log_probabilities(self, text: str) -> list[float]:
        """Return the log probability of each character of a text after those before it, in nats."""
        text = _normalised(text)
        return [math.log(self.probability(text[max(0, at - self.order + 1) : at], text[at])) for at in range(len(text))]

    def probability(self, context: str, character: str) -> float:
        """Return the probability of a character after a context shorter than the order."""
        shorter = self.probability(context[1:], character) if context else 1 / (self._different[""] + 1)
        read, different = self._read[context], self._different[context]
        return (self._counts[context + character] + different * shorter) / (read + different) if read else shorter


def ngram_log_perplexity(model: CharacterModel, texts: Sequence[str]) -> float:
    """Return the mean negative log probability of all characters of the texts, in nats; NaN where they have none."""
    found = {text: model.log_probabilities(text) for text in set(texts)}
    count = sum(len(found[text]) for text in texts)
    return -sum(math.fsum(found[text]) for text in texts) / count if count else math.nan


def distinct_trigrams(texts: Sequence[str]) -> float:
    """Return how many different trigrams of words the texts have, by how many in all; NaN where they have none.

    That is distinct-n of Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models".
    Punctuation marks are words, as is every character of a script without spaces.
    """
    trigrams = [gram for text in texts for gram in _trigrams(WORD.findall(text))]
    return len(set(trigrams)) / len(trigrams) if trigrams else math.nan


def _trigrams(words: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(words, words[1:], words[2:], strict=False)


def _normalised(text: str) -> str:
    return " ".join(text.split())
