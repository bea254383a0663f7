"""The `datasets` section: where texts come from and how their files are laid out."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from workflow_scripts.config.fields import REPOSITORY, PathName, Section, Seed
from workflow_scripts.config.languages import Language

Task = Literal["parallel", "paraphrase", "translation", "mining", "paragraphs", "topics", "treebank"]
TASKS: dict[str, Task] = {
    "flores200": "parallel",
    "lines": "parallel",
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
FOLDERS = {"flores200": "flores200_dataset", "lines": "."}  # where they are not called like the layout


class DatasetConfig(Section):
    """One data set: a source and a layout."""

    source: Literal["cldr", "local", "hub"] = Field(
        description="cldr: generated from Unicode CLDR; local: files under data_root; hub: the Hugging Face hub."
    )
    layout: Literal["flores200", "lines", "paws-x", "tatoeba", "bucc2018", "wikipedia", "sib200", "ud-pud"] = Field(
        description="How its files are laid out, and so its task; of a generated one, whose counterpart it is."
    )
    split: str = Field(
        pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
        description="Split as the files name it: dev, devtest, test, validation, dev_2k; sib200: the half of FLORES, dev or "
        "devtest, of whichever split of its own.",
    )
    sentences: Annotated[int, Field(ge=1)] | None = Field(None, description="Take the first n; all where absent.")
    path: PathName | None = Field(
        None, description="local: folder under data_root, where it is not the layout's usual one."
    )
    repository: PathName | None = Field(
        None, description="hub: owner/name, or a local directory laid out like the hub's."
    )
    revision: str | None = Field(None, description="hub: commit of the repository, 40 hexadecimal digits.")
    seed: Seed = Field(0, description="cldr: seed of the draw of meanings.")
    distractors: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="bucc2018: English sentences that translate no query: so many of them, all where absent; of generated "
        "ones none.",
    )

    @property
    def task(self) -> Task:
        """What the data set is for."""
        return TASKS[self.layout]

    @property
    def parts(self) -> list[str]:
        """The sets of sentences that each language has."""
        return PARTS[self.task]

    @property
    def folder(self) -> str:
        """Folder of a local data set under the data root."""
        return self.path if self.path is not None else FOLDERS.get(self.layout, self.layout)

    def local_files(self, code: str, language: Language) -> list[str]:
        """Files of one language of a local data set, relative to the data root, in the order of reading."""
        split, tatoeba = self.split, f"tatoeba.{language.iso639_3}-eng"
        names = {
            "flores200": [f"{split}/{language.flores}.{split}"],
            "lines": [f"{code}.txt"],
            "paws-x": [f"{code}/{split}.tsv"],
            "tatoeba": [f"{tatoeba}.{language.iso639_3}", f"{tatoeba}.eng"],
            "bucc2018": [f"{code}-en.{split}.{side}" for side in (code, "en", "gold")],
            "wikipedia": [f"{code}.txt"],
            "sib200": [f"{language.flores}/{part}.tsv" for part in ("train", "dev", "test")],
            "ud-pud": [f"UD_{language.treebank}-PUD/{code}_pud-ud-{split}.conllu"],
        }[self.layout]
        return [f"{self.folder}/{name}" for name in names]

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
        on_this_machine = self.repository is not None and self.repository.startswith((".", "/"))
        if self.source == "hub" and not on_this_machine and not re.fullmatch(REPOSITORY, self.repository):
            # What was given is not repeated: it may be a URL with a password.
            raise ValueError("repository must be owner/name on the hub, or a directory that begins with / or .")
        if self.source == "hub" and not self.revision and not on_this_machine:
            raise ValueError("source: hub needs revision: pin the repository to a commit")
        if self.source == "cldr" and self.sentences is None:
            raise ValueError("source: cldr needs sentences: how many to generate")
        if self.source != "hub" and (self.repository or self.revision):
            raise ValueError("repository and revision belong to source: hub")
        if self.layout == "sib200" and self.split not in ("dev", "devtest"):
            raise ValueError(f"split {self.split}: of sib200 it is the half of FLORES, dev or devtest")
        if self.source == "hub" and self.layout == "lines":
            raise ValueError("layout lines is for local files; a hub data set is one of the other layouts")
        if self.folder.startswith("/") or ".." in self.folder.split("/"):
            raise ValueError("path must stay under data_root; set data_root to a folder above")
        return self
