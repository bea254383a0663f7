"""Figure 1: languages come closer to the medoid of the space, and queries find translations that they missed before.

Drawn from measurements: at the left the distance of every language to the medoid, without a projection; at the right
one query whose retrieval the intervention mends, and how many are mended and spoiled.
"""

import textwrap
import unicodedata
from argparse import Namespace
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.lines import Line2D
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D, ScaledTranslation

from workflow_scripts.config.settings import Medoid, ShownSimilarity
from workflow_scripts.figures import drawing
from workflow_scripts.figures.fonts import can_draw, composed
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.figures.specs import SpacePanelsSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures import registry
from workflow_scripts.measures.metric_files import grid, pre_and_post, read_metrics, select
from workflow_scripts.tables.shown_models import Panel

RING_WIDTH = 2.4  # inches, with its labels
TEXT_WIDTH = 3.75
HEIGHT = 2.6  # of a row
TEXT_SIZE = 7  # points, as are the lengths below
TITLE_SIZE = 8.5
MARK_SIZE = 9
LINE = 9.5
BASELINE = 7  # of a line, below its top
GAP = 6  # between paragraphs
INDENT = 7
RIGHT = 268
MOST_LETTERS = 80  # in a line
MOST_LINES = 3
SCALE_ANGLE = 20  # degrees on either side of the top without a language, for the labels of the radius
SCALE_LOOK = {"color": drawing.MUTED_COLOUR, "bbox": {"color": "white", "pad": 0.6}, "zorder": 1}
COUNTS = ["queries", "wrong_to_right", "right_to_wrong"]
TEXTS = ["query_text", "pre_text", "right_text"]


class Spec(SpacePanelsSpec):
    """What the figure depends on, beside its files."""

    similarity: ShownSimilarity
    medoid: Medoid


def observations(medoid: pd.DataFrame, examples: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, pooling, target and language.

    `pre` and `post` are the distances to the medoid. Candidate languages have the number of queries that change; the
    one whose example is drawn has its texts and the rank of the translation before the intervention.

    Raises:
        StudyError: an observation is missing.
    """
    shown = [
        panel_observations(medoid, examples, panel, pooling, spec) for panel in spec.panels for pooling in spec.poolings
    ]
    return pd.concat(shown, ignore_index=True)


def panel_observations(
    medoid: pd.DataFrame, examples: pd.DataFrame, panel: Panel, pooling: str, spec: Spec
) -> pd.DataFrame:
    """Return the rows of `observations` of one model, target and pooling."""
    condition = {"model": [panel.model.name], "pooling": [pooling], "target": [panel.target], "dataset": [spec.dataset]}
    around = grid(**condition, medoid=[spec.medoid], language=spec.languages)
    around = pre_and_post(medoid, around, "value", "distances to the medoid")
    around["seen"] = [panel.model.has_seen(language) for language in spec.languages]
    candidates = [language for language in spec.languages if language != panel.target]
    wanted = grid(**condition, similarity=[spec.similarity], query=[panel.target], candidate=candidates)
    found = select(examples, wanted.assign(units="expert"), "examples of retrieval").set_index("candidate")
    chosen = choose(found)
    found.loc[found.index != chosen, [*TEXTS, "pre_rank"]] = None
    found = found[["similarity", "query", *COUNTS, *TEXTS, "pre_rank"]]
    return around.join(found.astype(dict.fromkeys([*COUNTS, "pre_rank"], "Int64")), on="language")


def choose(examples: pd.DataFrame) -> str | None:
    """Return the candidate language in which most queries are mended, net, and whose example can be drawn.

    Of equal languages it is the first; None where no example can be drawn.
    """
    drawable = examples[
        [all(isinstance(text, str) and can_draw(text) for text in row) for row in examples[TEXTS].to_numpy()]
    ]
    if drawable.empty:
        return None
    return (drawable["wrong_to_right"] - drawable["right_to_wrong"]).idxmax()


def figures_font() -> FT2Font:
    """Return the font that figures are drawn in."""
    return font_manager.get_font(font_manager.findfont(drawing.STYLE["font.family"], fallback_to_default=False))


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw a row for each panel and pooling: the languages around the medoid, and an example of retrieval."""
    rows = [(panel, pooling) for panel in spec.panels for pooling in spec.poolings]
    size = (RING_WIDTH + TEXT_WIDTH, HEIGHT * len(rows) + drawing.LEGEND_HEIGHT)
    figure = Figure(figsize=size, layout="constrained")
    cells = figure.add_gridspec(len(rows), 2, width_ratios=[RING_WIDTH, TEXT_WIDTH])
    for row, (panel, pooling) in enumerate(rows):
        shown = drawing.of_panel(drawn, panel, pooling).set_index("language")
        ring = figure.add_subplot(cells[row, 0], projection="polar")
        title = f"{panel.title}, {pooling} pooling" if len(spec.poolings) > 1 else panel.title
        ring.set_title(title, parse_math=False)
        draw_ring(ring, shown, panel, spec)
        draw_example(figure.add_subplot(cells[row, 1]), shown, panel, spec)
    ring.set_xlabel("Cosine distance to the medoid")
    look = {"linestyle": "none", "markersize": 4}
    points = [
        Line2D([], [], marker="o", color=drawing.PRE_COLOUR, label="pre-intervention", **look),
        Line2D([], [], marker="o", color=drawing.POST_COLOUR, label="post-intervention", **look),
        Line2D([], [], marker="+", color="black", label="medoid", **look),
    ]
    drawing.add_legend(figure, [*points, *drawing.unseen_key(spec.models, spec.languages)])
    return figure


def draw_ring(axis: PolarAxes, distances: pd.DataFrame, panel: Panel, spec: Spec) -> None:
    """Draw two points per language: the angle is the language, the radius its distance to the medoid.

    `distances` is indexed by language.
    """
    angles = np.radians(np.linspace(SCALE_ANGLE, 360 - SCALE_ANGLE, len(spec.languages)))
    pre, post = (distances.loc[spec.languages, space] for space in ("pre", "post"))
    axis.set_theta_zero_location("N")
    axis.set_theta_direction(-1)
    axis.vlines(angles, np.minimum(pre, post), np.maximum(pre, post), color=drawing.MUTED_COLOUR, linewidth=0.6)
    for values, colour in ((pre, drawing.PRE_COLOUR), (post, drawing.POST_COLOUR)):
        axis.plot(angles, values, "o", color=colour, markersize=3.5, markeredgewidth=0)
    axis.plot(0, 0, "+", color="black", markersize=5, markeredgewidth=0.8)
    farthest = max(pre.max(), post.max())
    axis.set_ylim(0, 1.05 * farthest if farthest > 0 else 1)
    axis.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))
    axis.tick_params(axis="y", labelleft=False)
    for distance in axis.get_yticks():
        if distance <= axis.get_ylim()[1]:
            axis.text(
                0, distance, f"{distance:.4g}", fontsize=drawing.LEAST_TEXT, ha="center", va="center", **SCALE_LOOK
            )
    axis.tick_params(axis="x", pad=-2)
    axis.spines["polar"].set_visible(False)
    axis.grid(visible=True)
    drawing.label_languages(axis.xaxis, angles, spec.languages, panel.model, bold=panel.target)


