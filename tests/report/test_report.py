"""The report from made-up results, as text and as a browser shows it."""

import base64
import dataclasses
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from workflow_scripts.config.study import Config
from workflow_scripts.figures import drawing, figure_retrieval, figure_retrieval_change
from workflow_scripts.interventions.conditions import Condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.queries import write_retrieved
from workflow_scripts.models.manifests import ModelManifest
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.plan import Plan
from workflow_scripts.plan.shown import declared
from workflow_scripts.report import write_report
from workflow_scripts.report.chapters import CHAPTERS
from workflow_scripts.report.images import embed
from workflow_scripts.report.page import environment
from workflow_scripts.report.provenance import collect, write_provenance
from workflow_scripts.tables import layout, table_paraphrase
from workflow_scripts.texts.schema import COLUMNS, write

ROOT = Path(__file__).parents[2]
LABEL = "Demo <b>BLOOM &amp; co_"
LANGUAGES = ["de", "en", "es", "fr", "ja", "th"]
TARGETS = ["de", "en", "es", "fr", "ja"]
NAMES = {"de": "German", "en": "English", "es": "Spanish", "fr": "French", "ja": "Japanese"}
PLACES = {each.name if hasattr(each, "name") else each.kind: each.place for kind in declared() for each in kind}
FINDINGS = [
    {
        "title": LABEL,
        "findings": [
            {"text": "Languages come closer: −0.1 & more <b>.", "anchor": "table-1"},
            {"text": "Nothing shows this.", "anchor": "figure-2"},
        ],
    }
]
MODEL = {"name": "demo", "label": LABEL, "seen": ["de", "en", "es", "fr"]}


def study_config():
    raw = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())
    raw["models"]["demo"]["label"] = LABEL
    return Config.model_validate({**raw, "sweep": {"ks": [0, 100]}})


def manifest():
    return ModelManifest(
        name="demo",
        hub=None,
        revision=None,
        directory="/somewhere",
        identity="0123abcd" * 8,
        architecture="BloomModel",
        dtype="float32",
        device_map=None,
        trust_remote_code=False,
        pickle_weights=False,
        context=None,
        width=128,
        sites=[NeuronSite(module="h.0.mlp.dense", layer=0, width=640, offset=0)],
        left_out=["vision_tower (14 matrices)"],
    )


def metrics(folder):
    """What queries count, and paraphrase accuracies, of the unintervened model and of every target's experts."""
    generator = np.random.default_rng(0)
    retrieved, paraphrase = [], []
    for target in [None, *TARGETS]:
        units = "none" if target is None else "expert"
        leading = {"model": "demo", "condition": target or "base", "method": "force", "units": units}
        leading |= {"target": target, "pooling": target and "max", "k": 9, "seed": None, "dataset": "cldr"}
        done = Condition(name=target or "base", model="demo", units=units, target=target, pooling=target and "max")
        retrieved.append(folder / f"{done.name}.parquet")
        found = {"cosine": generator.integers(0, 2, (6, 6, 30)).astype(float)}
        write_retrieved(retrieved[-1], done, "cldr", found, LANGUAGES)
        for space in ("pre", "post", "mixed"):
            observed = {"similarity": "cosine", "language": target, "space": space, "pairs": 7}
            paraphrase += [{**leading, **observed, "accuracy": generator.random()}] if target else []
    pd.DataFrame(paraphrase).to_csv(folder / "paraphrase.csv", index=False)
    return {"retrieved": retrieved, "paraphrase": folder / "paraphrase.csv"}


def files_of(folder, stem, outputs):
    suffixes = {"markdown": "md", "latex": "tex"}
    return {name: folder / f"{stem}.{suffixes.get(name, name)}" for name in outputs}


def run_stage(stage, spec, files, **inputs):
    outputs = [f"--{name}={path}" for name, path in files.items()]
    stage.main(["--spec", json.dumps(spec), *inputs_of(inputs), *outputs])


def inputs_of(inputs):
    """Options with one path or several."""
    several = {name: paths if isinstance(paths, list) else [paths] for name, paths in inputs.items()}
    return [word for name, paths in several.items() for word in (f"--{name}", *map(str, paths))]


def made_up_table(title, rows):
    columns = [layout.Column("What"), layout.Column("Value", group="Group")]
    return layout.Table(title, f"Caption of {title}.", columns, rows, labels=1, gray_means="not significant")


