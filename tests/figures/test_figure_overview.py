"""Figure 1 from made-up distances and examples: what is drawn, which example, what is written."""

import json
import os
import subprocess
import sys
import warnings
from itertools import product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import figure_by
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from workflow_scripts.figures import drawing, figure_overview
from workflow_scripts.jobs.errors import StudyError

LANGUAGES = ["de", "en", "es", "ja", "he"]
NAMES = {"de": "German", "en": "English", "es": "Spanish", "ja": "Japanese", "he": "Hebrew"}
SEEN = {"bloom-7b": ["en", "es", "ja"], "aya-8b": None}
LABELS = {"bloom-7b": "Bloom-7B", "aya-8b": "Aya-8B"}
PANELS = [
    {"model": {"name": name, "label": LABELS[name], "seen": seen}, "target": "es", "title": LABELS[name]}
    for name, seen in SEEN.items()
]
SPEC = {
    "panels": PANELS,
    "poolings": ["max", "mean"],
    "languages": LANGUAGES,
    "names": NAMES,
    "dataset": "dev",
    "similarity": "cosine",
    "medoid": "sentence",
}
ROWS = list(product(LABELS, ["max", "mean"]))
# Candidate language: queries that become right, queries that become wrong, text of the translation.
CANDIDATES = {
    "de": (7, 5, "Der Zug fährt um $5 und um \\frac6$ ab."),
    "en": (9, 3, "The train leaves at five and at six."),
    "ja": (40, 1, "列車は五時に出ます。"),
    "he": (5, 0, "הרכבת יוצאת בחמש."),
}
QUERY = "El tren sale a las cinco y a las seis."


def examples(model, pooling, candidates, target="es"):
    """Metrics of one intervention: one row a candidate language; without texts where no query becomes right."""
    rows = []
    for language, (gained, lost, text) in candidates.items():
        row = {"candidate": language, "queries": 50, "wrong_to_right": gained, "right_to_wrong": lost}
        if gained:
            row |= {"query_text": QUERY, "pre_text": f"2: {text}", "right_text": text, "pre_rank": 1234}
        rows.append(row)
    columns = ["candidate", "queries", "wrong_to_right", "right_to_wrong", *figure_overview.TEXTS, "pre_rank"]
    leading = {"model": model, "condition": f"{target}-expert-{pooling}", "units": "expert", "pooling": pooling}
    keys = {"target": target, "dataset": "dev", "query": target, "similarity": "cosine"}
    return pd.DataFrame(rows, columns=columns).assign(**leading, **keys)


def distances(model, pooling, generator):
    """Distances to two kinds of medoid under an intervention, or without one if `pooling` is None."""
    rows = [
        {"medoid": medoid, "language": language, "value": generator.random()}
        for medoid, language in product(["sentence", "centroid"], LANGUAGES)
    ]
    units, target = ("none", None) if pooling is None else ("expert", "es")
    leading = {"model": model, "condition": units, "units": units, "pooling": pooling, "target": target}
    return pd.DataFrame(rows).assign(**leading, dataset="dev")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    generator = np.random.default_rng(0)
    for model in LABELS:
        for pooling in (None, "max", "mean"):
            distances(model, pooling, generator).to_csv(folder / f"medoid-{model}-{pooling}.csv", index=False)
            if pooling:
                examples(model, pooling, CANDIDATES).to_csv(folder / f"examples-{model}-{pooling}.csv", index=False)
    return folder


def distance(metrics, model, pooling, language):
    table = pd.read_csv(metrics / f"medoid-{model}-{pooling}.csv", float_precision="round_trip")
    return table.loc[(table["medoid"] == "sentence") & (table["language"] == language), "value"].item()


def files_of(folder):
    return {suffix: folder / f"overview.{suffix}" for suffix in drawing.OUTPUTS}


def command(metrics, folder, **changed):
    inputs = [["--" + name, *map(str, sorted(metrics.glob(f"{name}-*.csv")))] for name in ("medoid", "examples")]
    outputs = [f"--{suffix}={path}" for suffix, path in files_of(folder).items()]
    return ["--spec", json.dumps({**SPEC, **changed}), *inputs[0], *inputs[1], *outputs]


def run(metrics, folder, **changed):
    """Run the stage; the figure that it drew, and what it wrote."""
    return figure_by(figure_overview.main, command(metrics, folder, **changed)), files_of(folder)


def spec_of(**changed):
    return figure_overview.Spec.model_validate_json(json.dumps({**SPEC, **changed}))


def drawn_with(metrics, candidates, spread=1.0):
    """What a figure of one model and pooling draws, and its axes, if examples and spread of distances are others."""
    spec = spec_of(panels=PANELS[:1], poolings=["max"])
    paths = [metrics / f"medoid-bloom-7b-{pooling}.csv" for pooling in (None, "max")]
    medoid = figure_overview.read_metrics(paths, ["value"])
    medoid["value"] *= spread
    drawn = figure_overview.observations(medoid, examples("bloom-7b", "max", candidates), spec)
    with drawing.style(), warnings.catch_warnings():
        warnings.simplefilter("error")  # of characters without a glyph
        figure = figure_overview.draw(drawn, spec)
        figure.draw_without_rendering()
    return drawn.set_index("language"), figure.axes


