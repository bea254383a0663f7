"""Similarities of languages: those of URIEL as committed, those from texts, and files of them."""

import json
import logging
import lzma
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.kinship import compare_languages, compare_subwords, overlap, uriel
from workflow_scripts.kinship.similarities import URIEL, matrix, of_languages, pairs, read_similarities
from workflow_scripts.texts.schema import write

CODES = [language.iso639_3 for language in LANGUAGES.values()]
TEXTS = {
    "de": ["Der Hund schläft 12 Stunden.", "Ein Haus"],
    "nl": ["De hond slaapt 12 uren.", "een huis"],
    "ja": ["犬は12時間眠る。", "家"],
}


@pytest.fixture
def texts(tmp_path):
    """A parallel data set of two sentences in three languages."""
    rows = [
        {"id": str(number), "lang": language, "part": "sentence", "text": text}
        for language, sentences in TEXTS.items()
        for number, text in enumerate(sentences)
    ]
    write(tmp_path / "texts.parquet", pd.DataFrame(rows))
    return tmp_path / "texts.parquet"


def test_the_committed_table_is_what_the_package_gives():
    committed, computed = read_similarities(URIEL), uriel.similarities(uriel.ALL)
    key = ["measure", "first", "second"]
    assert committed[key].equals(computed[key].astype(committed[key].dtypes))
    assert len(committed) == len(uriel.MEASURES) * 197 * 196 / 2  # seven of 204 are other scripts of one of these
    np.testing.assert_allclose(committed["similarity"], computed["similarity"], rtol=0, atol=2e-6)
    assert b"lang2vec 1.1.2" in lzma.decompress(URIEL.read_bytes())[:500]


def test_similarity_is_the_cosine_of_uriels_vectors():
    found = uriel.similarities(["por", "nld"]).set_index("measure")["similarity"]
    for measure in ("phonological", "genetic"):
        one, other = uriel.vectors(measure, ["por", "nld"])
        assert set(one) == set(other) == {0, 1}
        expected = sum(one * other) / (sum(one**2) * sum(other**2)) ** 0.5
        assert found[measure] == pytest.approx(expected, abs=1e-6)
    with pytest.raises(StudyError, match="no language qaa; give ISO 639-3 codes, or leave them out"):
        uriel.vectors("genetic", ["deu", "qaa"])


def test_another_table_can_be_made_for_other_languages(tmp_path):
    uriel.main([str(tmp_path / "own.csv"), "--languages", "swe", "nob", "deu"])
    table = read_similarities(tmp_path / "own.csv")
    uriel.main([str(tmp_path / "own.csv.xz"), "--languages", "swe", "nob", "deu"])
    assert read_similarities(tmp_path / "own.csv.xz").equals(table)
    syntactic = matrix(table, "syntactic", ["swe", "nob", "deu"])
    assert syntactic[0, 1] > syntactic[0, 2] > 0
    assert np.isnan(np.diag(syntactic)).all()
    # URIEL places Swedish in its family, not Bokmål.
    genetic = matrix(table, "genetic", ["swe", "nob", "deu"])
    assert np.isnan(genetic).tolist() == [[True, True, False], [True, True, True], [False, True, True]]


def test_trigrams_are_of_words_with_their_ends():
    assert overlap.trigrams(["Der  der\tR. x"]) == {" de", "der", "er ", " r.", "r. ", " x "}
    assert overlap.trigrams(["犬は"]) == {" 犬は", "犬は "}
    long = {" " + word + " " for sentence in TEXTS["de"] for word in sentence.lower().split()}
    assert overlap.trigrams(TEXTS["de"]) == {word[start : start + 3] for word in long for start in range(len(word) - 2)}


def test_overlap_is_the_share_of_either_set_that_is_in_both():
    found = overlap.jaccard([{1, 2, 3}, {2, 3, 4, 5}, {6}, set(), set()])
    assert found[0, 1] == found[1, 0] == 2 / 5
    assert found[0, 0] == 1
    assert found[0, 2] == found[0, 3] == 0
    assert np.isnan(found[3, 4])