ROWS = [
    [layout.Cell("b"), layout.Cell("10.0", value=10.0)],
    [layout.Cell("c"), layout.Cell("NA", value=float("nan"))],
    [layout.Cell("a"), layout.Cell("9.0", value=9.0, gray=True)],
    [layout.Cell("d"), layout.Cell("–")],
    [layout.Cell("e"), layout.Cell("-1.0", value=-1.0)],
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder of results: tables and figures by the stages that make them, provenance and computation."""
    folder = tmp_path_factory.mktemp("results with space")
    metric = metrics(folder)
    panel = {target: {"model": MODEL, "target": target, "title": NAMES[target]} for target in TARGETS}
    common = {"poolings": ["max"], "languages": LANGUAGES, "similarity": "cosine", "dataset": "cldr", "names": NAMES}
    for name, targets in (("table3", ["es"]), ("table5", ["de", "en", "fr", "ja"])):
        spec = {"models": [MODEL], "poolings": ["max"], "targets": targets, "similarity": "cosine", "names": NAMES}
        spec |= {"units": "expert", "seeds": []}
        run_stage(table_paraphrase, spec, files_of(folder, name, layout.OUTPUTS), paraphrase=metric["paraphrase"])
    for name in ("table1", "table4", "claims", "compute"):
        tidy = pd.DataFrame({"value": [1.0]})
        layout.write(
            tidy, made_up_table(f"Made up {name}", ROWS), SimpleNamespace(**files_of(folder, name, layout.OUTPUTS))
        )
    entries = [("retrieval", 4, ["es"], ""), ("retrieval_change", 5, ["es"], "")]
    entries += [
        ("retrieval_change_other_targets", 24 + place, [code], NAMES[code]) for place, code in enumerate(TARGETS[:3])
    ]
    drawn = []
    for kind, number, targets, subtitle in entries:
        stage = figure_retrieval if kind == "retrieval" else figure_retrieval_change
        own = {"units": "expert", "seeds": []} if kind == "retrieval" else {}
        files = files_of(folder / "figures" / kind, "-".join(targets), drawing.OUTPUTS)
        spec = {**common, **own, "panels": [panel[target] for target in targets], "resampling": {"resamples": 100}}
        run_stage(stage, spec, files, retrieved=metric["retrieved"])
        drawn.append(({"kind": kind, "number": number, "subtitle": subtitle}, files["png"]))
    write(folder / "texts.parquet", pd.DataFrame([("0", "en", "sentence", "a")], columns=COLUMNS))
    texts = dict.fromkeys(Plan(study_config()).corpora.names, folder / "texts.parquet")
    (folder / "findings.json").write_text(json.dumps(FINDINGS))
    write_provenance(folder / "provenance.json", collect(study_config(), [manifest()], texts))
    return SimpleNamespace(
        folder=folder,
        tables=[folder / f"{name}.json" for name in ("compute", "claims", "table5", "table1", "table3", "table4")],
        figures=drawn,
        findings=folder / "findings.json",
        provenance=folder / "provenance.json",
    )


def place(name):
    """Where in the report a table, or figures of a kind, stand."""
    return {"chapter": PLACES[name].chapter, "order": PLACES[name].order}


def make(results, page, **changed):
    """Run the stage; the page's text."""
    given = SimpleNamespace(**{**vars(results), **changed})
    entries, paths = zip(*given.figures, strict=True)
    tables = [{"name": path.stem, **place(path.stem)} for path in given.tables]
    figures = [{**place(entry["kind"]), **entry} for entry in entries]
    spec = {"title": "A study & more", "tables": tables, "figures": figures}
    command = ["--spec", json.dumps(spec), "--tables", *map(str, given.tables), "--figures", *map(str, paths)]
    command += ["--findings", str(given.findings), "--provenance", str(given.provenance), "--report", str(page)]
    write_report.main(command)
    return page.read_text()


@pytest.fixture(scope="module")
def page(results):
    return SimpleNamespace(path=results.folder / "report.html", text=make(results, results.folder / "report.html"))


class Page(HTMLParser):
    """Elements of a page with their attributes, and its tables; complains if tags are not nested well."""

    VOID = ("meta", "br", "link", "img", "input")

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.tables, self.headings = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append(["", dict(attributes)])
        elif tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1][0] += data
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]


# --- What is on the page ---


