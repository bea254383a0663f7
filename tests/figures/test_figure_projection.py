"""Figures 3, 6–20 and 27–29 from made-up projections: what is drawn, how it is labelled, what is written."""

import json
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from drawn import figure_by
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.markers import MarkerStyle

from workflow_scripts.figures import colours, figure_projection
from workflow_scripts.figures import labels as placing
from workflow_scripts.jobs.errors import StudyError

LANGUAGES = ["th", "de", "es", "ja"]
BLOOM = {"name": "bloom-7b", "label": "Bloom-7B", "seen": ["de", "es"]}
AYA = {"name": "aya-8b", "label": "Aya-8B", "seen": None}
SPEC = {
    "panels": [
        {"model": BLOOM, "target": "es", "title": "Bloom-7B"},
        {"model": AYA, "target": "es", "title": "Aya-8B"},
    ],
    "poolings": ["max", "mean"],
    "units": "expert",
    "seed": None,
    "sentences": None,
    "components": None,
    "languages": LANGUAGES,
    "dataset": "devtest",
    "neighbours": 15,
    "min_distance": 0.1,
    "names": {"es": "Spanish"},
}
PANELS = list(product(["max", "mean"], ["bloom-7b", "aya-8b"]))
SUFFIXES = ["pdf", "png", "csv", "json"]
RED = to_rgb("#C00000")


def made_up(model, pooling, units="expert", target="es", k=9, seed=None, languages=LANGUAGES, sentences=10, spread=1.0):
    draw = np.random.default_rng([len(model), len(pooling), len(units), seed or 0])
    ids = [f"devtest-{row:06}" for row in range(sentences)]
    points = pd.MultiIndex.from_product([["pre", "post"], languages, ids], names=["space", "language", "id"])
    centres = np.repeat(draw.normal(0, 8 * spread, (2 * len(languages), 2)), sentences, axis=0)
    plane = (centres + draw.normal(0, spread, (len(points), 2))).astype(np.float32)
    leading = {"model": model, "condition": f"{target}-{units}-{pooling}-k{k}", "target": target, "pooling": pooling}
    frame = points.to_frame(index=False).assign(**leading, units=units, k=k, seed=seed, x=plane[:, 0], y=plane[:, 1])
    return frame.astype({"seed": "Int64"})


def write(folder, *projections):
    for number, frame in enumerate(projections):
        frame.to_parquet(folder / f"{number}.parquet", index=False)
    return sorted(folder.glob("*.parquet"))


