"""Make the report: one page with every table and figure of the study, and how they came to be."""

from pydantic import Field

from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import write_text
from workflow_scripts.report.page import FigureEntry, TableEntry, render


class Spec(stage.Spec):
    """What the report shows, beside what its files say."""

    title: str = Field("Steering into New Embedding Spaces", description="Title of the page.")
    tables: list[TableEntry] = Field(description="What each file of --tables is, in the same order.")
    figures: list[FigureEntry] = Field(description="What each file of --figures is, in the same order.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "tables...": "tables (JSON), named table1.json and so on, claims.json, replication.json, compute.json",
            "figures...": "figures (PNG), each with its title and caption in a JSON beside it",
            "findings": "what was found, in sentences (JSON)",
            "provenance": "what made the results (JSON)",
        },
        outputs={"report": "the page (HTML)"},
        command=command,
    )
    for name, entries, paths in (("tables", spec.tables, files.tables), ("figures", spec.figures, files.figures)):
        if len(entries) != len(paths):
            raise StudyError(
                f"There are {len(paths)} files of {name}, but the spec describes {len(entries)}; give one entry for "
                "each file, in the same order."
            )
    page = render(
        spec.title,
        list(zip(spec.tables, files.tables, strict=True)),
        list(zip(spec.figures, files.figures, strict=True)),
        files.findings,
        files.provenance,
        files.report,
    )
    write_text(files.report, page)


if __name__ == "__main__":
    stage.run(main)
