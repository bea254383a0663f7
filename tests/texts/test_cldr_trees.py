"""Trees of generated sentences: the same text to the letter, one tree each, words that cover it, tags by eye."""

import random
from collections import Counter

import pytest

from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.texts import cldr, schema
from workflow_scripts.texts.cldr.grammar import KINDS, Clause, Meaning, draw_meaning, say
from workflow_scripts.texts.cldr.trees import marking_vocabulary, read_marked
from workflow_scripts.texts.cldr.vocabulary import vocabulary
from workflow_scripts.texts.trees import is_tree

LOCALES = {code: language.cldr or code for code, language in LANGUAGES.items()}


def test_the_corpora_of_labels_hold_the_sentences_of_the_parallel_corpus():
    plain = cldr.parallel("devtest", LOCALES, 40, 0)
    topics, trees = cldr.topics("devtest", LOCALES, 40, 0), cldr.treebank("devtest", LOCALES, 40, 0)
    for table, task in ((topics, "topics"), (trees, "treebank")):
        sentences = table[table["part"] == "sentence"].reset_index(drop=True)
        assert sentences.equals(plain)
        schema.validate(table, task, list(LOCALES), "generated")
    assert set(topics[topics["part"] == "topic"]["text"]) <= set(KINDS)
    assert topics[topics["part"] == "topic"]["text"].tolist() == plain["topic"].tolist()


@pytest.mark.parametrize("locale", LOCALES.values())
def test_every_sentence_is_said_alike_with_marks_and_its_words_are_a_tree(locale):
    draw = random.Random(1)
    for number in range(60):
        meaning = draw_meaning(draw)
        tree = read_marked(say(meaning, marking_vocabulary(locale), other=number % 2 == 1))
        text = say(meaning, vocabulary(locale), other=number % 2 == 1)
        assert tree.text == text
        assert is_tree([word.head + 1 for word in tree.words])
        covered = {place for word in tree.words for place in range(word.start, word.end)}
        assert len(covered) == sum(word.end - word.start for word in tree.words)  # no word overlaps another
        left = {character for place, character in enumerate(text) if place not in covered}
        assert all(character.isspace() or character in "\u200e\u200f" for character in left)
        numbers = [text[word.start : word.end] for word in tree.words if word.tag == "NUM"]
        assert all(any(character.isdigit() for character in number) for number in numbers)


def words_of(meaning, locale):
    """The words of a meaning, each with its tag and the word that is its head."""
    tree = read_marked(say(meaning, marking_vocabulary(locale)))
    forms = [tree.text[word.start : word.end] for word in tree.words]
    return [
        (form, word.tag, forms[word.head] if word.head >= 0 else None)
        for form, word in zip(forms, tree.words, strict=False)
    ]


def test_a_tree_by_eye():
    clauses = (Clause("countries", ("DE", "US", "JP")), Clause("price", (25, "JPY", "FR")))
    assert words_of(Meaning(0, clauses), "en") == [
        ("Monday", "NOUN", None),
        (":", "PUNCT", "Germany"),
        ("Germany", "PROPN", "Monday"),
        (",", "PUNCT", "United"),
        ("United", "PROPN", "Germany"),
        ("States", "PROPN", "United"),
        (",", "PUNCT", "Japan"),
        ("and", "CCONJ", "Japan"),
        ("Japan", "PROPN", "Germany"),
        (";", "PUNCT", "France"),
        ("France", "PROPN", "Germany"),
        (":", "PUNCT", "Japanese"),
        ("25", "NUM", "Japanese"),
        ("Japanese", "NOUN", "France"),
        ("yen", "NOUN", "Japanese"),
        (".", "PUNCT", "Monday"),
    ]


@pytest.mark.parametrize(
    ("locale", "future", "said"),
    [
        ("de", True, [("in", "ADP"), ("3", "NUM"), ("Tagen", "NOUN")]),
        ("en", False, [("3", "NUM"), ("days", "NOUN"), ("ago", "ADV")]),
        ("fr", False, [("il", "ADP"), ("y", "ADP"), ("a", "ADP"), ("3", "NUM"), ("jours", "NOUN")]),
    ],
)
def test_times_relative_to_now_have_their_noun_after_the_number(locale, future, said):
    found = words_of(Meaning(0, (Clause("relative", (3, "day", future, "FR")),)), locale)
    assert [(form, tag) for form, tag, _ in found[-len(said) - 1 : -1]] == said
    noun = next(form for form, tag in said if tag == "NOUN")
    assert {head for _, tag, head in found[-len(said) - 1 : -1] if tag != "NOUN"} == {noun}


def test_all_kinds_of_words_occur():
    trees = cldr.treebank("devtest", {"en": "en"}, 100, 0)
    tags = Counter(" ".join(trees[trees["part"] == "tags"]["text"]).split())
    assert {"NOUN", "PROPN", "NUM", "PUNCT", "CCONJ", "SYM", "ADP"} <= set(tags)
