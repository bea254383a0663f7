"""Why jobs would be run, said after edits of what is made: which setting, function or input each is due to."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from planning import replace
from running import ENVIRONMENT, TINY, copy_repository, run_snakemake

TEXTS, SIMILARITY, LANGUAGES = (
    "results/texts/tiny-devtest.parquet",
    "results/similarity/languages.csv",
    "results/table4.csv",
)
CODE = ("source = URIEL if", "source = Path(URIEL) if")
STAGE = "workflow_scripts/kinship/compare_languages.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A study of which two files are made, and what they need. Tests must not change it."""
    folder = copy_repository(tmp_path_factory.mktemp("why") / "study")
    run_snakemake(folder, SIMILARITY, LANGUAGES, "--cores", "2", *TINY)
    return folder


@pytest.fixture
def study(made, tmp_path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(made, tmp_path / "study", symlinks=True)


def why(folder: Path) -> dict[str, list[str]]:
    """The reasons that are said of each rule; under an empty name, what stands before and after them."""
    command = [sys.executable, "-m", "workflow_scripts.plan.why", SIMILARITY, LANGUAGES, *TINY]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, *blocks = done.stdout.strip().split("\n\n")
    said = {"": [first]}
    for block in blocks:
        head, *reasons = block.splitlines()
        if reasons:
            said[re.match(r"\w+", head)[0]] = [reason.removeprefix("  - ") for reason in reasons]
        else:
            said[""].append(head)
    return said


def test_nothing_is_due_where_nothing_was_edited(study):
    assert why(study) == {
        "": ["Nothing would be run: everything that was asked for is there, made by this config, code and input."]
    }


def test_a_setting_has_its_old_and_its_new_value_its_key_and_its_line(study):
    replace(study / "tiny.yaml", "languages: [de, en, es, ru]}", "languages: [de, en, es, ru, ja]}")
    text = (study / "tiny.yaml").read_text()
    line = text[: text.index("ru, ja]}")].count("\n") + 1
    setting = f'setting study.alignment.languages: + "ja" (tiny.yaml, line {line})'
    assert setting in why(study)["compare_languages"]


def test_a_function_an_input_and_a_file_that_is_gone_are_named(study):
    replace(study / STAGE, *CODE)
    (study / LANGUAGES).unlink()
    with (study / TEXTS).open("ab") as file:
        file.write(b"more")
    said = why(study)
    assert said[""] == ["2 jobs would be run."]
    newer, code = said["compare_languages"]
    assert re.fullmatch(rf"the input {TEXTS} is newer \(.+\) than {SIMILARITY} \(.+\)", newer)
    assert code == f"code: main in {STAGE} changed"
    assert said["table4"] == [f"was made before and is gone: {LANGUAGES}"]


def test_code_of_which_nothing_is_kept_is_said_to_be_other_code(study):
    replace(study / STAGE, *CODE)
    shutil.rmtree(study / "cache/code")
    (told,) = why(study)["compare_languages"]
    assert told.startswith("code: it was made by other code, of which nothing is kept")
    assert "workflow_scripts.jobs.fingerprint compare_languages --since REVISION" in told