def written(axis):
    return [text.get_text() for text in axis.texts]


@pytest.fixture(scope="module")
def default(metrics, tmp_path_factory):
    """Figure and files with SPEC, in a process whose own settings are not the figures'."""
    with mpl.rc_context({"font.size": 30, "pdf.fonttype": 3}):
        return run(metrics, tmp_path_factory.mktemp("default"))


def test_points_lie_at_the_distances_to_the_medoid_before_and_after(metrics, default):
    figure, files = default
    table = pd.read_csv(files["csv"], float_precision="round_trip").set_index(["model", "pooling", "language"])
    assert len(table) == 4 * len(LANGUAGES)
    for ring, (model, pooling) in zip(figure.axes[::2], ROWS, strict=True):
        before, after, centre = ring.lines
        assert list(zip(*centre.get_data(), strict=True)) == [(0, 0)]
        assert to_rgb(before.get_color()) == to_rgb(drawing.PRE_COLOUR)
        assert to_rgb(after.get_color()) == to_rgb(drawing.POST_COLOUR)
        for points, space in ((before, "pre"), (after, "post")):
            angles, radii = points.get_data()
            assert list(angles) == list(ring.get_xticks()) and len(set(angles)) == len(LANGUAGES)
            for language, radius in zip(LANGUAGES, radii, strict=True):
                measured = distance(metrics, model, pooling if space == "post" else None, language)
                assert radius == measured == table.loc[(model, pooling, language), space]
        low, high = ring.get_ylim()
        assert low == 0 and high >= max(before.get_ydata().max(), after.get_ydata().max())
        labelled = [text.xy[1] if hasattr(text, "xy") else text.get_position()[1] for text in ring.texts]
        assert [float(text.get_text()) for text in ring.texts] == pytest.approx(labelled) and labelled


def test_rows_are_titled_by_model_and_by_pooling_if_there_are_several(metrics, default):
    titles = ["Bloom-7B, max pooling", "Bloom-7B, mean pooling", "Aya-8B, max pooling", "Aya-8B, mean pooling"]
    assert [ring.get_title() for ring in default[0].axes[::2]] == titles
    assert drawn_with(metrics, CANDIDATES)[1][0].get_title() == "Bloom-7B"


def test_unseen_languages_are_red_with_an_asterisk_and_the_target_is_bold(default):
    figure, _ = default
    for ring, (model, _) in zip(figure.axes[::2], ROWS, strict=True):
        labels = ring.get_xticklabels()
        unseen = {"de", "he"} if model == "bloom-7b" else set()
        assert [label.get_text().rstrip("*") for label in labels] == LANGUAGES
        assert {label.get_text()[:2] for label in labels if label.get_text().endswith("*")} == unseen
        assert {label.get_text()[:2] for label in labels if to_rgb(label.get_color()) == to_rgb("#C00000")} == unseen
        assert [label.get_text() for label in labels if label.get_fontweight() == "bold"] == ["es"]
    assert "red: not seen in pre-training" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_example_is_of_the_language_with_the_largest_net_gain_that_the_font_can_draw(default):
    figure, files = default
    for axis in figure.axes[1::2]:
        texts = written(axis)
        assert texts[0] == "Spanish query, English candidates"
        assert texts[texts.index("Query") + 1] == QUERY
        cross, wrong, found, check, right, translation = texts[texts.index("✗") :][:6]
        assert (cross, found) == ("✗", "2: The train leaves at five and at six.")
        assert (check, translation) == ("✓", "The train leaves at five and at six.")
        assert "1,234" in wrong and "translation" in right
        counts = " ".join(texts[texts.index(translation) + 1 :])
        assert "English: 9 of 50 queries change from wrong to right, 3 from right to wrong." in counts
        assert "all 4 candidate languages: 61 of 200 queries change from wrong to right, 9 from right" in counts
    table = pd.read_csv(files["csv"])
    assert set(table.loc[table["query_text"].notna(), "language"]) == {"en"}
    assert set(table.loc[table["wrong_to_right"].notna(), "language"]) == set(CANDIDATES)


def test_an_unseen_candidate_language_is_red_and_dollars_are_no_formula(metrics):
    candidates = {**CANDIDATES, "en": (0, 3, "")}
    shown, axes = drawn_with(metrics, {**candidates, "de": (30, 0, CANDIDATES["de"][2])})
    texts = written(axes[1])
    assert texts[0] == "Spanish query, German* candidates"
    assert to_rgb(axes[1].texts[0].get_color()) == to_rgb(drawing.UNSEEN_COLOUR)
    assert CANDIDATES["de"][2] in texts
    assert shown.loc["de", "right_text"] == CANDIDATES["de"][2]