def test_the_stage_collects_known_similarities_and_trigrams(tmp_path, texts):
    spec = {"languages": ["de", "nl", "ja"], "iso639_3": {"de": "deu", "nl": "nld", "ja": "jpn"}, "part": "sentence"}
    command = ["--texts", str(texts), "--similarity", str(tmp_path / "out.csv")]
    compare_languages.main(["--spec", json.dumps({**spec, "file": None}), *command])
    found = pd.read_csv(tmp_path / "out.csv")
    assert list(found["measure"].unique()) == [*uriel.MEASURES, "trigrams"]
    assert list(zip(found["first"], found["second"], strict=True))[:3] == list(combinations(["de", "nl", "ja"], 2))
    by_key = found.set_index(["measure", "first", "second"])["similarity"]
    assert by_key["syntactic", "de", "nl"] == pytest.approx(0.976, abs=1e-3)
    one, other = (overlap.trigrams(TEXTS[language]) for language in ("de", "nl"))
    assert by_key["trigrams", "de", "nl"] == len(one & other) / len(one | other) > 0


def test_subwords_are_those_of_the_models_own_tokenizer(tmp_path, texts, load):
    model = load("bloom")
    shown = {language: set() for language in TEXTS}
    for language, sentences in TEXTS.items():
        for sentence in sentences:
            shown[language] |= set(model.tokenizer.encode(sentence, add_special_tokens=False))
    assert overlap.subwords(TEXTS["de"], model.tokenizer) == shown["de"]
    from workflow_scripts.models.manifests import write_manifest

    write_manifest(tmp_path / "model.json", model.manifest)
    spec = json.dumps({"languages": list(TEXTS), "part": "sentence"})
    files = ["--model", str(tmp_path / "model.json"), "--texts", str(texts), "--similarity", str(tmp_path / "out.csv")]
    compare_subwords.main(["--spec", spec, *files])
    found = pd.read_csv(tmp_path / "out.csv")
    assert set(found["model"]) == {model.manifest.name}
    expected = [len(shown[a] & shown[b]) / len(shown[a] | shown[b]) for a, b in combinations(TEXTS, 2)]
    assert found["similarity"].tolist() == pytest.approx(expected)


def test_a_language_that_the_table_lacks_is_left_empty_and_named(caplog):
    known = pd.concat([pairs("genetic", ["deu", "nld"], np.array([[1, 0.7], [0.7, 1]]))])
    with caplog.at_level(logging.WARNING):
        found = of_languages(known, {"nl": "nld", "xx": "xxx", "de": "deu"})
    assert "no genetic similarity is known of ['xx']" in caplog.text
    assert found["similarity"].tolist() == pytest.approx([np.nan, 0.7, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("measure,first,second\nlexical,deu,nld\n", "has no column similarity"),
        ("measure,first,second,similarity\nlexical,deu,nld,much\n", "lexical similarity of deu and nld is 'much'"),
        ("measure,first,second,similarity\nlexical,deu,nld,inf\n", "is 'inf'; give a number"),
        ("measure,first,second,similarity\nx,deu,nld,1\nx,nld,deu,1\n", "two x similarities of deu and nld"),
        ("", "is no CSV of similarities"),
        (None, "similarity.file: .* is not there"),
    ],
)
def test_a_bad_table_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "own.csv").write_text(text)
    with pytest.raises(StudyError, match=message):
        read_similarities(tmp_path / "own.csv")


def test_an_own_table_may_have_other_measures_but_not_those_of_texts(tmp_path, texts):
    spec = {"languages": ["de", "nl"], "iso639_3": {"de": "deu", "nl": "nld"}, "part": "sentence"}
    spec["file"] = str(tmp_path / "own.csv")
    command = ["--spec", json.dumps(spec), "--texts", str(texts), "--similarity", str(tmp_path / "out.csv")]
    head = "# of my own\nmeasure,first,second,similarity\n"
    (tmp_path / "own.csv").write_text(f"{head}lexical,nld,deu,0.5\nsyntactic,nld,deu,\n")
    compare_languages.main(command)
    found = pd.read_csv(tmp_path / "out.csv").set_index("measure")["similarity"]
    assert found["lexical"] == 0.5
    assert np.isnan(found["syntactic"])
    (tmp_path / "own.csv").write_text(f"{head}trigrams,nld,deu,0.5\n")
    with pytest.raises(StudyError, match="trigrams is measured on the texts; give that measure another name"):
        compare_languages.main(command)
