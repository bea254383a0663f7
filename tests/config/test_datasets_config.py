"""The `datasets` section: each layout has its task, and a source gets the keys that it needs and no others."""

import pytest

from workflow_scripts.config.datasets import FOLDERS, PARTS, TASKS, DatasetConfig

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOCAL = {"source": "local", "layout": "lines", "split": "dev"}
HUB = {"source": "hub", "layout": "tatoeba", "split": "validation", "repository": "google/xtreme", "revision": COMMIT}
CLDR = {"source": "cldr", "layout": "flores200", "split": "dev", "sentences": 10}


@pytest.mark.parametrize(
    ("layout", "task", "parts", "folder"),
    [
        ("flores200", "parallel", ["sentence"], "flores200_dataset"),
        ("lines", "parallel", ["sentence"], "."),
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
    assert set(FOLDERS) < set(TASKS)


@pytest.mark.parametrize("given", [LOCAL, HUB, CLDR, {**HUB, "repository": "./mirror", "revision": None}])
def test_a_complete_data_set_is_accepted_and_comes_back_from_its_json(given):
    dataset = DatasetConfig(**given)
    assert DatasetConfig.model_validate_json(dataset.model_dump_json()) == dataset
