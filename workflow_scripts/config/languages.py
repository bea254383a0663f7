"""The languages known by name: the 22 of the paper's Table 4 and Simplified Chinese.

Others are added under `languages:` in the config (docs/adding.md).
"""

from pydantic import BaseModel, ConfigDict, Field


class Language(BaseModel):
    """One language and what the data sets call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="English name, as shown in tables and figures.")
    iso639_3: str = Field(pattern=r"^[a-z]{3}$", description="ISO 639-3 code, as Tatoeba's file names have it.")
    flores: str = Field(pattern=r"^[a-z]{3}_[A-Z][a-z]{3}$", description="FLORES-200 code, like spa_Latn.")
    cldr: str | None = Field(None, description="CLDR locale for the generated corpus; the two-letter code if absent.")

    @property
    def treebank(self) -> str:
        """What the treebanks of Universal Dependencies call it, like Chinese."""
        return self.name.partition(" (")[0].replace(" ", "_")


def _language(name: str, iso639_3: str, script: str, flores: str | None = None, cldr: str | None = None) -> Language:
    return Language(name=name, iso639_3=iso639_3, flores=f"{flores or iso639_3}_{script}", cldr=cldr)


# Paper, Table 4, in its order; Persian is `pes` and Chinese `cmn` in Tatoeba, `zho_Hans` in FLORES-200.
LANGUAGES: dict[str, Language] = {
    "th": _language("Thai", "tha", "Thai"),
    "cs": _language("Czech", "ces", "Latn"),
    "de": _language("German", "deu", "Latn"),
    "el": _language("Greek", "ell", "Grek"),
    "en": _language("English", "eng", "Latn"),
    "fr": _language("French", "fra", "Latn"),
    "he": _language("Hebrew", "heb", "Hebr"),
    "hi": _language("Hindi", "hin", "Deva"),
    "id": _language("Indonesian", "ind", "Latn"),
    "it": _language("Italian", "ita", "Latn"),
    "ja": _language("Japanese", "jpn", "Jpan"),
    "ko": _language("Korean", "kor", "Hang"),
    "nl": _language("Dutch", "nld", "Latn"),
    "fa": _language("Persian", "pes", "Arab"),
    "pl": _language("Polish", "pol", "Latn"),
    "pt": _language("Portuguese", "por", "Latn"),
    "ro": _language("Romanian", "ron", "Latn"),
    "ru": _language("Russian", "rus", "Cyrl"),
    "es": _language("Spanish", "spa", "Latn"),
    "tr": _language("Turkish", "tur", "Latn"),
    "uk": _language("Ukrainian", "ukr", "Cyrl"),
    "vi": _language("Vietnamese", "vie", "Latn"),
    "zh": _language("Chinese (Simplified)", "cmn", "Hans", flores="zho", cldr="zh_Hans"),
}
