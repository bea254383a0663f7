"""The generated corpus: parallel, distinct, in each language's own words, and split by meaning."""

import subprocess
import sys
import unicodedata

import langid
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts import cldr
from workflow_scripts.texts.cldr import vocabulary
from workflow_scripts.texts.cldr.corpus import SENTENCES_IN_A_PARAGRAPH, SPLITS

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


def share_in_script(text, language):
    """Share of the letters that are of the language's script."""
    letters = [letter for letter in text if unicodedata.category(letter) in ("Lo", "Lu", "Ll")]
    return sum(unicodedata.name(letter).startswith(SCRIPTS[language]) for letter in letters) / len(letters)


@pytest.mark.parametrize("language", LOCALES)
def test_sentences_are_distinct_and_in_the_script_of_their_language(corpus, language):
    said = texts(corpus, language)
    assert len(set(said)) == len(said)
    assert all(text == text.strip() and len(text) > 10 for text in said)
    assert share_in_script("".join(said), language) > 0.97


@pytest.mark.parametrize("language", LOCALES)
def test_months_and_days_are_in_the_script_of_their_language(language):
    words = vocabulary.vocabulary(LOCALES[language])
    months, days = [words.month(number) for number in range(1, 13)], [words.weekday(number) for number in range(7)]
    assert len(set(months)) == 12
    assert len(set(days)) == 7
    assert {share_in_script(name, language) for name in months + days} == {1.0}


def test_every_name_is_a_name_and_no_other_code_has_it():
    kinds = {
        "territory": vocabulary.territories(),
        "language": vocabulary.languages(),
        "currency": vocabulary.currencies(),
    }
    for kind, codes in kinds.items():
        assert len(codes) >= 40, kind
        for words in vocabulary.built_in():
            names = [getattr(words, kind)(code) for code in codes]
            assert len(set(names)) == len(names)
            assert not set(names) & set(codes)


def test_names_are_those_that_people_use():
    """Words of each kind, from general knowledge, in languages of three scripts."""
    german, russian, japanese = (vocabulary.vocabulary(code) for code in ("de", "ru", "ja"))
    assert (german.territory("JP"), russian.territory("JP"), japanese.territory("JP")) == ("Japan", "Япония", "日本")
    assert (german.month(3), russian.month(3), japanese.month(3)) == ("März", "марта", "3月")
    assert (german.weekday(0), russian.weekday(0), japanese.weekday(6)) == ("Montag", "понедельник", "日曜日")
    assert german.measure(1200, "length-kilometer") == "1.200 Kilometer"
    assert [russian.measure(number, "duration-hour") for number in (1, 2, 5)] == ["1 час", "2 часа", "5 часов"]
    assert german.all_of(["a", "b", "c"]) == "a, b und c"
    assert german.either(["a", "b"]) == "a oder b"
    assert german.relative(3, "day", future=True) == "in 3 Tagen"
    assert german.relative(3, "day", future=False) == "vor 3 Tagen"


def test_no_language_falls_back_to_english(corpus):
    english = set(texts(corpus, "en"))
    for language in set(LOCALES) - {"en"}:
        assert not english & set(texts(corpus, language)), language


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


@given(st.sampled_from(list(SPLITS)), st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**31))
def test_a_larger_corpus_begins_with_the_smaller(split, few, more, seed):
    for make in (cldr.parallel, cldr.paraphrases, cldr.translation_pairs, cldr.paragraphs):
        smaller, larger = (make(split, {"en": "en"}, count, seed) for count in (few, few + more))
        first = larger[larger.groupby("part").cumcount() < few].reset_index(drop=True)
        assert smaller.equals(first)


@pytest.mark.parametrize("clauses", [1, 2, 3])
def test_a_sentence_has_as_many_clauses_as_are_asked_for_at_most(clauses):
    separators = [text.count(";") for text in texts(cldr.parallel("dev", {"en": "en"}, 60, 0, clauses), "en")]
    assert max(separators) == clauses - 1


def test_other_languages_change_nothing(corpus):
    alone = cldr.parallel("devtest", {"zh": "zh_Hans", "de": "de"}, 50, 0)
    assert texts(alone, "de") == texts(corpus, "de")[:50]


def test_another_process_with_other_hashes_makes_the_same_corpus():
    program = (
        "from workflow_scripts.texts import cldr;"
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


def test_translations_and_mining():
    translations = cldr.translation_pairs("tatoeba", {"fr": "fr"}, 20, 0)
    english = cldr.translation_pairs("tatoeba", {"en": "en"}, 20, 0)
    assert list(translations[translations["part"] == "target"]["text"]) == list(english["text"][:20])
    mined = cldr.mining("bucc", {"de": "de"}, 30, 100, 0)
    gold, candidates = (set(mined[mined["part"] == part]["id"]) for part in ("query", "candidates"))
    assert len(gold) == 30
    assert len(candidates) == 100
    assert gold < candidates


def test_queries_are_translated_by_the_candidate_of_their_id():
    mined = cldr.mining("bucc", {"en": "en"}, 20, 100, 0).pivot(index="id", columns="part", values="text")
    queries = mined.dropna()
    assert len(queries) == 20
    assert (queries["query"] == queries["candidates"]).all()
    assert list(queries.index) != sorted(mined.index)[:20]


def test_paragraphs_are_long_enough_for_perplexity_in_every_language(corpus):
    paragraphs = cldr.paragraphs("wikipedia", LOCALES, 50, 0)
    assert list(paragraphs.groupby("lang").size().unique()) == [50]
    assert (paragraphs["text"].str.len() >= 100).all()
    assert corpus["text"].str.len().min() * SENTENCES_IN_A_PARAGRAPH >= 100


def test_what_cldr_lacks_is_refused():
    with pytest.raises(StudyError, match="no generated split nothing; there are train, dev"):
        cldr.parallel("nothing", {"en": "en"}, 1, 0)
    with pytest.raises(StudyError, match=r"CLDR has no locale 'qx'; set languages\.<code>\.cldr"):
        cldr.parallel("dev", {"qx": "qx"}, 1, 0)
