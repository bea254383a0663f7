"""The languages of FLORES-200 as a table, made once: `flores200.csv` beside this file.

What a language is called comes from Unicode CLDR (through Babel), in which script it is usually written, too (CLDR's likely
subtags), and the two-letter code that stands for it (CLDR's aliases: `swh` is `sw`, `arb` is `ar`). Its family is the
largest group of Glottolog that URIEL puts it in; URIEL's data come with the package lang2vec. What none of them says is
in the tables of this file. Run, with the requirements of the tests, as

    python -m workflow_scripts.config.flores200 flores200_dataset/dev workflow_scripts/config/flores200.csv
"""

import argparse
import csv
import io
from importlib.metadata import distribution
from pathlib import Path

from workflow_scripts.jobs.files import write_text

COLUMNS = ["code", "name", "iso639_3", "flores", "family", "flores_plus", "tatoeba", "cldr"]
HEADER = """\
# The languages of FLORES-200 (NLLB Team 2022), by the codes that configs have for them. Names, usual scripts and two-letter
# codes: Unicode CLDR through Babel {babel} (Unicode License). Families: Glottolog's, by URIEL and lang2vec {lang2vec}
# (CC BY-SA 4.0). flores_plus and tatoeba: what these call the language, where it is another code than in FLORES-200 and
# another than iso639_3; cldr: the locale, where it is another than the code. Written by
# python -m workflow_scripts.config.flores200
"""
# Names that CLDR lacks, by ISO 639-3: those of ISO 639-3 itself.
NAMES = {
    "acm": "Mesopotamian Arabic",
    "acq": "Ta'izzi-Adeni Arabic",
    "ajp": "South Levantine Arabic",
    "apc": "North Levantine Arabic",
    "azb": "South Azerbaijani",
    "cjk": "Chokwe",
    "fuv": "Nigerian Fulfulde",
    "hne": "Chhattisgarhi",
    "kbp": "Kabiyè",
    "pbt": "Southern Pashto",
    "prs": "Dari",
    "quy": "Ayacucho Quechua",
    "taq": "Tamasheq",
    "tgl": "Tagalog",
    "twi": "Twi",
}
# Usual scripts of languages that FLORES-200 has in one script alone, and CLDR in another, or calls otherwise.
SCRIPTS = {"crh": "Latn", "kor": "Hang", "prs": "Arab", "tzm": "Tfng", "taq": "Latn", "kas": "Arab", "zho": "Hans"}
# ISO 639-3 of what FLORES-200 calls by a macrolanguage, and what FLORES+ 4.6 calls the languages whose code it changed.
ISO639_3 = {"zho_Hans": "cmn", "zho_Hant": "cmn"}
FLORES_PLUS = {
    "ajp_Arab": "apc_Arab_sout3123",
    "aka_Latn": "twi_Latn_akua1239",
    "apc_Arab": "apc_Arab_nort3139",
    "est_Latn": "ekk_Latn",
    "grn_Latn": "gug_Latn",
    "kon_Latn": "ktu_Latn",
    "tgl_Latn": "fil_Latn",
    "twi_Latn": "twi_Latn_asan1239",
    "tzm_Tfng": "zgh_Tfng",
    "zho_Hans": "cmn_Hans",
    "zho_Hant": "cmn_Hant",
}
# What Tatoeba's bitext test of LASER calls by a macrolanguage.
TATOEBA = {
    "arb_Arab": "ara",
    "azj_Latn": "aze",
    "als_Latn": "sqi",
    "khk_Cyrl": "mon",
    "kmr_Latn": "kur",
    "uzn_Latn": "uzb",
    "ydd_Hebr": "yid",
}
# Two-letter codes, of the language itself or of the macrolanguage whose only member in FLORES-200 it is, where CLDR's alias
# is another.
SHORT = {"fuv": "ff", "pbt": "ps", "quy": "qu", "tgl": "tl", "twi": "tw"}
LOCALES = {"tgl_Latn": "fil", "twi_Latn": "ak", "tzm_Tfng": "zgh"}
# Whose family is known to URIEL by another code.
FAMILIES = {"ltg": "lav", "lvs": "lav", "nno": "nor", "nob": "nor", "twi": "aka"}
CHINESE = {"Hans": "Simplified", "Hant": "Traditional"}  # CLDR says "Simplified Han"


def rows(flores: list[str]) -> list[dict[str, str]]:
    """Return a row per language, with the columns `COLUMNS`, given the codes of FLORES-200."""
    from babel.core import Locale, get_global
    from babel.localedata import locale_identifiers

    english, aliases, likely = Locale("en"), get_global("language_aliases"), get_global("likely_subtags")
    families = _families()
    made = []
    for code in sorted(flores):
        language, script = code.split("_")
        iso639_3, alias = ISO639_3.get(code, language), aliases.get(language, language)
        short = SHORT.get(language) or (alias if len(alias) == 2 else language)
        usual = SCRIPTS.get(language) or (likely.get(alias) or likely[language]).split("_")[1]
        name = NAMES.get(language) or english.languages.get(language) or english.languages[alias]
        if language == "zho":
            name += f" ({CHINESE[script]})"
        elif script != usual:
            name += f" ({english.scripts[script]})"
        chosen = short if script == usual else code.replace("_", "").lower()
        locale = short if script == usual and language != "zho" else f"{short}_{script}"
        locale = LOCALES.get(code, locale if locale in locale_identifiers() else chosen)
        made.append(
            {
                "code": chosen,
                "name": name,
                "iso639_3": iso639_3,
                "flores": code,
                "family": families.get(FAMILIES.get(iso639_3, iso639_3), ""),
                "flores_plus": FLORES_PLUS.get(code, ""),
                "tatoeba": TATOEBA.get(code, ""),
                "cldr": locale if locale != chosen else "",
            }
        )
    return made


def _families() -> dict[str, str]:
    """The largest group of Glottolog that each language of URIEL is in, by ISO 639-3; none of isolates."""
    import numpy as np

    path = distribution("lang2vec").locate_file("lang2vec/data/family_features.npz")
    with np.load(path, allow_pickle=False) as database:
        member = database["data"][:, :, 0] == 1
        names = [str(name).removeprefix("F_") for name in database["feats"]]
        languages = [str(code) for code in database["langs"]]
    largest = np.argmax(member * member.sum(axis=0), axis=1)
    return {code: names[largest[row]] for row, code in enumerate(languages) if member[row].any()}


def main(command: list[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the files of FLORES-200's dev")
    parser.add_argument("csv", type=Path, help="written: the table")
    options = parser.parse_args(command)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows([path.stem for path in options.folder.glob("*.dev")]))
    versions = {name.lower(): distribution(name).version for name in ("Babel", "lang2vec")}
    write_text(options.csv, HEADER.format(**versions) + text.getvalue())


if __name__ == "__main__":
    main()
