"""The report's page, from tables, figures and the provenance."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import yaml
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workflow_scripts.config.settings import SELECTIONS
from workflow_scripts.config.study import Config
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.report.chapters import CHAPTERS, require_chapters
from workflow_scripts.report.images import EmbeddedImage, embed
from workflow_scripts.report.provenance import read_provenance
from workflow_scripts.tables import layout
from workflow_scripts.tables.shown_models import without_text

FINGERPRINT_FILES = ["report/page.html", "report/table.html", "report/style.css", "report/script.js"]

FOLDER = Path(__file__).parent
# What lies beside a table's JSON and a figure's PNG, and what links to it say.
TABLE_FILES = {"csv": "CSV", "md": "Markdown", "tex": "LaTeX"}
FIGURE_FILES = {"png": "PNG", "pdf": "PDF", "csv": "CSV"}
PARTS = {
    "probing": "Experts found on",
    "alignment": "Distances and retrieval on",
    "paraphrase": "Paraphrases from",
    "translation": "Translations to English from",
    "mining": "Sentences among many from",
    "perplexity": "Perplexity on",
}


class Entry(BaseModel):
    """The place of a table or figure in the report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chapter: str = Field(description="Name of the chapter.")
    order: int = Field(description="Order in the chapter.")


class TableEntry(Entry):
    """What the caller knows of a table."""

    name: str = Field(description="Name, like table1 or claims.")


class FigureEntry(Entry):
    """What the caller knows of a figure."""

    kind: str = Field(description="Kind, like retrieval_change.")
    number: int | None = Field(None, description="Its number in the paper, if it has one.")
    also: int | None = Field(None, description="A further number of the paper, whose figure would show the same.")
    subtitle: str = Field("", description="What tells it apart from others of its kind, like Bloom-7B · German.")


@dataclass(frozen=True)
class ShownFigure:
    """A figure on the page."""

    anchor: str
    label: str  # Figure 7, or nothing
    title: str
    subtitle: str
    caption: str
    image: EmbeddedImage
    hover: list[dict[str, Any]]  # what is said where a reader points, as `figures.drawing` has it
    also: str  # a further anchor, or nothing
    links: list[tuple[str, str]]


@dataclass(frozen=True)
class FigureBlock:
    """A figure alone, or some of a kind that follow each other and are told apart by their subtitles."""

    figures: list[ShownFigure]

    @property
    def anchor(self) -> str:
        """Return what links lead to."""
        return self.figures[0].anchor

    @property
    def several(self) -> bool:
        """Return whether the figures are shown side by side."""
        return len(self.figures) > 1

    @property
    def heading(self) -> str:
        """Return what the table of contents calls the figures."""
        first = self.figures[0]
        if not self.several:
            return _joined(first.label, _joined(first.title, first.subtitle, ", "))
        numbers = [figure.label.split()[1] for figure in self.figures if figure.label]
        ends = dict.fromkeys([numbers[0], numbers[-1]]) if numbers else []
        return _joined(f"Figure{'s' if len(ends) > 1 else ''} {'–'.join(ends)}" if ends else "", first.title)


@dataclass(frozen=True)
class TableBlock:
    """A table on the page."""

    anchor: str
    label: str  # Table 1, or nothing
    table: layout.Table
    links: list[tuple[str, str]]

    @property
    def heading(self) -> str:
        """Return what the table of contents calls the table."""
        return _joined(self.label, self.table.title)


def _joined(first: str, second: str, by: str = ". ") -> str:
    return by.join(part for part in (first, second) if part)


def render(
    title: str,
    tables: list[tuple[TableEntry, Path]],
    figures: list[tuple[FigureEntry, Path]],
    findings_file: Path,
    provenance_file: Path,
    page: Path,
) -> str:
    """Return the page as HTML that needs nothing else, but for links to the files that lie where they do now.

    Args:
        title: Title of the page.
        tables: Every table with its JSON.
        figures: Every figure with its PNG; title and caption lie beside it.
        findings_file: JSON of what was found, in sentences.
        provenance_file: JSON of what made the results.
        page: Where the page will be, for its links.

    Raises:
        StudyError: a file is not what it should be, or a table or figure stands in no chapter.
    """
    require_chapters(entry.chapter for entry, _ in [*tables, *figures])
    placed: list[tuple[str, int, list]] = []  # figures before tables
    for chapter, order in sorted({(entry.chapter, entry.order) for entry, _ in figures}, key=lambda place: place[1]):
        here = [(entry, path) for entry, path in figures if (entry.chapter, entry.order) == (chapter, order)]
        placed.append((chapter, order, _figure_blocks(here, page)))
    in_order = sorted(tables, key=lambda table: table[0].order)
    placed += [(entry.chapter, entry.order, [_table_block(path, page)]) for entry, path in in_order]
    blocks = {
        chapter: [block for name, _, shown in placed if name == chapter.name for block in shown] for chapter in CHAPTERS
    }
    provenance = read_provenance(provenance_file)
    config = provenance.study_config
    return (
        environment()
        .get_template("page.html")
        .render(
            title=title,
            findings=json.loads(findings_file.read_text(encoding="utf-8")),
            anchors=_anchors([block for shown in blocks.values() for block in shown]),
            sections=[(chapter, shown) for chapter, shown in blocks.items() if shown],
            provenance=provenance,
            provenance_links=_links(provenance_file, {"json": "JSON"}, page),
            config=config,
            language=lambda code: config.language_table[code].name,
            parts={part: corpus for part in PARTS if (corpus := config.used(part)) is not None},
            without_text=_without_text(config),
            part_titles=PARTS,
            selections=SELECTIONS,
            config_text=yaml.safe_dump(provenance.config, sort_keys=False, allow_unicode=True, width=100),
            style=Markup((FOLDER / "style.css").read_text(encoding="utf-8")),
            script=Markup((FOLDER / "script.js").read_text(encoding="utf-8")),
        )
    )


