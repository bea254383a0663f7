"""The `datasets` section: each layout has its task, and a source gets the keys that it needs and no others."""

import pytest

from workflow_scripts.config.datasets import COVERED, FOLDERS, PARTS, TASKS, DatasetConfig
from workflow_scripts.config.languages import BUILT_IN, LANGUAGES
from workflow_scripts.jobs.errors import StudyError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOCAL = {"source": "local", "layout": "lines", "split": "dev"}
HUB = {"source": "hub", "layout": "tatoeba", "split": "validation", "repository": "google/xtreme", "revision": COMMIT}
URL = {"source": "url", "layout": "lines", "split": "dev", "url": "https://a.org/b.tar.gz", "sha256": "0" * 64}
TABLE = {"source": "local", "layout": "table", "split": "dev", "path": "mine.csv"}
CLDR = {"source": "cldr", "layout": "flores200", "split": "dev", "sentences": 10}


@pytest.mark.parametrize(
    ("layout", "task", "parts", "folder"),
    [
        ("flores200", "parallel", ["sentence"], "flores200_dataset"),
        ("lines", "parallel", ["sentence"], "."),
        ("sib200", "topics", ["sentence"], "sib200"),
        ("ud-pud", "treebank", ["sentence"], "ud-pud"),
        ("paws-x", "paraphrase", ["sentence1", "sentence2"], "paws-x"),
        ("tatoeba", "translation", ["source", "target"], "tatoeba"),
        ("bucc2018", "mining", ["query", "candidates"], "bucc2018"),
        ("wikipedia", "paragraphs", ["paragraph"], "wikipedia"),
    ],
)
def test_a_layout_has_its_task_its_parts_and_its_folder(layout, task, parts, folder):
    dataset = DatasetConfig(**{**LOCAL, "layout": layout})
    assert (dataset.task, dataset.parts, dataset.folder) == (task, parts, folder)
    assert DatasetConfig(**{**LOCAL, "layout": layout, "path": "my/texts"}).folder == "my/texts"


def test_the_tables_of_layouts_and_tasks_belong_together():
    assert set(TASKS.values()) == set(PARTS)
    assert set(FOLDERS) < set(TASKS) and set(COVERED) < set(TASKS)
    assert all(set(codes) <= set(BUILT_IN) for codes in COVERED.values())


def test_a_table_is_one_file_for_all_languages():
    dataset = DatasetConfig(**{**LOCAL, "layout": "table", "path": "mine/texts.csv"})
    assert (dataset.task, dataset.local_files("en", BUILT_IN["en"])) == ("parallel", ["mine/texts.csv"])


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({**HUB, "layout": "flores200"}, list(BUILT_IN)),
        ({**URL, "layout": "sib200"}, list(BUILT_IN)),
        ({**HUB, "layout": "bucc2018"}, ["de", "fr", "ru", "zh"]),
        (CLDR, list(LANGUAGES)),
    ],
)
def test_all_languages_are_those_of_the_published_data_set(given, codes):
    assert DatasetConfig(**given).known_languages(BUILT_IN, None) == codes


def test_all_languages_of_local_files_are_those_that_are_there(tmp_path):
    for name in ("swe_Latn", "zho_Hant", "xxx_Latn"):
        (tmp_path / f"flores200_dataset/dev/{name}.dev").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"flores200_dataset/dev/{name}.dev").write_text("x\n")
    dataset = DatasetConfig(**{**LOCAL, "layout": "flores200"})
    assert dataset.known_languages(BUILT_IN, str(tmp_path)) == ["sv", "zhohant"]
    # A language of the config takes the place of the built-in one.
    own = {**BUILT_IN, "se": BUILT_IN["sv"]}
    assert sorted(dataset.known_languages(own, str(tmp_path))) == ["se", "zhohant"]
    with pytest.raises(StudyError, match=r"there is none in .*/elsewhere/flores200_dataset"):
        dataset.known_languages(BUILT_IN, str(tmp_path / "elsewhere"))
    with pytest.raises(StudyError, match="not known of layout wikipedia from hub; list the languages"):
        DatasetConfig(**{**HUB, "layout": "wikipedia"}).known_languages(BUILT_IN, None)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (CLDR, {**CLDR, "layout": "sib200", "sentences": 20}, True),
        (CLDR, {**CLDR, "split": "devtest"}, False),
        ({**LOCAL, "layout": "flores200"}, {**HUB, "layout": "flores200", "split": "dev"}, True),
        ({**LOCAL, "layout": "flores200"}, {**LOCAL, "layout": "sib200"}, True),
        ({**LOCAL, "layout": "flores200"}, {**LOCAL, "layout": "sib200", "split": "devtest"}, False),
        (TABLE, {**TABLE, "split": "test", "sentences": 3}, True),
        (TABLE, {**TABLE, "path": "other.csv"}, False),
        (LOCAL, {**LOCAL, "path": "elsewhere"}, False),
    ],
)
def test_data_sets_of_the_same_sentences_are_told(one, other, same):
    assert DatasetConfig(**one).same_sentences(DatasetConfig(**other)) is same
    assert DatasetConfig(**other).same_sentences(DatasetConfig(**one)) is same


@pytest.mark.parametrize("given", [LOCAL, URL, TABLE, HUB, CLDR, {**HUB, "repository": "./mirror", "revision": None}])
def test_a_complete_data_set_is_accepted_and_comes_back_from_its_json(given):
    dataset = DatasetConfig(**given)
    assert DatasetConfig.model_validate_json(dataset.model_dump_json()) == dataset
