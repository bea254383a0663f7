"""Table 4, for the languages of the paper."""

import json

import pandas as pd
import pytest

from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.tables import layout, table_languages

# Paper, Table 4.
PUBLISHED = """Thai th tha, Czech cs ces, German de deu, Greek el ell, English en eng, French fr fra, Hebrew he heb,
Hindi hi hin, Indonesian id ind, Italian it ita, Japanese ja jpn, Korean ko kor, Dutch nl nld, Persian fa pes,
Polish pl pol, Portuguese pt por, Romanian ro ron, Russian ru rus, Spanish es spa, Turkish tr tur, Ukrainian uk ukr,
Vietnamese vi vie"""
TARGETS = ["en", "de", "fr", "es", "ja"]
BLOOM = ["en", "es", "fr", "pt", "hi", "id", "vi"]


@pytest.fixture
def written(tmp_path):
    """The table of the paper's languages, Chinese and Cantonese, by the stage; the paths of its files."""
    languages = [
        {
            "code": code,
            **language.model_dump(include={"name", "iso639_3", "flores"}),
            "roles": ["probing"]
            if code == "zh"
            else ["candidate", *(["probing", "target"] if code in TARGETS else [])],
        }
        for code, language in LANGUAGES.items()
    ]
    languages.append({"code": "yue", "name": "Cantonese", "iso639_3": "yue", "flores": "yue_Hant", "roles": []})
    models = [{"name": "bloom-7b", "label": "Bloom-7B", "seen": BLOOM}, {"name": "mine", "label": "Mine_1"}]
    files = {name: tmp_path / f"table4.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    table_languages.main(["--spec", json.dumps({"languages": languages, "models": models}), *options])
    return files


def test_names_and_codes_are_the_published_ones(written):
    table = pd.read_csv(written["csv"]).iloc[:22]
    assert list(table["number"]) == list(range(1, 23))
    codes = table[["language", "iso639_1", "iso639_3"]].agg(" ".join, axis=1)
    assert list(codes) == PUBLISHED.replace("\n", " ").split(", ")


def test_roles_and_what_was_seen_are_told_of_each_language(written):
    table = pd.read_csv(written["csv"]).set_index("language")
    columns = ["number", "iso639_1", "iso639_3", "flores200", "role", "seen_bloom-7b", "seen_mine"]
    assert list(table.columns) == columns
    assert table.loc["German", "role"] == "target, probing, candidate"
    assert table.loc["Chinese (Simplified)", "role"] == "probing"
    assert table.loc["Thai", "role"] == "candidate"
    assert table.loc["Chinese (Simplified)", "flores200"] == "zho_Hans"
    assert set(table.index[table["seen_bloom-7b"].eq(True)]) == {LANGUAGES[code].name for code in BLOOM}
    assert table["seen_mine"].all()


def test_of_a_language_that_is_no_candidate_it_is_known_only_of_models_that_have_seen_all(written):
    table = pd.read_csv(written["csv"]).set_index("iso639_1")
    assert set(table.index[table["seen_bloom-7b"].isna()].dropna()) == {"zh"}
    cells = {row[3].text: [cell.text for cell in row] for row in layout.read(written["json"]).rows}
    assert cells["cmn"][-2:] == ["–", "yes"]


def test_the_shown_table_says_yes_and_no_under_one_header(written):
    shown = layout.read(written["json"])
    assert [column.text for column in shown.columns[-2:]] == ["Bloom-7B", "Mine_1"]
    assert {column.group for column in shown.columns[-2:]} == {"Seen in pre-training"}
    cells = {row[1].text: [cell.text for cell in row] for row in shown.rows}
    assert cells["Czech"] == ["2", "Czech", "cs", "ces", "ces_Latn", "candidate", "no", "yes"]
    assert cells["Cantonese"][2] == "–"
    assert r"\# & Language" in written["latex"].read_text()
    assert "probing: positive or negative sentences" in written["markdown"].read_text()
