"""Why jobs would be run, said of a finished study after edits: which setting, function or input each is due to."""

import os
import re
import subprocess
import sys
from pathlib import Path

from planning import replace
from running import ENVIRONMENT, TINY

CODE = ("    ranked = {}\n", "    ranked = dict()\n")
TEXTS = "results/texts/tiny-paws-x.parquet"


def why(folder: Path, *targets: str) -> dict[str, list[str]]:
    """What is said of each rule, by its first line; under an empty name what stands before them."""
    command = [sys.executable, "-m", "workflow_scripts.plan.why", *targets, *TINY]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said: dict[str, list[str]] = {"": []}
    for line in filter(None, done.stdout.splitlines()):
        if line.startswith("  - "):
            said[rule].append(line.removeprefix("  - "))
        else:
            rule = line.partition(":")[0].partition(",")[0] if re.match(r"\w+(,|:|$)", line) else ""
            said.setdefault(rule, [])
            said[""] += [line] if not rule else []
    return said


def test_nothing_is_due_in_a_finished_study(study):
    (told,) = why(study, "results/table2.csv")[""]
    assert told.startswith("Nothing would be run")


def test_each_edit_is_said_of_the_jobs_that_it_concerns(study):
    replace(study / "tiny.yaml", "correlations: {resamples: 200}", "correlations: {resamples: 300}")
    line = (study / "tiny.yaml").read_text().splitlines().index("correlations: {resamples: 300}") + 1
    replace(study / "workflow_scripts/measures/find_examples.py", *CODE)
    os.utime(study / TEXTS)
    (study / "results/table4.csv").unlink()

    said = why(study, *(f"results/{name}.csv" for name in ("table2", "table4", "table3", "figure1")))
    assert said["correlate_languages"] == [f"setting correlations.resamples: 200 → 300 (tiny.yaml, line {line})"]
    assert said["find_examples"] == ["code: rankings in workflow_scripts/measures/find_examples.py changed"]
    newer = rf"the input {TEXTS} is newer \(.+\) than results/embeddings/"
    assert said["embed_sentences"] and all(re.match(newer, reason) for reason in said["embed_sentences"])
    assert said["table4"] == ["was made before and is gone: results/table4.csv"]
    assert "table2" not in said
    assert any("read by" in line and "table2" in line for line in said[""])


def test_code_of_which_nothing_is_kept_is_said_to_be_other_code(study):
    replace(study / "workflow_scripts/measures/find_examples.py", *CODE)
    for path in (study / "cache/code").iterdir():
        path.unlink()
    (told,) = why(study, "results/figure1.csv")["find_examples"]
    assert "of which nothing is kept" in told
    assert "fingerprint find_examples --since" in told
