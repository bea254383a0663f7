"""The languages known by code: those of FLORES-200, from the table flores200.csv beside this file.

Others are added under `languages:` in the config (docs/adding.md).
"""

import csv
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

TABLE = Path(__file__).with_name("flores200.csv")


class Language(BaseModel):
    """One language and what the data sets call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="English name, as shown in tables and figures.")
    iso639_3: str = Field(pattern=r"^[a-z]{3}$", description="ISO 639-3 code.")
    flores: str = Field(
        pattern=r"^[a-z]{3}_[A-Z][a-z]{3}(_[a-z0-9]+)?$",
        description="FLORES-200 code, like spa_Latn, or the FLORES+ code of a dialect, like apc_Arab_nort3139.",
    )
    cldr: str | None = Field(None, description="CLDR locale of generated texts; null: the code of the language.")
    family: str | None = Field(None, description="Top-level family in Glottolog; null: the language is an isolate.")
    flores_plus: str | None = Field(None, description="FLORES+ code; null: it is the FLORES-200 code.")
    tatoeba: str | None = Field(None, description="Code in the file names of Tatoeba, like ara; null: it is iso639_3.")

    @property
    def script(self) -> str:
        """Return the ISO 15924 code of its script, like Latn."""
        return self.flores.split("_")[1]

    @property
    def tatoeba_code(self) -> str:
        """Return what Tatoeba's file names call it."""
        return self.tatoeba or self.iso639_3

    @property
    def treebank(self) -> str:
        """Return what the treebanks of Universal Dependencies call it, like Chinese."""
        return self.name.partition(" (")[0].replace(" ", "_")


def read_languages(path: Path) -> dict[str, Language]:
    """Read a table of languages, by their codes; columns are those of `Language` and `code`, empty where absent."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {row.pop("code"): Language(**{key: value or None for key, value in row.items()}) for row in rows}


# Every language of FLORES-200, by its two-letter code (ISO 639-1), else its ISO 639-3 code; where it is not in its usual
# script by its FLORES-200 code in small letters without the underscore.
BUILT_IN = read_languages(TABLE)

# Those of the paper's Table 4, in its order, and Simplified Chinese.
LANGUAGES = {
    code: BUILT_IN[code]
    for code in (
        *("th", "cs", "de", "el", "en", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "fa", "pl", "pt", "ro", "ru"),
        *("es", "tr", "uk", "vi", "zh"),
    )
}
