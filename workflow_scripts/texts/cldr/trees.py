"""Dependency trees of generated sentences: parts of speech and heads, by the grammar that says them.

A vocabulary that marks what it says has the grammar write the brackets of its own derivation around the same text:
every name, number and date is a phrase, and so are lists and clauses. Inside a phrase of phrases the first is the head
of the others, as conjuncts have it in Universal Dependencies; conjunctions and punctuation depend on the phrase that
they precede. Inside a name or a quantity, the first word that carries its part of speech is the head of the rest.
"""

import unicodedata
from dataclasses import dataclass, field
from functools import cache

from workflow_scripts.texts.cldr.vocabulary import Vocabulary

# Marks of where a phrase begins and what its words are, from the private-use area, which CLDR has no text in.
NAME, THING, TIME, PHRASE, END = "\ue000\ue001\ue002\ue003\ue004"
WORDS = {NAME: "PROPN", THING: "NOUN", TIME: "NOUN", PHRASE: "CCONJ"}  # parts of speech of the words in a phrase
INSIDE_WORDS = "'’‐-·\u200c\u200d"  # between two letters
INSIDE_NUMBERS = ".,:٫٬’\u00a0\u202f"  # between two digits


class MarkingVocabulary(Vocabulary):
    """Says the same, with marks around it."""

    def territory(self, code: str) -> str:
        return NAME + super().territory(code) + END

    def language(self, code: str) -> str:
        return NAME + super().language(code) + END

    def currency(self, code: str) -> str:
        return THING + super().currency(code) + END

    def amount(self, number: int, currency: str) -> str:
        return THING + super().amount(number, currency) + END

    def price(self, number: int, currency: str) -> str:
        return THING + super().price(number, currency) + END

    def measure(self, number: int, unit: str) -> str:
        return THING + super().measure(number, unit) + END

    def percent(self, number: int) -> str:
        return THING + super().percent(number) + END

    def date(self, day, style: str) -> str:
        return THING + super().date(day, style) + END

    def time(self, minute: int) -> str:
        return THING + super().time(minute) + END

    def month(self, number: int) -> str:
        return THING + super().month(number) + END

    def weekday(self, number: int) -> str:
        return THING + super().weekday(number) + END

    def relative(self, number: int, unit: str, future: bool) -> str:
        return TIME + super().relative(number, unit, future) + END

    def either(self, items: list[str]) -> str:
        return PHRASE + super().either(items) + END

    def all_of(self, items: list[str]) -> str:
        return PHRASE + super().all_of(items) + END

    def phrase(self, text: str) -> str:
        return PHRASE + text + END


@cache
def marking_vocabulary(identifier: str) -> MarkingVocabulary:
    """Return the marking vocabulary of a locale, read once."""
    return MarkingVocabulary(identifier)


@dataclass
class Word:
    """A word of a sentence."""

    start: int
    end: int
    tag: str
    head: int = -1  # index of its head


@dataclass
class GeneratedTree:
    """A sentence and its words; `spans`, `tags` and `heads` are as a treebank's parts have them."""

    text: str
    words: list[Word]

    @property
    def spans(self) -> str:
        """Return where the words begin and end, separated by spaces."""
        return " ".join(f"{word.start}:{word.end}" for word in self.words)

    @property
    def tags(self) -> str:
        """Return their parts of speech."""
        return " ".join(word.tag for word in self.words)

    @property
    def heads(self) -> str:
        """Return the numbers of their heads, from 1; 0 is that of the root."""
        return " ".join(str(word.head + 1) for word in self.words)


@dataclass
class _Phrase:
    """A phrase that is being read."""

    mark: str
    head: int | None = None  # index of the word that is its head
    waiting: list[int] = field(default_factory=list)  # words that depend on what comes next


def read_marked(marked: str) -> GeneratedTree:
    """Return the text without its marks, and the tree that they say."""
    tree = GeneratedTree("", [])
    open_phrases = [_Phrase(PHRASE)]
    literal = ""
    for character in [*marked, END]:
        if character not in (*WORDS, END):
            literal += character
            continue
        _add_words(tree, literal, open_phrases[-1])
        literal = ""
        if character != END:
            open_phrases.append(_Phrase(character))
            continue
        closed = open_phrases.pop()
        for word in closed.waiting:
            tree.words[word].head = closed.head
        if open_phrases:
            _attach(tree, closed.head, open_phrases[-1])
    return tree


def _attach(tree: GeneratedTree, head: int, phrase: _Phrase) -> None:
    """Let a phrase of phrases know the head of its next part."""
    for word in phrase.waiting:
        tree.words[word].head = head
    phrase.waiting.clear()
    if phrase.head is None:
        phrase.head = head
    else:
        tree.words[head].head = phrase.head


def _add_words(tree: GeneratedTree, literal: str, phrase: _Phrase) -> None:
    """Add the words of a literal text, which are all of a phrase, or stand between the parts of a phrase of phrases."""
    first = len(tree.words)
    offset = len(tree.text)
    tree.text += literal
    tree.words += [Word(offset + start, offset + end, tag) for start, end, tag in _words(literal, phrase.mark)]
    added = range(first, len(tree.words))
    if phrase.mark == PHRASE:
        phrase.waiting += added
    elif added:
        of_its_kind = [word for word in added if tree.words[word].tag == WORDS[phrase.mark]]
        spoken = [word for word in added if tree.words[word].tag != "PUNCT"]
        phrase.head = (of_its_kind or spoken or list(added))[0]
        phrase.waiting = [word for word in added if word != phrase.head]


def _words(text: str, mark: str) -> list[tuple[int, int, str]]:
    """Start, end and part of speech of the words of a text: runs of letters, numbers, and every sign by itself."""
    found: list[tuple[int, int, str]] = []
    before = ""
    for place in range(len(text)):
        kind = _kind(text, place)
        if kind == before and kind in ("LETTERS", "NUM"):
            found[-1] = (found[-1][0], place + 1, kind)
        elif kind:
            found.append((place, place + 1, kind))
        before = kind
    letters = [number for number, (_, _, kind) in enumerate(found) if kind == "LETTERS"]
    tags = dict.fromkeys(letters, WORDS[mark])
    if mark == TIME:
        # In 3 days, 3 days ago: the noun follows the number; a dual has none, and stands last.
        numbers = [number for number, (_, _, kind) in enumerate(found) if kind == "NUM"]
        noun = next((word for word in letters if numbers and word > numbers[0]), letters[-1])
        tags |= {word: "ADP" if word < noun else "ADV" for word in letters if word != noun}
    return [(start, end, tags.get(number, kind)) for number, (start, end, kind) in enumerate(found)]


def _kind(text: str, place: int) -> str:
    """What a character belongs to; nothing for a space, or for a mark of direction."""
    category = unicodedata.category(text[place])
    if category[0] in "LM":
        return "LETTERS"
    if category[0] == "N":
        return "NUM"
    sides = [unicodedata.category(other)[0] for other in text[max(0, place - 1) : place] + text[place + 1 : place + 2]]
    if text[place] in INSIDE_NUMBERS and sides == ["N", "N"]:
        return "NUM"
    if text[place] in INSIDE_WORDS and len(sides) == 2 and set(sides) <= {"L", "M"}:
        return "LETTERS"
    if category[0] in "ZC":
        return ""
    return "SYM" if category[0] == "S" or text[place] in "%٪" else "PUNCT"
