"""Table 4: the languages of the study, their codes and roles, and which models have seen them in pre-training."""

from typing import Literal

import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.jobs import stage
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.shown_models import Model
from workflow_scripts.tables.specs import ModelsSpec

ROLES = {
    "target": "intervened on",
    "probing": "positive or negative sentences when experts are sought",
    "candidate": "compared in distances and retrieval",
}
SEEN = {True: "yes", False: "no", None: "–"}


class Language(stage.Spec):
    """A row of the table."""

    code: LanguageCode
    name: str = Field(description="English name.")
    iso639_3: str = Field(description="ISO 639-3 code.")
    flores: str = Field(description="FLORES-200 code, like spa_Latn.")
    roles: list[Literal["target", "probing", "candidate"]] = Field(description="What the study uses it for.")

    @property
    def iso639_1(self) -> str | None:
        """Return the two-letter code; None if the language has none."""
        return self.code if len(self.code) == 2 else None

    @property
    def role(self) -> str:
        """Return the roles in the order of `ROLES`."""
        return ", ".join(role for role in ROLES if role in self.roles)


class Spec(ModelsSpec):
    """What the table depends on, beside its files."""

    languages: list[Language] = Field(min_length=1, description="Languages in the order of the rows.")


def has_seen(model: Model, language: Language) -> bool | None:
    """Return whether a model has seen a language; None where unknown, since only candidates are listed as seen."""
    if model.seen is None or "candidate" in language.roles:
        return model.has_seen(language.code)
    return None


def as_frame(spec: Spec) -> pd.DataFrame:
    """Return one row per language; for each model a column `seen_{model}`: true, false or, where not known, empty."""
    return pd.DataFrame(
        {
            "number": number,
            "language": language.name,
            "iso639_1": language.iso639_1,
            "iso639_3": language.iso639_3,
            "flores200": language.flores,
            "role": language.role,
            **{f"seen_{model.name}": has_seen(model, language) for model in spec.models},
        }
        for number, language in enumerate(spec.languages, start=1)
    )


def as_table(numbers: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out the numbers like the paper's Table 4, with the roles of each language in the study."""
    rows = [
        [
            layout.Cell(str(number), value=number),
            layout.Cell(language.name),
            layout.Cell(language.iso639_1 or "–"),
            layout.Cell(language.iso639_3),
            layout.Cell(language.flores),
            layout.Cell(language.role),
            *(layout.Cell(SEEN[has_seen(model, language)]) for model in spec.models),
        ]
        for number, language in enumerate(spec.languages, start=1)
    ]
    labels = ["#", "Language", "ISO 639-1", "ISO 639-3", "FLORES-200", "Role"]
    models = [layout.Column(model.label, group="Seen in pre-training") for model in spec.models]
    return layout.Table(
        title="Languages of the study",
        caption=caption(spec),
        columns=[*map(layout.Column, labels), *models],
        rows=rows,
        labels=len(labels),
    )


def caption(spec: Spec) -> str:
    """Return what the columns mean."""
    used = [role for role in ROLES if any(role in language.roles for language in spec.languages)]
    roles = "; ".join(f"{role}: {ROLES[role]}" for role in used)
    return f"Languages considered, with their codes. Roles: {roles}."


main = table_stage(Spec, __doc__, {}, read=lambda spec, files: as_frame(spec), as_table=as_table)


if __name__ == "__main__":
    stage.run(main)