def test_chapters_come_in_the_order_of_the_paper_and_those_with_nothing_to_show_are_left_out(page):
    there = ["space", "retrieval", "paraphrases", "published", "languages", "computation"]
    titles = [chapter.title for chapter in CHAPTERS if chapter.name in there]
    assert Page(page.text).headings == ["What was found", *titles, "Settings", "Provenance"]
    assert 'href="#random"' not in page.text and 'href="#retrieval"' in page.text


def test_figures_of_a_chapter_come_before_its_tables_each_in_the_order_that_the_plan_declares(results, page):
    entries = [(path.stem, place(path.stem)) for path in results.tables]
    entries += [(entry["kind"], place(entry["kind"])) for entry, _ in results.figures]
    chapters = [chapter.name for chapter in CHAPTERS]
    tables = [path.stem for path in results.tables]
    entries.sort(key=lambda each: (chapters.index(each[1]["chapter"]), each[0] in tables, each[1]["order"]))
    anchors = {"retrieval": "figure-4", "retrieval_change": "figure-5", "retrieval_change_other_targets": "figure-24"}
    expected = [anchors.get(name, re.sub(r"^table(\d)", r"table-\1", name)) for name, _ in entries]
    found = [each for each in Page(page.text).attributes("id") if each in expected]
    assert found == list(dict.fromkeys(expected))


def test_the_page_opens_with_what_was_found_and_where_it_is_shown(page):
    found = page.text.split('<section id="findings">')[1].split("</section>")[0]
    assert page.text.index('id="findings"') < page.text.index('id="retrieval"') < page.text.index('id="study"')
    assert "Languages come closer: −0.1 &amp; more &lt;b&gt;." in found
    assert found.count("Shown in") == 1 and '<a class="aside" href="#table-1">Shown in Table 1</a>' in found


def test_every_link_inside_the_page_has_one_place_it_leads_to(page):
    parsed = Page(page.text)
    places = parsed.attributes("id")
    assert len(set(places)) == len(places)
    inside = {href.removeprefix("#") for href in parsed.attributes("href") if href.startswith("#")}
    assert inside <= set(places)
    assert {"table-1", "table-3", "claims", "figure-4", "figure-24"} <= inside


def test_every_link_to_a_file_leads_to_it_from_where_the_page_lies(results, page, tmp_path):
    for path in (page.path, tmp_path / "elsewhere" / "report.html"):
        parsed = Page(make(results, path))
        links = [href for href in parsed.attributes("href") if not href.startswith(("#", "data:"))]
        found = {(path.parent / unquote(href)).resolve() for href in links}
        expected = {file.with_suffix(f".{kind}") for file in results.tables for kind in ("csv", "md", "tex")}
        expected |= {file.with_suffix(f".{kind}") for _, file in results.figures for kind in ("png", "pdf", "csv")}
        assert found == {file.resolve() for file in [*expected, results.provenance]}


def test_a_file_that_is_not_there_is_not_linked_to(results, tmp_path):
    (tmp_path / "table1.json").write_bytes(results.tables[3].read_bytes())
    text = make(results, tmp_path / "report.html", tables=[tmp_path / "table1.json"])
    assert "table1.csv" not in text


def test_the_page_needs_nothing_from_elsewhere(page):
    parsed = Page(page.text)
    assert all(source.startswith("data:image/webp;base64,") for source in parsed.attributes("src"))
    assert [attributes for tag, attributes in parsed.elements if tag == "link"] == [{"rel": "icon", "href": "data:,"}]
    assert not re.search(r"https?:|url\(|@import", page.text)


def test_text_from_the_config_and_the_tables_is_shown_as_it_is(page):
    parsed = Page(page.text)
    cells = {text for table in parsed.tables for row in table for text, _ in row}
    assert LABEL in cells
    assert "b" not in {tag for tag, attributes in parsed.elements if attributes.get("class") == "label"}
    assert "<title>A study &amp; more</title>" in page.text


def test_figures_told_apart_by_a_subtitle_are_side_by_side_and_others_alone(results, page):
    assert "Figures 24–26. Change of retrieval accuracy</a>" in page.text
    assert page.text.count('class="gallery"') == 1
    gallery = page.text.split('class="gallery"')[1].split("</section>")[0]
    assert [f'id="figure-{number}"' in gallery for number in (4, 5, 24, 26)] == [False, False, True, True]
    alone = make(
        results,
        page.path.with_name("alone.html"),
        figures=[({**entry, "subtitle": "", "number": None}, path) for entry, path in results.figures],
    )
    assert 'class="gallery"' not in alone and "Figure 24" not in alone
    assert len(set(Page(alone).attributes("id"))) == len(Page(alone).attributes("id"))


