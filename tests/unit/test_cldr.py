"""The generated corpus: parallel, distinct, in each language's own words, and split by meaning."""

import subprocess
import sys
import unicodedata

import langid
import pytest

from workflow_scripts.lib import cldr
from workflow_scripts.lib.cldr.corpus import SPLITS
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.languages import LANGUAGES

LOCALES = {code: language.cldr or code for code, language in LANGUAGES.items()}
SCRIPTS = {
    **dict.fromkeys(["cs", "de", "en", "es", "fr", "id", "it", "nl", "pl", "pt", "ro", "tr", "vi"], ("LATIN",)),
    **{"th": ("THAI",), "el": ("GREEK",), "he": ("HEBREW",), "hi": ("DEVANAGARI",), "fa": ("ARABIC",)},
    **{"ru": ("CYRILLIC",), "uk": ("CYRILLIC",), "ko": ("HANGUL",), "zh": ("CJK",)},
    "ja": ("KATAKANA", "HIRAGANA", "CJK"),
}


@pytest.fixture(scope="module")
def corpus():
    return cldr.parallel("devtest", LOCALES, 600, 0)


def texts(corpus, language):
    return list(corpus[corpus["lang"] == language]["text"])


def test_every_language_says_the_same_things(corpus):
    ids = [list(rows["id"]) for _, rows in corpus.groupby("lang", sort=False)]
    assert list(corpus["lang"].unique()) == list(LOCALES)
    assert all(others == ids[0] for others in ids)
    assert len(set(ids[0])) == 600


@pytest.mark.parametrize("language", LOCALES)
def test_sentences_are_distinct_and_in_the_script_of_their_language(corpus, language):
    said = texts(corpus, language)
    assert len(set(said)) == len(said)
    letters = [letter for text in said for letter in text if unicodedata.category(letter) in ("Lo", "Lu", "Ll")]
    own = sum(unicodedata.name(letter).startswith(SCRIPTS[language]) for letter in letters)
    assert own / len(letters) > 0.97


def test_no_unit_is_said_by_its_identifier(corpus):
    assert not corpus["text"].str.contains(r"(?:duration|length|mass|volume|speed|power|area)-", regex=True).any()


def test_langid_recognises_the_languages(corpus):
    found = [langid.classify(" ".join(texts(corpus, language)[:20]))[0] == language for language in LOCALES]
    assert sum(found) >= 20


def test_splits_share_no_meaning():
    english = {split: set(texts(cldr.parallel(split, {"en": "en"}, 1_500, 3), "en")) for split in SPLITS}
    splits = list(SPLITS)
    for one in splits:
        for other in splits[splits.index(one) + 1 :]:
            assert not english[one] & english[other]


def test_ten_thousand_meanings_exist_and_more_keep_the_first():
    many = texts(cldr.parallel("train", {"en": "en"}, 10_000, 0), "en")
    assert len(set(many)) == 10_000
    assert texts(cldr.parallel("train", {"en": "en"}, 50, 0), "en") == many[:50]
    assert texts(cldr.parallel("train", {"en": "en"}, 50, 1), "en") != many[:50]


def test_another_process_with_other_hashes_makes_the_same_corpus():
    program = (
        "from workflow_scripts.lib import cldr;"
        "print(cldr.parallel('dev', {'de': 'de', 'ja': 'ja'}, 40, 0).to_csv(index=False))"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert made == {cldr.parallel("dev", {"de": "de", "ja": "ja"}, 40, 0).to_csv(index=False) + "\n"}


def test_paraphrases_say_one_meaning_in_two_ways_among_similar_ones():
    pairs = cldr.paraphrases("test", {"es": "es", "ko": "ko"}, 200, 0).pivot(
        index="id", columns=["lang", "part"], values="text"
    )
    for language in ("es", "ko"):
        assert (pairs[language]["sentence1"] != pairs[language]["sentence2"]).all()
        assert pairs[language]["sentence1"].is_unique
        assert pairs[language]["sentence2"].is_unique
    words = [set(text.split()) for text in pairs["es"]["sentence1"]]
    neighbours = [len(words[row] & words[row + 1]) / len(words[row]) for row in range(0, 200, 2)]
    strangers = [len(words[row] & words[row + 2]) / len(words[row]) for row in range(0, 198, 2)]
    assert sum(neighbours) > 2 * sum(strangers)


def test_translations_mining_and_paragraphs():
    translations = cldr.translation_pairs("tatoeba", {"fr": "fr"}, 20, 0)
    english = cldr.translation_pairs("tatoeba", {"en": "en"}, 20, 0)
    assert list(translations[translations["part"] == "target"]["text"]) == list(english["text"][:20])
    mined = cldr.mining("bucc", {"de": "de"}, 30, 100, 0)
    gold, candidates = (set(mined[mined["part"] == part]["id"]) for part in ("query", "candidates"))
    assert len(gold) == 30
    assert len(candidates) == 100
    assert gold < candidates
    assert (cldr.paragraphs("wikipedia", {"en": "en"}, 30, 0)["text"].str.len() >= 100).all()


def test_what_cldr_lacks_is_refused():
    with pytest.raises(StudyError, match="no generated split nothing; there are train, dev"):
        cldr.parallel("nothing", {"en": "en"}, 1, 0)
    with pytest.raises(StudyError, match=r"CLDR has no locale 'qx'; set languages\.<code>\.cldr"):
        cldr.parallel("dev", {"qx": "qx"}, 1, 0)
