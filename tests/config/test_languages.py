"""The languages that are built in: those of FLORES-200, under codes that file names can have."""

import csv
import re

import pytest

from workflow_scripts.config import flores200
from workflow_scripts.config.languages import BUILT_IN, LANGUAGES, TABLE, Language, read_languages
from workflow_scripts.plan.names import ConditionName

# Paper, Table 4, and Simplified Chinese: codes, and what Tatoeba and FLORES-200 call them.
PAPER = """th tha_Thai, cs ces_Latn, de deu_Latn, el ell_Grek, en eng_Latn, fr fra_Latn, he heb_Hebr, hi hin_Deva,
id ind_Latn, it ita_Latn, ja jpn_Jpan, ko kor_Hang, nl nld_Latn, fa pes_Arab, pl pol_Latn, pt por_Latn, ro ron_Latn,
ru rus_Cyrl, es spa_Latn, tr tur_Latn, uk ukr_Cyrl, vi vie_Latn, zh zho_Hans"""


def test_the_languages_of_the_paper_have_their_codes_and_order():
    expected = dict(pair.split() for pair in PAPER.replace("\n", " ").split(", "))
    assert {code: language.flores for code, language in LANGUAGES.items()} == expected
    assert list(LANGUAGES) == list(expected)
    assert (LANGUAGES["zh"].name, LANGUAGES["zh"].iso639_3, LANGUAGES["zh"].cldr) == (
        "Chinese (Simplified)",
        "cmn",
        "zh_Hans",
    )


def test_all_of_flores_is_built_in_once():
    assert len(BUILT_IN) == 204
    for values in ([language.flores for language in BUILT_IN.values()], [each.name for each in BUILT_IN.values()]):
        assert len(set(values)) == 204
    for code, language in BUILT_IN.items():
        assert re.fullmatch("[a-z]{2,3}|[a-z]{7}", code)
        # So that the codes are found again in the names of conditions.
        assert ConditionName.parse(str(ConditionName(code, "expert", "max", 100))).target == code
        assert len(code) != 7 or code == language.flores.replace("_", "").lower()


# What the sources say of some languages, looked up by hand: ISO 639-1 of the language or of its macrolanguage,
# ISO 639-3, script (ISO 15924) and Glottolog's family.
@pytest.mark.parametrize(
    ("code", "name", "iso639_3", "script", "family"),
    [
        ("sv", "Swedish", "swe", "Latn", "Indo-European"),
        ("ar", "Arabic", "arb", "Arab", "Afro-Asiatic"),
        ("arblatn", "Arabic (Latin)", "arb", "Latn", "Afro-Asiatic"),
        ("sw", "Swahili", "swh", "Latn", "Atlantic-Congo"),
        ("zhohant", "Chinese (Traditional)", "cmn", "Hant", "Sino-Tibetan"),
        ("ace", "Acehnese", "ace", "Latn", "Austronesian"),
        ("acearab", "Acehnese (Arabic)", "ace", "Arab", "Austronesian"),
        ("nb", "Norwegian Bokmål", "nob", "Latn", "Indo-European"),
        ("eu", "Basque", "eus", "Latn", None),
        ("qu", "Ayacucho Quechua", "quy", "Latn", "Quechuan"),
        ("ajp", "South Levantine Arabic", "ajp", "Arab", "Afro-Asiatic"),
        ("ka", "Georgian", "kat", "Geor", "Kartvelian"),
        ("tzm", "Central Atlas Tamazight", "tzm", "Tfng", "Afro-Asiatic"),
    ],
)
def test_a_language_is_called_as_its_sources_call_it(code, name, iso639_3, script, family):
    language = BUILT_IN[code]
    assert (language.name, language.iso639_3, language.script, language.family) == (name, iso639_3, script, family)


def test_the_table_is_what_its_script_makes(tmp_path):
    """Of the codes of FLORES-200 that are in it, by the packages that the tests require."""
    (tmp_path / "dev").mkdir()
    for language in BUILT_IN.values():
        (tmp_path / f"dev/{language.flores}.dev").touch()
    flores200.main([str(tmp_path / "dev"), str(tmp_path / "made.csv")])
    assert read_languages(tmp_path / "made.csv") == BUILT_IN
    made, written = ((path.read_text().splitlines()) for path in (tmp_path / "made.csv", TABLE))
    assert made == written
    assert next(csv.reader(line for line in written if not line.startswith("#"))) == flores200.COLUMNS


def test_other_data_sets_may_have_other_names():
    assert BUILT_IN["zh"].flores_plus == "cmn_Hans"
    assert BUILT_IN["ar"].tatoeba_code == "ara" and BUILT_IN["fa"].tatoeba_code == "pes"
    assert Language(name="Valencian", iso639_3="cat", flores="cat_Latn_vale1252").script == "Latn"
