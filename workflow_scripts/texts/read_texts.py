"""Read a data set, from local files, an archive at a URL, the hub or CLDR, into one tidy, validated parquet."""

import logging
from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import Language
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts import schema
from workflow_scripts.texts.lines import BYTE_ORDER_MARK

log = logging.getLogger(__name__)
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + BYTE_ORDER_MARK  # the former are those of str.strip


class Spec(stage.Spec):
    """What the texts depend on."""

    name: str = Field(description="Name of the data set in the config.")
    dataset: DatasetConfig = Field(description="The data set's section of the config.")
    languages: list[str] = Field(description="Languages to read.")
    table: dict[str, Language] = Field(description="What data sets call these languages.")
    data_root: str | None = Field(
        description="Folder of local data sets; of one from a URL, the folder that its archive is unpacked into."
    )


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(Spec, __doc__, inputs={}, outputs={"texts": "sentences (parquet)"}, command=command)
    texts = limit(read(spec), spec.dataset.sentences)
    if spec.dataset.task == "mining" and spec.dataset.distractors is not None:
        texts = limit_distractors(texts, spec.dataset.distractors)
    schema.validate(texts, spec.dataset.task, spec.languages, f"datasets.{spec.name}")
    schema.write(files.texts, texts)


def read(spec: Spec) -> pd.DataFrame:
    """Read all texts of a data set from its source; those of people are freed of blanks at their ends.

    Raises:
        StudyError: something is missing or malformed.
    """
    # One source is imported, not three: `datasets` alone takes a second.
    if spec.dataset.source == "cldr":
        from workflow_scripts.texts.generated import read_generated

        return read_generated(spec.dataset, spec.languages, spec.table)
    if spec.dataset.source == "hub":
        from workflow_scripts.texts.hub import read_hub

        texts = read_hub(spec.dataset, spec.languages, spec.table)
    else:
        from workflow_scripts.texts.local import read_local

        texts = read_local(spec.dataset, spec.languages, spec.table, _root(spec))
    return without_blanks(texts, f"datasets.{spec.name}")


def _root(spec: Spec) -> Path:
    """The folder that local files lie in, or those of an archive, which is fetched where it is not there."""
    dataset = spec.dataset
    if spec.data_root is None:
        raise StudyError(f"datasets.{spec.name} is local, but data_root is not set: --config data_root=/where/it/lies.")
    root = Path(spec.data_root)
    if dataset.source == "url":
        from workflow_scripts.texts.archives import missing_file, unpacked

        unpacked(dataset.url, dataset.sha256, root)
        for code in spec.languages:
            for file in dataset.local_files(code, spec.table[code]):
                if not Path(root, file).is_file():
                    raise missing_file(root, file, dataset.url)
    return root


def without_blanks(texts: pd.DataFrame, where: str) -> pd.DataFrame:
    """Strip blanks from the ends of texts, and say of how many in each language.

    FLORES-200 as first published has blanks at the end of a fifth of its Greek and Thai sentences, FLORES+ has none; a
    model's last token would be the blank. Byte order marks, which files that were put together have at the starts of
    some lines, are blanks, too.
    """
    stripped = texts["text"].map(lambda text: text.strip(BLANKS) if isinstance(text, str) else text)
    changed = texts["lang"][stripped != texts["text"]].value_counts(sort=False)
    if len(changed):
        counts = ", ".join(f"{code} {count}" for code, count in changed.items())
        log.info("%s: texts with blanks at their ends, which are taken off, by language: %s", where, counts)
    return texts.assign(text=stripped)


def limit(texts: pd.DataFrame, sentences: int | None) -> pd.DataFrame:
    """Keep the first sentences of each part of each language; candidates in mining stay whole."""
    if sentences is None:
        return texts
    first = texts.groupby(["lang", "part"], sort=False).cumcount() < sentences
    return texts[first | (texts["part"] == "candidates")].reset_index(drop=True)


def limit_distractors(texts: pd.DataFrame, distractors: int) -> pd.DataFrame:
    """Keep all queries and their translations, and of the candidates that translate no query the first so many."""
    found = texts.merge(
        texts[texts["part"] == "query"][["lang", "id"]], on=["lang", "id"], how="left", indicator="gold"
    )
    distracting = (texts["part"] == "candidates") & (found["gold"] == "left_only").to_numpy()
    first = distracting.groupby(texts["lang"]).cumsum() <= distractors
    return texts[~distracting | first].reset_index(drop=True)


if __name__ == "__main__":
    stage.run(main)
