"""Table 4: the languages of the study."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Place, Table

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def spec(plan: "Plan") -> dict[str, Any]:
    """Return the languages with their roles, and which models have seen them."""
    study, table = plan.config.study, plan.config.language_table
    roles = {"target": study.targets, "probing": study.probing.languages, "candidate": study.alignment.languages}
    return {
        "models": described.models(plan, seen=True)["models"],
        "languages": [
            {
                "code": code,
                **table[code].model_dump(include={"name", "iso639_3", "flores"}),
                "roles": [role for role, codes in roles.items() if code in codes],
            }
            for code in dict.fromkeys([*study.alignment.languages, *study.probing.languages])
        ],
    }


TABLE = Table(name="table4", stage="table_languages", place=Place("languages", 1), inputs=lambda plan: {}, spec=spec)
