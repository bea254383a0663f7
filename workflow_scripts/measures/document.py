"""Write what measures there are, for readers, from what is registered.

Run as `python -m workflow_scripts.measures.document docs` (`make schema`) after a measure was added or described anew.
"""

import sys
from pathlib import Path

from workflow_scripts.jobs.files import write_text
from workflow_scripts.measures.centring import CENTRINGS
from workflow_scripts.measures.definitions.abx import TASKS
from workflow_scripts.measures.registry import distances, measures, medoids, ranking_measures, similarities

DESCRIPTION = "measures.md"
HEAD = """# Measures of a space

Generated from `workflow_scripts/measures/definitions` by `make schema`. Every measure is a function in a file of that
folder, under a decorator of `measures/registry.py`. By being there it is a choice of the config, has its rows in the
metric CSVs and stands in this list.
"""
SPACES = """The spaces are `none`, embeddings as they are; `all`, less the mean of all sentences of all languages; and
`language`, each less the mean of its language. The constant control is the unintervened space with one vector added to
every embedding; it is measured as it is, by what a constant can change."""


def description() -> str:
    """Return Markdown with a table for each kind of measure."""
    ranks = {
        name: (f"{ranking.description}, by {similarity.name}", "pairs", centrings(name), "yes")
        for name, (similarity, ranking) in ranking_measures("none").items()
    }
    others = {
        name: (each.description, each.of, ", ".join(each.centrings), "yes" if each.moves else "no")
        for name, each in measures().items()
    }
    parts = [
        HEAD,
        section("Distances between languages: `distances.csv`, `metrics.shown_distance`", distances()),
        section("Medoids: `medoid.csv`, `metrics.shown_medoid`", medoids()),
        section("Similarities of retrieval: `retrieval.csv`, `metrics.similarities`", similarities()),
        "## Alignment: `alignment.csv`\n\n" + SPACES + "\n",
        table(["measure", "what", "of", "spaces", "a constant can change it"], ranks | others),
        "## ABX discrimination: `abx.csv`\n",
        table(["task", "share of"], {name: (what,) for name, what in TASKS.items()}),
    ]
    return "\n".join(parts)


def centrings(name: str) -> str:
    """Return the spaces in which a measure of ranks is taken."""
    return ", ".join(centring for centring in CENTRINGS if name in ranking_measures(centring))


def section(title: str, definitions: dict) -> str:
    """Return a heading and a table of names and descriptions."""
    rows = {name: (each.description,) for name, each in definitions.items()}
    return f"## {title}\n\n" + table(["name", "what"], rows)


def table(head: list[str], rows: dict[str, tuple[str, ...]]) -> str:
    """Return a Markdown table, the names in its first column."""
    lines = [head, ["---"] * len(head), *([f"`{name}`", *cells] for name, cells in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    write_text(Path(sys.argv[1]) / DESCRIPTION, description())