def run(paths, folder, **changed):
    """Run the stage; the figure that it drew, and what it wrote."""
    files = {suffix: folder / f"projection.{suffix}" for suffix in SUFFIXES}
    outputs = [f"--{suffix}={path}" for suffix, path in files.items()]
    command = ["--spec", json.dumps({**SPEC, **changed}), "--projections", *map(str, paths), *outputs]
    return figure_by(figure_projection.main, command), files


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Projections of experts and of two draws of the random control."""
    models, poolings = ["bloom-7b", "aya-8b"], ["max", "mean"]
    experts = [made_up(model, pooling) for model, pooling in product(models, poolings)]
    random = [made_up(*key, units="random", seed=seed) for *key, seed in product(models, poolings, [0, 1])]
    return write(tmp_path_factory.mktemp("projections"), *experts, *random)


@pytest.fixture(scope="module")
def default(paths, tmp_path_factory):
    return run(paths, tmp_path_factory.mktemp("default"))


def labels(axis):
    return [text for text in axis.texts if text.get_text()]


def one_panel(folder, frame, **changed):
    """Axes of the one panel that shows a projection of `bloom-7b`, `max`."""
    figure, files = run(write(folder, frame), folder, panels=SPEC["panels"][:1], poolings=["max"], **changed)
    return figure.axes[0], files


def test_dots_are_sentences_before_and_crosses_after(default):
    figure, files = default
    written = pd.read_csv(files["csv"], float_precision="round_trip")
    assert len(written) == 4 * 2 * len(LANGUAGES) * 10
    for axis, (pooling, model) in zip(figure.axes, PANELS, strict=True):
        expected = made_up(model, pooling)
        here = written[(written["model"] == model) & (written["pooling"] == pooling)]
        assert len(axis.collections) == 2
        for marks, space, marker in zip(axis.collections, ["pre", "post"], ["o", "x"], strict=True):
            path = MarkerStyle(marker)
            assert np.array_equal(
                marks.get_paths()[0].vertices, path.get_path().transformed(path.get_transform()).vertices
            )
            for frame in (expected, here):
                places = frame.loc[frame["space"] == space, ["x", "y"]].astype(np.float32)
                assert set(map(tuple, marks.get_offsets().tolist())) == set(map(tuple, places.to_numpy().tolist()))


def test_the_csv_says_what_was_done_and_what_was_seen(default):
    written = pd.read_csv(default[1]["csv"])
    assert list(written.columns) == [*figure_projection.COLUMNS[:-3], "seen", "id", "x", "y"]
    assert (written["seen"] == ((written["model"] == "aya-8b") | written["language"].isin(["de", "es"]))).all()
    assert set(written["units"]) == {"expert"} and written["seed"].isna().all()


def test_every_language_is_labelled_at_its_median_with_an_asterisk_after(default):
    figure, _ = default
    for axis, (pooling, model) in zip(figure.axes, PANELS, strict=True):
        frame = made_up(model, pooling)
        places = {label.get_text(): label.xy for label in labels(axis)}
        assert set(places) == {language + mark for language in LANGUAGES for mark in ("", "*")}
        for text, place in places.items():
            space = "post" if text.endswith("*") else "pre"
            cloud = frame[(frame["language"] == text[:2]) & (frame["space"] == space)]
            assert place == pytest.approx([np.median(cloud["x"]), np.median(cloud["y"])])


def test_exactly_the_unseen_languages_are_red_and_the_target_is_bold(default):
    figure, _ = default
    for axis, (_, model) in zip(figure.axes, PANELS, strict=True):
        red = {label.get_text() for label in labels(axis) if to_rgb(label.get_color()) == RED}
        assert red == ({"th", "th*", "ja", "ja*"} if model == "bloom-7b" else set())
        assert {label.get_text() for label in labels(axis) if label.get_weight() == "bold"} == {"es", "es*"}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_legend_says_what_dots_crosses_asterisks_and_red_mean(default, paths, tmp_path):
    before, after, red = legend(default[0])
    assert before == "pre-intervention, labelled es"
    assert after == "post-intervention, labelled es*"
    assert red == "red label: not seen in pre-training"
    assert len(legend(run(paths, tmp_path, panels=SPEC["panels"][1:])[0])) == 2


def test_one_draw_of_the_random_control_is_shown_and_named(paths, tmp_path):
    figure, files = run(paths, tmp_path, units="random", seed=1)
    written = pd.read_csv(files["csv"], float_precision="round_trip")
    assert set(written["seed"]) == {1} and set(written["units"]) == {"random"}
    expected = made_up("bloom-7b", "max", units="random", seed=1)
    shown = written[(written["model"] == "bloom-7b") & (written["pooling"] == "max")]
    assert np.array_equal(shown["x"].astype(np.float32), expected["x"])
    assert legend(figure)[1] == "post-intervention on random neurons, labelled es*"
    assert "random neurons (draw 1)" in json.loads(files["json"].read_text())["caption"]


def test_languages_that_are_not_asked_for_are_left_out(tmp_path):
    axis, files = one_panel(tmp_path, made_up("bloom-7b", "max"), languages=["th", "es"])
    assert {label.get_text() for label in labels(axis)} == {"th", "th*", "es", "es*"}
    assert set(pd.read_csv(files["csv"])["language"]) == {"th", "es"}


@pytest.mark.parametrize("spread", [1e-9, 1.0, 1e6])
def test_a_panel_is_a_square_of_the_plane_that_holds_all_sentences(tmp_path, spread):
    frame = made_up("bloom-7b", "max", spread=spread).assign(y=lambda frame: frame["y"] / 5)
    axis, _ = one_panel(tmp_path, frame)
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    assert right - left == pytest.approx(top - bottom)
    box = axis.get_window_extent()
    assert box.width == pytest.approx(box.height, rel=1e-6)
    assert left < frame["x"].min() and frame["x"].max() < right
    assert bottom < frame["y"].min() and frame["y"].max() < top


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_labels_of_22_languages_do_not_overlap_even_at_one_place(tmp_path, spread):
    languages = ["es", *(f"{letter}x" for letter in "abcdefghijklmnopqrstu")]
    axis, _ = one_panel(tmp_path, made_up("bloom-7b", "max", languages=languages, spread=spread), languages=languages)
    axis.figure.draw_without_rendering()  # at the figure's resolution, not at that of the file
    boxes = [label.get_window_extent() for label in labels(axis)]
    assert len(boxes) == 44
    for one, other in combinations(boxes, 2):
        assert one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0
    frame = axis.get_window_extent()
    for box in boxes:
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1


# With many at one place, along an edge or in a corner.
coordinates = st.floats(0, 200) | st.sampled_from([0.0, 100.0, 200.0])
places = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=30)


@given(places, st.data())
def test_boxes_are_moved_only_where_they_overlap_and_stay_inside(places, data):
    widths = data.draw(st.lists(st.floats(5, 20), min_size=len(places), max_size=len(places)))
    sizes = np.array([(width, 8) for width in widths])
    bounds = np.array([[0, 0], [200, 200]])
    centres = np.clip(np.array(places), sizes / 2, bounds[1] - sizes / 2)
    moved = placing.without_overlap(centres, sizes, bounds)
    assert (moved >= sizes / 2 - 1e-9).all() and (moved <= bounds[1] - sizes / 2 + 1e-9).all()

    def overlap(boxes, one, other):
        return (abs(boxes[one] - boxes[other]) < (sizes[one] + sizes[other]) / 2 - 1e-6).all()

    pairs = list(combinations(range(len(places)), 2))
    assert not any(overlap(moved, one, other) for one, other in pairs)
    near = (abs(centres[:, None] - centres[None, :]) < (sizes[:, None] + sizes[None, :]) / 2 + 2.5).all(axis=2)
    if near.sum() == len(places):  # only each with itself
        assert moved == pytest.approx(centres, abs=1.1)


def test_colours_tell_languages_and_spaces_apart():
    languages = [str(number) for number in range(22)]
    chosen = figure_projection.language_colours(languages)
    of_all = np.array([chosen[space][language] for space in ("pre", "post") for language in languages])
    assert ((of_all >= 0) & (of_all <= 1)).all()
    distances = np.abs(of_all[:, None] - of_all[None, :]).max(axis=2) + np.eye(44)
    assert distances.min() > 0.05
    luminance = (np.where(of_all <= 0.04045, of_all / 12.92, ((of_all + 0.055) / 1.055) ** 2.4)) @ [
        0.2126,
        0.7152,
        0.0722,
    ]
    assert luminance[:22].min() > luminance[22:].max()


@pytest.mark.parametrize(
    ("oklch", "rgb"),
    [
        ((1, 0, 0), (1, 1, 1)),
        ((0, 0, 0), (0, 0, 0)),
        ((0.6279554, 0.2576833, 29.2338804), (1, 0, 0)),
        ((0.8664396, 0.2948272, 142.4953389), (0, 1, 0)),
        ((0.4520137, 0.3132144, 264.0520206), (0, 0, 1)),
    ],
    ids=["white", "black", "red", "green", "blue"],
)
def test_oklch_is_that_of_css(oklch, rgb):
    lightness, chroma, degrees = (np.array([value]) for value in oklch)
    assert colours.oklch_to_rgb(lightness, chroma, np.deg2rad(degrees))[0] == pytest.approx(rgb, abs=2e-3)


def test_caption_says_how_the_plane_was_computed(default, paths, tmp_path):
    written = json.loads(default[1]["json"].read_text())
    assert written["title"] == "Embedding space (UMAP)"
    for part in ("all sentences of devtest in 4 languages", "experts of Spanish", "15 neighbours", "distance 0.1"):
        assert part in written["caption"]
    assert "principal" not in written["caption"]
    reduced = json.loads(run(paths, tmp_path, sentences=10, components=50)[1]["json"].read_text())["caption"]
    assert "the first 10 sentences of devtest" in reduced and "first 50 principal components" in reduced


def test_equal_figures_are_equal_bytes_whatever_the_order_of_files(default, paths, tmp_path):
    _, files = run(paths[::-1], tmp_path)
    for suffix, path in files.items():
        assert path.read_bytes() == default[1][suffix].read_bytes(), suffix


def test_the_pdf_of_44_528_sentences_is_small_and_its_text_is_text(tmp_path):
    languages = ["es", *(f"{letter}x" for letter in "abcdefghijklmnopqrstu")]
    frame = made_up("bloom-7b", "max", languages=languages, sentences=1012)
    _, files = one_panel(tmp_path, frame, languages=languages)
    pdf = files["pdf"].read_bytes()
    assert b"/Subtype /Image" in pdf and b"/Type /Font" in pdf
    assert len(pdf) < 1_000_000


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"languages": [*LANGUAGES, "uk"]}, "language uk"),
        ({"poolings": ["max", "last"]}, "pooling last"),
        ({"panels": [{"model": BLOOM, "target": "ja", "title": ""}]}, "target ja"),
        ({"units": "random", "seed": 7}, "seed 7"),
    ],
)
def test_a_missing_projection_is_refused_by_name(paths, tmp_path, changed, named):
    with pytest.raises(StudyError, match=named):
        run(paths, tmp_path, **changed)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("k", [9, 10], ids=["same condition", "other k"])
def test_two_projections_for_one_panel_are_refused(tmp_path, k):
    write(tmp_path, made_up("bloom-7b", "max"), made_up("bloom-7b", "max", k=k))
    with pytest.raises(StudyError, match="hold 2 rows with model bloom-7b, pooling max"):
        run(sorted(tmp_path.glob("*.parquet")), tmp_path, panels=SPEC["panels"][:1], poolings=["max"])


def test_a_damaged_file_and_one_of_something_else_are_refused_by_name(paths, tmp_path):
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(paths[0].read_bytes()[:-100])
    other = tmp_path / "other.parquet"
    pd.DataFrame({"id": ["1"]}).to_parquet(other)
    for path in (damaged, other):
        with pytest.raises(StudyError, match=path.name):
            run([*paths, path], tmp_path)
