"""The `datasets` section: where texts come from and how their files are laid out."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from workflow_scripts.config.fields import REPOSITORY, PathName, Section, Seed
from workflow_scripts.config.languages import BUILT_IN, LANGUAGES, Language
from workflow_scripts.jobs.errors import StudyError

Task = Literal["parallel", "paraphrase", "translation", "mining", "paragraphs", "topics", "treebank"]
TASKS: dict[str, Task] = {
    "flores200": "parallel",
    "lines": "parallel",
    "table": "parallel",
    "paws-x": "paraphrase",
    "tatoeba": "translation",
    "bucc2018": "mining",
    "wikipedia": "paragraphs",
    "sib200": "topics",
    "ud-pud": "treebank",
}
# The sets of sentences that a language has in a data set of each task.
PARTS: dict[Task, list[str]] = {
    "parallel": ["sentence"],
    "paraphrase": ["sentence1", "sentence2"],
    "translation": ["source", "target"],
    "mining": ["query", "candidates"],
    "paragraphs": ["paragraph"],
    "topics": ["sentence"],
    "treebank": ["sentence"],
}
# What is said of each sentence, in further parts; of a treebank for each of its words, separated by spaces: the first
# character and the one after the last, the universal part-of-speech tag, the number of the head (from 1; 0: the root).
LABELS: dict[Task, list[str]] = {"topics": ["topic"], "treebank": ["spans", "tags", "heads"]}
WIKIPEDIA = "20231101"  # snapshot that the paper takes (appendix B)
FOLDERS = {"flores200": "flores200_dataset", "lines": "."}  # where they are not called like the layout
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")  # suffixes of tables
# The built-in languages that a published data set has: Tatoeba and BUCC-18 as in XTREME.
COVERED: dict[str, list[str]] = {
    "flores200": list(BUILT_IN),
    "sib200": list(BUILT_IN),
    "paws-x": ["de", "en", "es", "fr", "ja", "ko", "zh"],
    "tatoeba": [
        *(
            "af",
            "ar",
            "bg",
            "bn",
            "de",
            "el",
            "es",
            "et",
            "eu",
            "fa",
            "fi",
            "fr",
            "he",
            "hi",
            "hu",
            "id",
            "it",
            "ja",
            "jv",
        ),
        *("ka", "kk", "ko", "ml", "mr", "nl", "pt", "ru", "sw", "ta", "te", "th", "tl", "tr", "ur", "vi", "zh"),
    ],
    "bucc2018": ["de", "fr", "ru", "zh"],
    "ud-pud": [
        *(
            "ar",
            "cs",
            "de",
            "en",
            "es",
            "fi",
            "fr",
            "gl",
            "hi",
            "id",
            "is",
            "it",
            "ja",
            "ko",
            "pl",
            "pt",
            "ru",
            "sv",
            "th",
        ),
        *("tr", "zh"),
    ],
}


class DatasetConfig(Section):
    """One data set: a source and a layout."""

    source: Literal["cldr", "local", "url", "hub"] = Field(
        description="Where the texts come from. cldr: generated from Unicode CLDR; local: files under `data_root`; url: files in "
        "an archive; hub: the Hugging Face hub."
    )
    layout: Literal["flores200", "lines", "table", "paws-x", "tatoeba", "bucc2018", "wikipedia", "sib200", "ud-pud"] = (
        Field(
            description="Layout of the files, which gives the task; a generated data set has the task of this layout."
        )
    )
    split: str = Field(
        pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
        description="Split, as the files name it, like dev, devtest, test, validation or dev_2k; for sib200, the half of "
        "FLORES that the sentences are from, dev or devtest.",
    )
    sentences: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Number of sentences that are read, from the first on; null: all."
    )
    path: PathName | None = Field(
        None,
        description="local, url: folder under `data_root` or in the archive, where it is not the usual one of the layout; for "
        "the layout table, the file (.csv, .tsv, .jsonl or .parquet).",
    )
    url: Annotated[str, Field(max_length=2000)] | None = Field(
        None, description="url: address of a tar or zip archive; https, http or file."
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="url: SHA-256 of the archive, 64 hexadecimal digits."
    )
    repository: PathName | None = Field(
        None, description="hub: repository, owner/name, or a local directory laid out like one."
    )
    revision: str | None = Field(None, description="hub: commit of the repository, 40 hexadecimal digits.")
    seed: Seed = Field(0, description="cldr: seed of the draw of the sentences' meanings.")
    clauses: Annotated[int, Field(ge=1, le=8)] = Field(
        3, description="cldr: clauses of a sentence, at most; those of Tatoeba have one."
    )
    distractors: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="bucc2018: number of English sentences that translate no query; null: all, or none in a generated data "
        "set.",
    )

    @property
    def task(self) -> Task:
        """Return what the data set is for."""
        return TASKS[self.layout]

    @property
    def parts(self) -> list[str]:
        """Return the sets of sentences that each language has."""
        return PARTS[self.task]

    @property
    def folder(self) -> str:
        """Return the folder of a local data set under the data root."""
        return self.path if self.path is not None else FOLDERS.get(self.layout, self.layout)

    def local_files(self, code: str, language: Language) -> list[str]:
        """Return the files of one language, relative to the data root or in the archive, in the order of reading."""
        if self.layout == "table":
            return [self.folder]
        split, tatoeba = self.split, f"tatoeba.{language.tatoeba_code}-eng"
        names = {
            "flores200": [f"{split}/{language.flores}.{split}"],
            "lines": [f"{code}.txt"],
            "paws-x": [f"{code}/{split}.tsv"],
            "tatoeba": [f"{tatoeba}.{language.tatoeba_code}", f"{tatoeba}.eng"],
            "bucc2018": [f"{code}-en.{split}.{side}" for side in (code, "en", "gold")],
            "wikipedia": [f"{code}.txt"],
            "sib200": [f"{language.flores}/{part}.tsv" for part in ("train", "dev", "test")],
            "ud-pud": [f"UD_{language.treebank}-PUD/{code}_pud-ud-{split}.conllu"],
        }[self.layout]
        return [f"{self.folder}/{name}" for name in names]

    @property
    def is_directory(self) -> bool:
        """Return whether the repository is a directory on this machine, laid out like one of the hub."""
        return self.repository is not None and self.repository.startswith((".", "/"))

    def hub_files(self, code: str, language: Language) -> list[list[str]]:
        """Return the files that a language needs of a repository, as alternatives: each is a list of patterns with *.

        Of FLORES-200 these are those of `facebook/flores` and of `openlanguagedata/flores_plus`, each as it is and as it
        was (converted by the hub; as parquet). FLORES+ has names of its own for some languages.
        """
        split = self.split
        names = dict.fromkeys([language.flores, language.flores_plus or language.flores])
        local = [str(Path(file).relative_to(self.folder)) for file in self.local_files(code, language)]
        return {
            "flores200": [
                *([f"data/language/{name}/{split}-*.parquet"] for name in names),
                *([f"{split}/{name}.jsonl"] for name in names),
                *([f"{name}/{split}/*.parquet"] for name in names),
                *([f"{split}/{name}.parquet"] for name in names),
            ],
            "paws-x": [[f"PAWS-X.{code}/{split}-*.parquet"]],
            "tatoeba": [[f"tatoeba.{language.tatoeba_code}/{split}-*.parquet"]],
            "bucc2018": [[f"bucc18.{code}/{split}-*.parquet"]],
            "wikipedia": [[f"{WIKIPEDIA}.{code}/{split}-*.parquet"]],
            "sib200": [[f"data/{file}" for file in local]],
            "ud-pud": [[f"parquet/{code}_pud/{split}.parquet"], local],
        }[self.layout]

    def directory_files(self, code: str, language: Language) -> list[str]:
        """Return the files of a language that are there in a directory laid out like a repository, as paths."""
        for patterns in self.hub_files(code, language):
            found = [sorted(Path(self.repository).glob(pattern)) for pattern in patterns]
            if all(found):
                return [str(path) for paths in found for path in paths]
        return []

    def archive_folder(self, cache: str) -> str:
        """Return the folder that the archive of `source: url` is unpacked into, named by its hash, under a cache."""
        return f"{cache}/archives/{self.sha256}"

    def known_languages(self, table: Mapping[str, Language], data_root: str | None) -> list[str]:
        """Return the codes of all languages that the data set has, as far as it can be known before it is read.

        Of local files, those whose files are there; of what is generated, those of the paper and Chinese; else those that
        the published data set has.

        Raises:
            StudyError: it cannot be known.
        """
        if self.source == "cldr":
            return list(LANGUAGES)
        if self.source == "local" and self.layout != "table":
            if data_root is None:
                raise StudyError("all are those with local files, but data_root is not set: --config data_root=…")
            found: dict[tuple[str, ...], str] = {}
            for code, language in table.items():  # a language of the config takes the place of a built-in one
                files = tuple(self.local_files(code, language))
                if all(Path(data_root, file).is_file() for file in files):
                    found[files] = code
            if not found:
                raise StudyError(f"all are those with local files, but there is none in {data_root}/{self.folder}")
            return list(found.values())
        if self.layout not in COVERED:
            raise StudyError(f"all is not known of layout {self.layout} from {self.source}; list the languages")
        return COVERED[self.layout]

    def same_sentences(self, other: "DatasetConfig") -> bool:
        """Tell whether another data set has the same sentences, some or all of them, whatever is said of them."""
        return self._sentences == other._sentences

    @property
    def _sentences(self) -> tuple:
        """What tells from which sentences a data set is made."""
        if self.source == "cldr":
            return "cldr", self.split, self.seed
        if self.layout in (
            "flores200",
            "sib200",
        ):  # SIB-200 is made of FLORES-200, with whose halves it shares the names
            return "FLORES-200", self.split
        split = None if self.layout in ("lines", "table") else self.split
        return self.source, self.layout, self.folder, self.sha256, self.repository, split

    @field_validator("revision")
    @classmethod
    def _pinned(cls, revision: str | None) -> str | None:
        if revision is not None and not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise ValueError(f"{revision!r} is no commit: pin the data set to the 40 hexadecimal digits of one")
        return revision

    @model_validator(mode="after")
    def _fits_its_source(self) -> "DatasetConfig":
        if self.source == "hub" and not self.repository:
            raise ValueError("source: hub needs repository")
        if self.source == "hub" and not self.is_directory and not re.fullmatch(REPOSITORY, self.repository):
            # What was given is not repeated: it may be a URL with a password.
            raise ValueError("repository must be owner/name on the hub, or a directory that begins with / or .")
        if self.source == "hub" and not self.revision and not self.is_directory:
            raise ValueError("source: hub needs revision: pin the repository to a commit")
        if self.source == "cldr" and self.sentences is None:
            raise ValueError("source: cldr needs sentences: how many to generate")
        if self.source != "hub" and (self.repository or self.revision):
            raise ValueError("repository and revision belong to source: hub")
        if self.source == "url" and not (self.url and self.sha256):
            raise ValueError("source: url needs url and sha256")
        if self.source != "url" and (self.url or self.sha256):
            raise ValueError("url and sha256 belong to source: url")
        if self.url is not None and not re.fullmatch(r"(https?://[^\s/@{}]+|file://)/[^\s@{}]*", self.url):
            # Nor is this repeated.
            raise ValueError(
                "url must begin with https://, http:// or file:/// and hold no blank, brace, name or password"
            )
        if self.layout == "table" and (self.source == "cldr" or Path(self.path or "").suffix not in TABLES):
            raise ValueError(
                f"layout table is one file of texts; name it as path, with a suffix of {', '.join(TABLES)}"
            )
        if self.layout == "sib200" and self.split not in ("dev", "devtest"):
            raise ValueError(f"split {self.split}: of sib200 it is the half of FLORES, dev or devtest")
        if self.source == "hub" and self.layout in ("lines", "table"):
            raise ValueError(f"layout {self.layout} is for local files; a hub data set is one of the other layouts")
        if self.folder.startswith("/") or ".." in self.folder.split("/"):
            raise ValueError("path must stay under data_root; set data_root to a folder above")
        return self