@pytest.mark.parametrize(
    ("numbers", "headings"),
    [
        ([3, 6, 7], ["Figure 3. Change of retrieval accuracy, German", "Figures 6–7. Change of retrieval accuracy"]),
        ([6, 7, None], ["Figures 6–7. Change of retrieval accuracy"]),
        ([20, None, None], ["Figure 20. Change of retrieval accuracy"]),
        ([None, None, None], ["Change of retrieval accuracy"]),
    ],
)
def test_figures_are_together_as_long_as_their_numbers_follow_each_other(results, tmp_path, numbers, headings):
    several = zip(numbers, results.figures[2:], strict=True)
    text = make(
        results, tmp_path / "report.html", figures=[({**e, "number": number}, path) for number, (e, path) in several]
    )
    contents = text.split("<nav")[1].split("</nav>")[0]
    assert re.findall(r"<a href=.#figure-[^>]*>([^<]*)<", contents) == headings


def test_a_figure_that_two_numbers_would_show_is_there_once_and_leaves_no_gap(results, tmp_path):
    numbers = [{"number": 3, "also": 7}, {"number": 6}, {"number": 8}]
    several = [({**e, **number}, path) for number, (e, path) in zip(numbers, results.figures[2:], strict=True)]
    text = make(results, tmp_path / "report.html", figures=several)
    contents = text.split("<nav")[1].split("</nav>")[0]
    headings = ["Figures 3 and 7. Change of retrieval accuracy, German", "Figures 6–8. Change of retrieval accuracy"]
    assert re.findall(r"<a href=.#figure-[^>]*>([^<]*)<", contents) == headings
    assert {"figure-3", "figure-7"} <= set(Page(text).attributes("id"))


def test_every_figure_has_its_own_caption_even_among_others(results, page):
    captions = Page(page.text).attributes("data-caption")
    assert captions == [json.loads(path.with_suffix(".json").read_text())["caption"] for _, path in results.figures]


def test_it_says_what_was_studied_and_by_what(page):
    said = re.sub(r"\s+", " ", page.text)
    assert "(k = 100 of 640 neurons)" in said
    assert ", or is not applied: vision_tower (14 matrices)." in said
    assert "English, Spanish, German, French, Japanese" in said
    assert "cldr-devtest" in said and "BloomModel" in said and "0123abcd" in said
    assert "correlations.seed" in said and "scikit-learn" in said
    assert "shown_target: es" in page.text
    assert "Left out" not in said