def environment() -> jinja2.Environment:
    """Return the environment in which the templates of this folder are rendered; text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= {"spans": layout.spans, "sentences": layout.sentences, "json_of": _json_of}
    return environment


def _json_of(data: Any) -> Markup:
    """Return JSON for a script element, which no text in it can end."""
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


def _anchors(blocks: Sequence[FigureBlock | TableBlock]) -> dict[str, str]:
    """Return what a link to each anchor says."""
    found = {block.anchor: block.heading.partition(". ")[0] for block in blocks}
    for block in blocks:
        for figure in block.figures if isinstance(block, FigureBlock) else []:
            found |= {anchor: figure.label for anchor in (figure.anchor, figure.also) if anchor and figure.label}
    return found


def _without_text(config: Config) -> str:
    """Return what the study leaves out since some of its models write no text."""
    left_out = without_text([config.models[name] for name in config.study.models])
    return left_out if config.generating_models or not left_out else f"{left_out} So there is no Figure 2."


def _table_block(path: Path, page: Path) -> TableBlock:
    numbered = re.fullmatch(r"table(\d+)", path.stem)
    try:
        table = layout.read(path)
    except ValidationError as error:
        raise StudyError(f"{path} is not a table ({error}); delete it and run again.") from error
    return TableBlock(
        anchor=f"table-{numbered[1]}" if numbered else path.stem,
        label=f"Table {numbered[1]}" if numbered else "",
        table=table,
        links=_links(path, TABLE_FILES, page),
    )


def _figure_blocks(figures: Sequence[tuple[FigureEntry, Path]], page: Path) -> list[FigureBlock]:
    """Return figures of one kind in blocks: those whose numbers follow each other and that have subtitles are one."""
    runs: list[list[tuple[FigureEntry, Path]]] = []
    shown = {entry.also for entry, _ in figures}
    for entry, path in figures:
        if runs and _follows(entry, runs[-1][-1][0], shown):
            runs[-1].append((entry, path))
        else:
            runs.append([(entry, path)])
    return [FigureBlock([_shown_figure(entry, path, page) for entry, path in run]) for run in runs]


def _follows(entry: FigureEntry, previous: FigureEntry, shown: set[int | None]) -> bool:
    # Figure 3 is no neighbour of Figure 6; those beyond the paper's numbers follow the last that has one. No gap is a
    # number whose figure is shown elsewhere.
    if entry.number is None:
        in_order = True
    else:
        between = range((previous.number or entry.number) + 1, entry.number)
        in_order = previous.number is not None and previous.number < entry.number and set(between) <= shown
    return bool(entry.subtitle and previous.subtitle) and in_order


def _shown_figure(entry: FigureEntry, path: Path, page: Path) -> ShownFigure:
    beside = path.with_suffix(".json")
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
        title, caption, hover = said["title"], said["caption"], said.get("hover", [])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{beside} does not hold the title and caption of {path}; delete both and run again."
        ) from error
    numbers = [number for number in (entry.number, entry.also) if number]
    return ShownFigure(
        anchor=f"figure-{entry.number}" if entry.number else f"figure-{entry.kind}-{path.parent.name}-{path.stem}",
        label=f"Figure{'s' if len(numbers) > 1 else ''} {' and '.join(map(str, numbers))}" if entry.number else "",
        title=title,
        subtitle=entry.subtitle,
        caption=caption,
        image=embed(path),
        hover=hover,
        also=f"figure-{entry.also}" if entry.also else "",
        links=_links(path, FIGURE_FILES, page),
    )


def _links(path: Path, files: dict[str, str], page: Path) -> list[tuple[str, str]]:
    """Return what a link says and where it leads, for each file that is there."""
    beside = {text: path.with_suffix(f".{suffix}") for suffix, text in files.items()}
    return [
        (text, quote(os.path.relpath(file, page.parent).replace(os.sep, "/")))
        for text, file in beside.items()
        if file.is_file()
    ]