def draw_example(axis: Axes, shown: pd.DataFrame, panel: Panel, spec: Spec) -> None:
    """Draw the query whose retrieval is mended, what is found for it, and how many are; `shown` is indexed by language.

    Where there is none, the reason.
    """
    axis.axis("off")
    query = spec.name(panel.target)
    chosen = shown.index[shown["query_text"].notna()]
    if chosen.empty:
        title, unseen = f"{query} queries", False
        paragraphs = [Paragraph(why_none(shown, query)), Paragraph(totals(shown))]
    else:
        (language,) = chosen
        example = shown.loc[language]
        unseen = not panel.model.has_seen(language)
        title = f"{query} query, {spec.name(language)}{'*' if unseen else ''} candidates"
        missed = f"Nearest pre-intervention: wrong, the translation has rank {example['pre_rank']:,}"
        found = "Nearest post-intervention: the translation"
        counts = f"In {spec.name(language)}: {mended(example)}. {totals(shown)}"
        paragraphs = [
            Paragraph(example["query_text"], "Query", drawing.MUTED_COLOUR),
            Paragraph(example["pre_text"], missed, drawing.PRE_COLOUR, mark="\N{BALLOT X}"),
            Paragraph(example["right_text"], found, drawing.POST_COLOUR, mark="\N{CHECK MARK}"),
            Paragraph(counts),
        ]
    write_paragraphs(axis, title, drawing.UNSEEN_COLOUR if unseen else "black", paragraphs)


def mended(counts: pd.Series) -> str:
    """Return how many queries change, of how many."""
    return (
        f"{counts['wrong_to_right']:,} of {counts['queries']:,} queries change from wrong to right, "
        f"{counts['right_to_wrong']:,} from right to wrong"
    )


def totals(shown: pd.DataFrame) -> str:
    """Return how many queries change over all candidate languages."""
    return f"Over all {shown['queries'].count()} candidate languages: {mended(shown[COUNTS].sum())}."


def why_none(shown: pd.DataFrame, query: str) -> str:
    """Return why no example is drawn."""
    if shown["wrong_to_right"].sum() == 0:
        return f"No {query} query changes from wrong to right in any candidate language."
    return f"{query} queries change from wrong to right, but the figure's font cannot draw the examples."