def test_it_says_what_is_left_out_of_models_that_write_no_text(results, tmp_path):
    written = json.loads(results.provenance.read_text())
    demo = written["config"]["models"]["demo"]
    demo |= {"train": None, "path": "x", "architecture": "encoder"}
    (tmp_path / "provenance.json").write_text(json.dumps(written))
    said = re.sub(r"\s+", " ", make(results, tmp_path / "report.html", provenance=tmp_path / "provenance.json"))
    label = demo["label"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"Perplexity and generation are left out for {label} (an encoder). So there is no Figure 2." in said
    assert "<dt>Perplexity on</dt>" not in said


def test_equal_results_are_equal_bytes(results, page):
    again = page.path.with_name("again.html")
    assert make(results, again).encode() == page.path.read_bytes()


# --- Images ---


def pixels(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("RGB")


def test_an_image_is_embedded_without_loss(results):
    path = results.figures[0][1]
    embedded = embed(path)
    with Image.open(path) as original:
        assert np.array_equal(np.asarray(pixels(embedded.uri)), np.asarray(original.convert("RGB")))
        assert embedded.width == round(original.width / 300 * 112)
        assert embedded.width / embedded.height == pytest.approx(original.width / original.height, rel=0.01)


@pytest.mark.parametrize("width", [1799, 1800, 1801, 5000])
def test_an_image_is_scaled_down_to_what_a_screen_shows_and_never_up(tmp_path, width):
    Image.new("RGB", (width, 200), "red").save(tmp_path / "a.png", dpi=(300, 300))
    embedded = embed(tmp_path / "a.png")
    shown = pixels(embedded.uri)
    assert shown.size == (min(width, 1800), round(200 * min(width, 1800) / width))
    assert embedded.width == round(width / 300 * 112)


def test_what_is_transparent_is_shown_on_white(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert set(pixels(embed(tmp_path / "a.png").uri).getdata()) == {(255, 255, 255)}


# --- Mistakes ---


def test_a_figure_in_a_chapter_that_there_is_not_is_refused(results, tmp_path):
    entry, path = results.figures[0]
    with pytest.raises(StudyError, match=r"no chapter pie; it has intervention, space.*report/chapters\.py"):
        make(results, tmp_path / "report.html", figures=[({**entry, "chapter": "pie"}, path)])


def test_everything_that_the_plan_declares_stands_in_a_chapter():
    assert {place.chapter for place in PLACES.values()} == {chapter.name for chapter in CHAPTERS}


def test_figures_that_the_spec_does_not_describe_are_refused(results, tmp_path):
    paths = [str(path) for _, path in results.figures]
    entry, name = results.figures[0][0], results.tables[0].stem
    figures = [{**place(entry["kind"]), **entry}]
    spec = json.dumps({"tables": [{"name": name, **place(name)}], "figures": figures})
    command = ["--spec", spec, "--tables", str(results.tables[0]), "--figures", *paths]
    command += [f"--findings={results.findings}", f"--provenance={results.provenance}"]
    with pytest.raises(StudyError, match="5 files of figures, but the spec describes 1"):
        write_report.main([*command, f"--report={tmp_path / 'report.html'}"])


@pytest.mark.parametrize("text", [None, "", "[]", '{"title": "T"}'])
def test_a_figure_without_title_and_caption_is_refused_by_name(results, tmp_path, text):
    entry, path = results.figures[0]
    shutil.copy(path, tmp_path / "es.png")
    if text is not None:
        (tmp_path / "es.json").write_text(text)
    with pytest.raises(StudyError, match=r"es\.json does not hold the title and caption"):
        make(results, tmp_path / "report.html", figures=[(entry, tmp_path / "es.png")])


def test_a_figure_that_is_cut_off_is_refused_by_name(results, tmp_path):
    entry, path = results.figures[0]
    (tmp_path / "es.png").write_bytes(path.read_bytes()[:1000])
    shutil.copy(path.with_suffix(".json"), tmp_path / "es.json")
    with pytest.raises(StudyError, match=r"es\.png is not an image"):
        make(results, tmp_path / "report.html", figures=[(entry, tmp_path / "es.png")])


@pytest.mark.parametrize("text", ["", "{}", '{"title": "T", "caption": "C", "columns": [], "rows": 7}'])
def test_a_table_that_is_none_is_refused_by_name(results, tmp_path, text):
    (tmp_path / "table1.json").write_text(text)
    with pytest.raises(StudyError, match=r"table1\.json is not a table"):
        make(results, tmp_path / "report.html", tables=[tmp_path / "table1.json"])


# --- Tables ---


TEMPLATE = environment().get_template("table.html").module


def rendered(table):
    (shown,) = Page(str(TEMPLATE.table_of(table))).tables
    return shown


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]), min_size=1))
@example("<b>&amp;")
def test_any_label_leaves_the_html_cell_as_it_is(label):
    shown = rendered(made_up_table("T", [[layout.Cell(label), layout.number_cell(0.5)]]))
    assert shown[2][0][0] == label and shown[2][1][0] == "0.50"


def test_a_cell_keeps_the_unrounded_value_to_sort_by_and_is_gray_where_the_table_says_so():
    shown = rendered(made_up_table("T", ROWS))
    assert [row[1][1].get("data-value") for row in shown[2:]] == ["10.0", "nan", "9.0", None, "-1.0"]
    assert ["gray" in row[1][1].get("class", "") for row in shown[2:]] == [False, False, True, False, False]


def test_groups_of_columns_have_a_header_over_them_and_labels_are_headers_of_rows():
    shown = rendered(made_up_table("T", ROWS))
    assert [(text, attributes["colspan"]) for text, attributes in shown[0]] == [("", "1"), ("Group", "1")]
    assert {row[0][1]["scope"] for row in shown[2:]} == {"row"}


# --- In a browser ---


@pytest.fixture
def opened(open_page, page):
    return open_page(page.path)


