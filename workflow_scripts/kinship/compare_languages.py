"""Collect how similar all pairs of languages are: from a table of linguistic similarity, and by character trigrams."""

from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import LanguageFiles, SpaceLanguages
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.kinship.overlap import jaccard, trigrams
from workflow_scripts.kinship.similarities import (
    FROM_TEXTS,
    URIEL,
    of_languages,
    pairs,
    read_similarities,
    write_similarities,
)
from workflow_scripts.texts.schema import read_part


class Spec(stage.Spec):
    """What the similarities depend on, beside the texts."""

    languages: SpaceLanguages
    iso639_3: dict[LanguageCode, str] = Field(description="ISO 639-3 codes of the languages, which the table has.")
    part: str = Field(description="Part of the parallel data set that trigrams are counted in.")
    file: LanguageFiles


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"texts": "the parallel data set (parquet)"},
        outputs={"similarity": "similarities by measure and pair of languages (CSV)"},
        command=command,
    )
    source = URIEL if spec.file is None else Path(spec.file)
    known = read_similarities(source)
    if taken := [measure for measure in FROM_TEXTS if measure in set(known["measure"])]:
        raise StudyError(f"{source}: {', '.join(taken)} is measured on the texts; give that measure another name.")
    codes = {language: spec.iso639_3[language] for language in spec.languages}
    shared = jaccard([trigrams(read_part(files.texts, language, spec.part)[1]) for language in spec.languages])
    similarities = [of_languages(known, codes), pairs("trigrams", spec.languages, shared)]
    write_similarities(files.similarity, pd.concat(similarities, ignore_index=True))


if __name__ == "__main__":
    stage.run(main)