def test_hebrew_is_drawn_to_the_right(metrics):
    candidates = {**CANDIDATES, "he": (30, 0, CANDIDATES["he"][2])}
    texts = drawn_with(metrics, candidates)[1][1].texts
    (hebrew,) = (text for text in texts if text.get_text() == CANDIDATES["he"][2])
    assert hebrew.get_horizontalalignment() == "right"
    assert all(text.get_horizontalalignment() == "left" for text in texts if text.get_text().isascii())


def test_of_equal_gains_the_first_language_is_shown(metrics):
    _, axes = drawn_with(metrics, {**CANDIDATES, "de": (6, 0, "Ein Zug.")})
    assert written(axes[1])[0] == "Spanish query, German* candidates"


def test_it_is_said_in_words_that_no_query_becomes_right(metrics):
    shown, axes = drawn_with(metrics, {language: (0, 2, "") for language in CANDIDATES})
    texts = written(axes[1])
    assert "No Spanish query changes from wrong to right in any candidate language." in " ".join(texts)
    assert "0 of 200 queries change from wrong to right, 8 from right to wrong" in " ".join(texts)
    assert "✗" not in texts and shown["query_text"].isna().all()


def test_it_is_said_in_words_that_the_font_lacks_the_scripts(metrics):
    candidates = {language: (0, 2, "") for language in CANDIDATES} | {"ja": CANDIDATES["ja"]}
    shown, axes = drawn_with(metrics, candidates)
    texts = written(axes[1])
    assert "font cannot draw" in " ".join(texts) and "✗" not in texts
    assert shown["query_text"].isna().all() and shown.loc["ja", "wrong_to_right"] == 40


@pytest.mark.parametrize("text", ["ไทย", "हिन्दी", "中文", "日本", "한국"])
def test_scripts_that_the_font_lacks_are_known(text):
    assert not figure_overview.can_draw(f"Latin and {text}")


@pytest.mark.parametrize(
    "text", ["Ελληνικά", "українська", "Tiếng Việt", "Tie\u0302\u0301ng\u00a0Vie\u0323\u0302t", "עברית", "فارسی"]
)
def test_scripts_that_the_font_has_are_known(text):
    assert figure_overview.can_draw(text)


def test_accents_are_drawn_as_one_with_their_letters():
    assert figure_overview.lines_of("Tie\u0302\u0301ng\nVie\u0323\u0302t") == ["Ti\u1ebfng Vi\u1ec7t"]


@given(st.text(alphabet="iWЩß .,-$\\", min_size=1, max_size=400).filter(str.strip))
def test_lines_fit_and_lose_words_only_at_an_ellipsis(text):
    lines = figure_overview.lines_of(text)
    assert 1 <= len(lines) <= figure_overview.MOST_LINES
    room = figure_overview.RIGHT - figure_overview.INDENT
    assert max(map(figure_overview.width_of, lines)) <= room
    drawn, whole = "".join("".join(lines).split()), "".join(text.split())
    assert drawn == whole or (drawn.endswith("…") and whole.startswith(drawn.removesuffix("…")))


def test_the_caption_names_the_target_the_data_the_similarity_and_the_medoid(default):
    _, files = default
    captions = [json.loads(files["json"].read_text(encoding="utf-8"))["caption"]]
    captions.append(figure_overview.caption(spec_of(medoid="centroid"), pd.read_csv(files["csv"])))
    for caption, medoid in zip(
        captions, ["smallest summed cosine distance", "mean of all sentence embeddings"], strict=True
    ):
        for named in ("Spanish", "dev", "by cosine", medoid):
            assert named in caption


def test_no_distance_at_all_can_be_drawn(metrics):
    low, high = drawn_with(metrics, CANDIDATES, spread=0)[1][0].get_ylim()
    assert low < high


def test_equal_figures_are_equal_bytes_whatever_the_process_and_its_settings(metrics, default, tmp_path):
    _, files = default
    assert files["pdf"].read_bytes().startswith(b"%PDF")
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    environment = {**os.environ, "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "0"}
    python = [sys.executable, "-m", "workflow_scripts.figures.figure_overview", *command(metrics, tmp_path)]
    subprocess.run(python, check=True, env=environment, cwd=Path(__file__).parents[2])
    for suffix, path in files.items():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), suffix


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"languages": [*LANGUAGES, "uk"]}, "distances to the medoid lack .* language uk"),
        ({"similarity": "margin"}, "examples of retrieval lack .* similarity margin"),
        ({"dataset": "test"}, "dataset test"),
        ({"medoid": "language_means"}, "medoid language_means"),
    ],
)
def test_a_missing_observation_is_refused_by_name(metrics, tmp_path, changed, named):
    with pytest.raises(StudyError, match=named):
        run(metrics, tmp_path, **changed)
    assert not list(tmp_path.iterdir())