def test_the_page_opens_from_a_file_shows_every_image_and_asks_for_nothing(opened, results, page):
    widths = opened.window.evaluate("Array.from(document.querySelectorAll('main img'), image => image.naturalWidth)")
    assert len(widths) == len(results.figures) and min(widths) > 100
    assert opened.said == []
    assert {url for url in opened.asked if not url.startswith("data:")} == {page.path.as_uri()}


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_nothing_is_wider_than_the_window(opened, width):
    opened.window.set_viewport_size({"width": width, "height": 900})
    opened.window.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    assert opened.window.evaluate("document.documentElement.scrollWidth") == width
    # Tables and figures scroll inside; nothing else sticks out.
    outside = "Array.from(document.querySelectorAll('main *')).filter(e => !e.closest('.scroll > *'))"
    edges = opened.window.evaluate(f"{outside}.map(e => e.getBoundingClientRect().right)")
    assert max(edges) <= width


def sorted_column(window, anchor, column, clicks):
    """Texts of a column after that many clicks on its header, and which order the header says."""
    header = window.locator(f"#{anchor} thead tr:last-child th").nth(column)
    for _ in range(clicks):
        header.locator("button").click()
    cells = window.locator(f"#{anchor} tbody tr > :nth-child({column + 1})").all_text_contents()
    return cells, header.get_attribute("aria-sort")


@pytest.mark.parametrize(
    ("clicks", "expected", "order"),
    [
        (0, ["10.0", "NA", "9.0", "–", "-1.0"], None),
        (1, ["-1.0", "9.0", "10.0", "NA", "–"], "ascending"),
        (2, ["10.0", "9.0", "-1.0", "NA", "–"], "descending"),
        (3, ["10.0", "NA", "9.0", "–", "-1.0"], None),
    ],
)
def test_a_header_sorts_by_value_with_undefined_ones_last(opened, clicks, expected, order):
    assert sorted_column(opened.window, "table-1", 1, clicks) == (expected, order)
    assert sorted_column(opened.window, "claims", 1, 0) == (["10.0", "NA", "9.0", "–", "-1.0"], None)


def test_words_are_sorted_as_words_and_one_order_at_a_time_is_shown(opened):
    sorted_column(opened.window, "table-1", 1, 1)
    assert sorted_column(opened.window, "table-1", 0, 1) == (list("abcde"), "ascending")
    assert opened.window.locator("#table-1 [aria-sort]").count() == 1


def test_a_click_enlarges_a_figure_with_its_caption_and_arrow_keys_lead_to_the_next(opened, results):
    window, dialog = opened.window, opened.window.locator("dialog")
    assert not dialog.is_visible()
    window.locator("#figure-24 button").click()
    captions = [json.loads(path.with_suffix(".json").read_text())["caption"] for _, path in results.figures]
    shown = window.locator("#figure-24 img").get_attribute("src")
    assert dialog.is_visible() and dialog.locator("img").get_attribute("src") == shown
    assert dialog.locator("p").text_content() == f"Figure 24. German. {captions[2]}"
    window.keyboard.press("ArrowRight")
    assert dialog.locator("p").text_content() == f"Figure 25. English. {captions[3]}"
    for _ in range(4):
        window.keyboard.press("ArrowLeft")
    assert dialog.locator("p").text_content().endswith(captions[-1])
    box = dialog.locator("img").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1280 and box["y"] >= 0
    window.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert opened.said == []


def test_a_reader_who_points_at_a_cell_is_told_its_numbers_also_where_it_is_enlarged(opened, results):
    window, said = opened.window, opened.window.locator("#said")
    (panel,) = json.loads(results.figures[1][1].with_suffix(".json").read_text())["hover"]
    left, top, width, height = panel["box"]
    cell = 4  # of the marks
    x, y, text = panel["marks"][3 * cell : 3 * cell + 3]
    for image in ("#figure-5 img", "dialog img"):
        window.locator(image).scroll_into_view_if_needed()
        box = window.locator(image).bounding_box()
        place = left + width * x / 1000, top + height * y / 1000
        window.mouse.move(box["x"] + box["width"] * place[0], box["y"] + box["height"] * place[1])
        assert said.text_content() == panel["texts"][text] and said.is_visible()
        window.mouse.move(box["x"] + 1, box["y"] + 1)
        assert not said.is_visible()
        if not image.startswith("dialog"):
            window.locator("#figure-5 button").click()
    assert opened.said == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_first_column_of_a_wide_table_stays_in_sight(open_page, results, tmp_path, width):
    cells = [layout.Cell(f"a wide cell {number}") for number in range(20)]
    wide = layout.Table("Wide", "", [layout.Column(cell.text) for cell in cells], [cells, cells])
    files = SimpleNamespace(**files_of(tmp_path, "table1", layout.OUTPUTS))
    layout.write(pd.DataFrame({"value": [1.0]}), wide, files)
    make(results, tmp_path / "report.html", tables=[tmp_path / "table1.json"])
    window = open_page(tmp_path / "report.html").window
    window.set_viewport_size({"width": width, "height": 900})
    window.evaluate("document.querySelector('#table-1 .scroll').scrollLeft = 700")
    first, second = (window.locator("#table-1 tbody tr").first.locator("> *").nth(n).bounding_box() for n in (0, 1))
    frame = window.locator("#table-1 .scroll").bounding_box()
    assert first["x"] == frame["x"] and second["x"] < frame["x"]


