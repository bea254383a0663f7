"""The `datasets` section: each layout has its task, and a source gets the keys that it needs and no others."""

import pytest
from pydantic import ValidationError

from workflow_scripts.lib.config.datasets import FOLDERS, PARTS, TASKS, DatasetConfig

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


@pytest.mark.parametrize(
    ("given", "changed", "message"),
    [
        (HUB, {"repository": None}, "hub needs repository"),
        (HUB, {"revision": None}, "hub needs revision: pin the repository to a commit"),
        (HUB, {"revision": "main"}, "'main' is no commit"),
        (HUB, {"revision": COMMIT.upper()}, "is no commit"),
        (HUB, {"layout": "lines"}, "lines is for local files"),
        (CLDR, {"sentences": None}, "cldr needs sentences"),
        (CLDR, {"repository": "a/b"}, "belong to source: hub"),
        (LOCAL, {"revision": COMMIT}, "belong to source: hub"),
        (LOCAL, {"path": "../elsewhere"}, "path must stay under data_root"),
        (LOCAL, {"path": "a/../../b"}, "path must stay under data_root"),
        (LOCAL, {"path": "/elsewhere"}, "path must stay under data_root"),
        (LOCAL, {"split": "../dev"}, "String should match pattern"),
        (LOCAL, {"sentences": 0}, "greater than or equal to 1"),
        (LOCAL, {"sentences": "ten"}, "valid integer"),
        (LOCAL, {"sentences": True}, "true is not what is asked for"),
        (LOCAL, {"layout": "flores"}, "Input should be 'flores200'"),
        (LOCAL, {"sentenses": 10}, "Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_is_refused(given, changed, message):
    with pytest.raises(ValidationError, match=message):
        DatasetConfig(**{**given, **changed})
