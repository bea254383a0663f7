"""Which study config files make, where its results go, and whose results are left alone."""

import json

import pytest

from workflow_scripts.config.files import in_precedence, mark_results, refuse_results_of_another, results_of, study_of
from workflow_scripts.jobs.errors import StudyError


@pytest.mark.parametrize(
    ("overlays", "results"),
    [
        ([], "results"),
        (["config.yaml"], "results"),
        (["config/config.yaml"], "results"),
        (["studies/mine.yaml"], "results-mine"),
        (["studies/paper.yaml", "larger.yaml"], "results-paper-larger"),
        (["my study (2).yml"], "results-my-study-2"),
    ],
)
def test_results_have_the_name_of_the_study(tmp_path, monkeypatch, overlays, results):
    monkeypatch.chdir(tmp_path)
    for files in (overlays, [str(tmp_path / file) for file in overlays]):  # as typed, and as Snakemake has it
        assert results_of(study_of(files)) == results


def test_files_that_win_come_last():
    assert in_precedence(["b.yaml", "a.yaml", "config.yaml"], ["b.yaml", "a.yaml"]) == [
        "config.yaml",
        "b.yaml",
        "a.yaml",
    ]


@pytest.mark.parametrize(
    ("made_by", "study", "refused"),
    [
        (["config.yaml"], ["config.yaml"], False),
        (["config.yaml"], ["mine.yaml"], True),
        (["mine.yaml"], ["config.yaml"], True),
        (["mine.yaml"], ["other.yaml"], True),
        (["mine.yaml"], ["mine.yaml", "threads.yaml"], False),
        (["mine.yaml", "threads.yaml"], ["mine.yaml"], False),
        (["mine.yaml", "small.yaml"], ["mine.yaml", "large.yaml"], True),
    ],
)
def test_results_of_another_study_are_refused(tmp_path, made_by, study, refused):
    refuse_results_of_another(tmp_path, study)  # of nobody yet
    mark_results(tmp_path, made_by)
    mark_results(tmp_path, study)  # whoever comes later changes nothing
    assert json.loads((tmp_path / "study.json").read_text()) == {"files": made_by}
    if not refused:
        refuse_results_of_another(tmp_path, study)
        return
    with pytest.raises(StudyError, match=r"holds what .* made, .* such as results.*delete .*study\.json") as caught:
        refuse_results_of_another(tmp_path, study)
    assert made_by[0] in str(caught.value) and study[-1] in str(caught.value)
