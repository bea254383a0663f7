"""Corpora of generated sentences, with splits that share no meaning.

A sentence has `clauses` at most. Every function is deterministic in its arguments, and a larger count keeps the
sentences of a smaller one; only the queries of mining are drawn anew for another number of queries or candidates.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts.cldr.grammar import Meaning, draw_meaning, say, vary
from workflow_scripts.texts.cldr.trees import marking_vocabulary, read_marked
from workflow_scripts.texts.cldr.vocabulary import vocabulary

COLUMNS = ["id", "lang", "part", "text", "topic"]
# So many that a paragraph has 100 characters (paper, appendix B) even of the shortest Chinese sentences, which have 13.
SENTENCES_IN_A_PARAGRAPH = 8
# Share of all meanings that each split owns; a meaning belongs to one by its hash.
SPLITS = {"train": 0.4, "dev": 0.1, "devtest": 0.1, "test": 0.1, "tatoeba": 0.1, "bucc": 0.1, "wikipedia": 0.1}


def parallel(split: str, languages: Mapping[str, str], count: int, seed: int, clauses: int = 3) -> pd.DataFrame:
    """Return the parallel sentences: `count` meanings in each language (code to CLDR locale), part `sentence`."""
    meanings = _meanings(split, count, seed, clauses)
    return _table(
        (f"{split}-{number:06d}", language, "sentence", say(meaning, vocabulary(locale)), meaning.topic)
        for language, locale in languages.items()
        for number, meaning in enumerate(meanings)
    )


def topics(split: str, languages: Mapping[str, str], count: int, seed: int, clauses: int = 3) -> pd.DataFrame:
    """Return the sentences of `parallel` with their topics, the kind of their first clause, as a part `topic`."""
    sentences = parallel(split, languages, count, seed, clauses)
    return pd.concat([sentences, sentences.assign(part="topic", text=sentences["topic"])], ignore_index=True)


def treebank(split: str, languages: Mapping[str, str], count: int, seed: int, clauses: int = 3) -> pd.DataFrame:
    """Return the sentences of `parallel` with the trees by which they were said, parts `spans`, `tags` and `heads`."""
    meanings = _meanings(split, count, seed, clauses)
    rows = []
    for language, locale in languages.items():
        for number, meaning in enumerate(meanings):
            tree = read_marked(say(meaning, marking_vocabulary(locale)))
            parts = {"sentence": tree.text, "spans": tree.spans, "tags": tree.tags, "heads": tree.heads}
            rows += [(f"{split}-{number:06d}", language, part, text, meaning.topic) for part, text in parts.items()]
    return _table(rows)


def paraphrases(split: str, languages: Mapping[str, str], count: int, seed: int, clauses: int = 3) -> pd.DataFrame:
    """Return the pairs that mean the same: `sentence1`, and `sentence2` in another order and through other CLDR
    patterns.

    As in PAWS-X, word overlap alone does not give a pair away: every other meaning varies one clause of that before it.
    """
    meanings = _meanings(split, count, seed, clauses, varied=True)
    return _table(
        (f"{split}-{number:06d}", language, part, say(meaning, vocabulary(locale), other), meaning.topic)
        for language, locale in languages.items()
        for part, other in (("sentence1", False), ("sentence2", True))
        for number, meaning in enumerate(meanings)
    )


def translation_pairs(split: str, languages: Mapping[str, str], count: int, seed: int) -> pd.DataFrame:
    """Return the short sentences and their English translation, parts `source` and `target`."""
    meanings = _meanings(split, count, seed, clauses=1)
    return _table(
        (f"{split}-{number:06d}", language, part, say(meaning, vocabulary(said_in)), meaning.topic)
        for language, locale in languages.items()
        for part, said_in in (("source", locale), ("target", "en"))
        for number, meaning in enumerate(meanings)
    )


def mining(
    split: str, languages: Mapping[str, str], queries: int, candidates: int, seed: int, clauses: int = 3
) -> pd.DataFrame:
    """Return the sentences to find the English translation of, parts `query` and `candidates`, of which most translate
    none.
    """
    meanings = _meanings(split, candidates, seed, clauses)
    # Gold translations lie anywhere among the candidates.
    gold = sorted(random.Random(seed).sample(range(candidates), queries))
    return _table(
        (f"{split}-{number:06d}", language, part, say(meanings[number], vocabulary(said_in)), meanings[number].topic)
        for language, locale in languages.items()
        for part, said_in, numbers in (("query", locale, gold), ("candidates", "en", range(candidates)))
        for number in numbers
    )


def paragraphs(split: str, languages: Mapping[str, str], count: int, seed: int, clauses: int = 3) -> pd.DataFrame:
    """Return the paragraphs of several sentences, part `paragraph`."""
    meanings = _meanings(split, count * SENTENCES_IN_A_PARAGRAPH, seed, clauses)
    rows = []
    for language, locale in languages.items():
        sentences = [say(meaning, vocabulary(locale)) for meaning in meanings]
        for number in range(count):
            first = number * SENTENCES_IN_A_PARAGRAPH
            text = " ".join(sentences[first : first + SENTENCES_IN_A_PARAGRAPH])
            rows.append((f"{split}-{number:06d}", language, "paragraph", text, meanings[first].topic))
    return _table(rows)


def split_of(meaning: Meaning) -> str:
    """Return the split that owns a meaning."""
    digest = hashlib.sha256(repr(meaning).encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for split, share in SPLITS.items():
        if place < share:
            return split
        place -= share
    return next(reversed(SPLITS))


def _meanings(split: str, count: int, seed: int, clauses: int, varied: bool = False) -> list[Meaning]:
    if split not in SPLITS:
        raise StudyError(f"there is no generated split {split}; there are {', '.join(SPLITS)}.")
    meanings: dict[Meaning, None] = {}
    for meaning in _stream(split, seed, clauses, varied):
        meanings.setdefault(meaning)
        if len(meanings) == count:
            return list(meanings)
    raise AssertionError("the stream of meanings never ends")


def _stream(split: str, seed: int, clauses: int, varied: bool) -> Iterator[Meaning]:
    """Meanings of a split without end; where `varied`, each is followed by a variation of it."""
    draw = random.Random(f"{split} {seed}")

    def own(make: Callable[[], Meaning]) -> Meaning:
        while split_of(meaning := make()) != split:
            pass
        return meaning

    while True:
        meaning = own(lambda: draw_meaning(draw, most=clauses))
        yield meaning
        if varied:
            yield own(lambda meaning=meaning: vary(meaning, draw))


def _table(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)
