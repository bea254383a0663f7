"""How texts are written: n-gram models against the definition in loops, and what garbled and repeated text gives."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.sweeps.fluency import CharacterModel, distinct_trigrams, ngram_log_perplexity

ANY_TEXT = st.text(alphabet="ab c", max_size=12)


def witten_bell(texts, order, context, character):
    """The definition, level by level from no context at all, from what followed each context."""
    followed = defaultdict(list)
    for text in texts:
        for at in range(len(text)):
            for length in range(min(at, order - 1) + 1):
                followed[text[at - length : at]].append(text[at])
    probability = 1 / (len(set(followed[""])) + 1)
    for length in range(len(context) + 1):
        after = followed[context[len(context) - length :]]
        if after:
            kinds = len(set(after))
            probability = (after.count(character) + kinds * probability) / (len(after) + kinds)
    return probability


@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4), text=st.text(alphabet="abx ", min_size=1, max_size=6))
def test_probabilities_follow_the_definition_and_sum_to_one(texts, text):
    texts = ["a", *(" ".join(each.split()) for each in texts)]
    model, text = CharacterModel(texts, order=3), " ".join(text.split())
    for at, found in enumerate(model.log_probabilities(text)):
        context = text[max(0, at - 2) : at]
        assert math.exp(found) == pytest.approx(witten_bell(texts, 3, context, text[at]))
        seen = sorted(set("".join(texts)))
        unseen = model.probability(context, "\0")  # all others together
        assert sum(model.probability(context, each) for each in seen) + unseen == pytest.approx(1)


REAL = [
    "The cat sleeps on the warm roof of the house.",
    "A dog runs through the garden and the cat watches it.",
    "In the evening the house is warm, and the dog sleeps as well.",
    "The garden of the house has a warm wall on which the cat sits.",
]


def test_garbled_text_and_another_language_are_less_probable_than_real_text_and_repetition_is_less_diverse():
    model = CharacterModel(REAL[:3])
    garbled = ["".join(np.random.default_rng(0).permutation(list(REAL[3])))]
    texts = [REAL[3:], garbled, ["猫は暖かい屋根の上で眠っています。"]]
    real, *others = (ngram_log_perplexity(model, each) for each in texts)
    assert real < others[0] < others[1]
    repeated = ["The cat sleeps on the warm roof. " * 3]
    assert ngram_log_perplexity(model, repeated) < real  # so the share of distinct trigrams is needed beside it
    assert distinct_trigrams(repeated) < 0.5 < distinct_trigrams(REAL[3:])


def test_the_mean_is_over_characters_of_all_texts():
    model = CharacterModel(REAL)
    texts = ["the cat", "the cat", "x", ""]
    logs = [log for text in texts for log in model.log_probabilities(text)]
    assert len(logs) == 15
    assert ngram_log_perplexity(model, texts) == pytest.approx(-np.mean(logs))
    assert math.isnan(ngram_log_perplexity(model, ["", " \n"]))


def test_so_many_characters_are_read_and_white_space_is_one_space():
    assert CharacterModel(["ab\n\tab", "zzz"], characters=4).log_probabilities("a  b z") == CharacterModel(
        ["ab a"]
    ).log_probabilities("a b z")
    with pytest.raises(ValueError, match="no text"):
        CharacterModel([" ", ""])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a b c", "a b c d"], 2 / 3),
        (["la la la la la"], 1 / 3),
        (["a b"], math.nan),
        (["no, no, no"], 2 / 3),  # "no , no", ", no ,", "no , no"
        (["猫は猫は猫"], 2 / 3),
        (["แมวแมว"], 3 / 4),
    ],
)
def test_distinct_trigrams(texts, expected):
    assert distinct_trigrams(texts) == pytest.approx(expected, nan_ok=True)