def test_claims_about_models_that_the_study_lacks_are_shown_if_asked_for_and_verdicts_have_signs(
    open_page, results, tmp_path
):
    verdicts = {"yes": True, "no": False, "undefined": None}
    rows = [[layout.Cell(f"claim {name}"), layout.Cell(name, verdict=holds)] for name, holds in verdicts.items()]
    claims = layout.Table("C", "", [layout.Column("Claim"), layout.Column("Holds")], rows, aside=[2])
    claims = dataclasses.replace(claims, aside_means="claims about models that the study lacks")
    layout.write(
        pd.DataFrame({"value": [1.0]}), claims, SimpleNamespace(**files_of(tmp_path, "claims", layout.OUTPUTS))
    )
    make(results, tmp_path / "report.html", tables=[tmp_path / "claims.json"])
    window = open_page(tmp_path / "report.html").window
    shown = "Array.from(document.querySelectorAll('#claims tbody tr'), row => row.checkVisibility())"
    assert window.evaluate(shown) == [True, True, False]
    window.get_by_label("Show claims about models that the study lacks (1)").check()
    assert window.evaluate(shown) == [True, True, True]
    cells = (
        "Array.from(document.querySelectorAll('#claims tbody td'), cell => getComputedStyle(cell, '::before').content)"
    )
    signs = window.evaluate(cells)
    assert "✓" in signs[0] and "✗" in signs[1] and signs[2] == "none"
    colours = window.evaluate(cells.replace(", '::before').content", ").color"))
    assert len(set(colours)) == 3


def test_the_page_can_be_read_by_keyboard_and_in_the_dark_and_says_where_one_is(opened):
    window = opened.window
    window.keyboard.press("Tab")
    assert window.evaluate("document.activeElement.className") == "skip"
    window.keyboard.press("Enter")
    window.keyboard.press("Tab")
    assert window.evaluate("document.activeElement.closest('main') !== null")
    scrolled = window.evaluate("Array.from(document.querySelectorAll('.scroll'), each => each.tabIndex)")
    assert set(scrolled) == {0}
    assert window.locator("nav [aria-current]").all_text_contents() == ["What was found"]
    window.evaluate("document.querySelector('#retrieval').scrollIntoView({behavior: 'instant'})")
    window.wait_for_function("document.querySelector('nav [aria-current]').hash === '#retrieval'")
    background = "getComputedStyle(document.body).backgroundColor"
    light = window.evaluate(background)
    window.emulate_media(color_scheme="dark")
    channels = re.findall(r"\d+", window.evaluate(background))
    assert light == "rgb(255, 255, 255)" and max(map(int, channels)) < 60


def test_figures_are_shown_in_the_size_that_they_were_drawn_for(opened, results):
    for width in (1280, 390):
        opened.window.set_viewport_size({"width": width, "height": 900})
        shown = opened.window.evaluate("Array.from(document.querySelectorAll('main img'), image => image.width)")
        for pixels_wide, (_, path) in zip(shown, results.figures, strict=True):
            with Image.open(path) as image:
                assert pixels_wide == pytest.approx(112 * image.width / 300, abs=1)


def test_on_paper_there_is_neither_navigation_nor_anything_cut_off(opened):
    opened.window.set_viewport_size({"width": 700, "height": 900})
    opened.window.emulate_media(media="print")
    assert not opened.window.locator("nav").is_visible()
    assert opened.window.evaluate("document.documentElement.scrollWidth") == 700