@dataclass(frozen=True)
class Paragraph:
    """A text, and above it a heading with a mark, and at the left a bar in a colour; without colour, a note."""

    text: str
    heading: str = ""
    colour: str | None = None
    mark: str = ""


def write_paragraphs(axis: Axes, title: str, colour: str, paragraphs: list[Paragraph]) -> None:
    """Write a title in a colour and paragraphs below each other, together in the middle of the height of an axis."""
    # Coordinates in points, from the middle of the left edge.
    points = Affine2D().scale(1 / 72) + axis.figure.dpi_scale_trans + ScaledTranslation(0, 0.5, axis.transAxes)
    write = partial(axis.text, transform=points, va="baseline", parse_math=False)
    heights = [LINE * (bool(paragraph.heading) + len(lines_of(paragraph.text))) for paragraph in paragraphs]
    top = (LINE + sum(heights) + GAP * len(paragraphs)) / 2
    write(0, top - BASELINE, title, color=colour, fontsize=TITLE_SIZE, fontweight="bold")
    top -= LINE + GAP
    for paragraph, height in zip(paragraphs, heights, strict=True):
        y = top - BASELINE
        if paragraph.colour:
            bar = {"color": paragraph.colour, "linewidth": 2, "solid_capstyle": "butt"}
            axis.plot([0, 0], [top, top - height], transform=points, clip_on=False, **bar)
        if paragraph.heading:
            write(INDENT, y, paragraph.mark, color=paragraph.colour, fontsize=MARK_SIZE)
            indent = INDENT + MARK_SIZE if paragraph.mark else INDENT
            write(indent, y, paragraph.heading, color=drawing.MUTED_COLOUR, fontsize=TEXT_SIZE)
            y -= LINE
        place = {"x": RIGHT, "ha": "right"} if reads_leftward(paragraph.text) else {"x": INDENT, "ha": "left"}
        for line in lines_of(paragraph.text):
            ink = "black" if paragraph.colour else drawing.MUTED_COLOUR
            write(y=y, s=line, color=ink, fontsize=TEXT_SIZE, **place)
            y -= LINE
        top -= height + GAP


@cache
def lines_of(text: str) -> list[str]:
    """Return a text in lines that fit between `INDENT` and `RIGHT`; a text that is too long ends in an ellipsis."""
    for letters in range(MOST_LETTERS, 0, -1):
        lines = textwrap.wrap(composed(text), letters, max_lines=MOST_LINES, placeholder=" …")
        if all(width_of(line) <= RIGHT - INDENT for line in lines):
            break
    return lines


def width_of(line: str) -> float:
    """Return the width of a line in points."""
    font = figures_font()
    font.set_size(TEXT_SIZE, 72)
    font.set_text(line, flags=LoadFlags.NO_HINTING)
    return font.get_width_height()[0] / 64


def reads_leftward(text: str) -> bool:
    """Return whether a text is read from right to left: its first letter is Hebrew, Arabic or the like."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((direction for direction in directions if direction in ("L", "R", "AL")), "L") != "L"


def caption(spec: Spec, drawn: pd.DataFrame) -> str:
    """Return what the figure shows and how it was computed."""
    return drawing.joined(
        f"The intervention on experts of {spec.target_names}, measured on {spec.dataset}. Left: the centre is the "
        f"{registry.medoids()[spec.medoid].description}, the angle is the language and the radius the cosine distance "
        "of the language's mean embedding to the medoid of its own space, before and after the intervention.",
        "Each row has a scale of its own." if len(spec.panels) * len(spec.poolings) > 1 else "",
        "Right: a query in the language of the intervention, the sentence that is most "
        f"similar to it (by {spec.similarity.replace('_', ' ')}) before the intervention, which is wrong, and after "
        "it, which is the translation. The candidate language is the one with the largest net number of queries that "
        "become right, of those that can be drawn; the query is the one that becomes right with the largest margin."
        if drawn["query_text"].notna().any()
        else "Right: how many queries in the language of the intervention change.",
        drawing.unseen_note(spec.models, spec.languages),
    )


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return what is drawn from the metric CSVs."""
    medoid = read_metrics(files.medoid, ["dataset", "medoid", "language", "value"])
    keys = ["dataset", "similarity", "query", "candidate"]
    examples = read_metrics(files.examples, [*keys, *COUNTS, *TEXTS, "pre_rank"])
    return observations(medoid, examples, spec)


main = figure_stage(
    Spec,
    __doc__,
    {
        "medoid...": "distances to the medoid, one CSV per condition, that of the unintervened model too",
        "examples...": "examples of retrieval, one CSV per condition",
    },
    read,
    draw,
    describe=lambda drawn, spec: ("Distance to the medoid and an example of retrieval", caption(spec, drawn)),
)


if __name__ == "__main__":
    stage.run(main)
