"""The cause of a failed job is told from its log."""

from types import SimpleNamespace

import pytest

from workflow_scripts.jobs import failures
from workflow_scripts.jobs.failures import cause, explain_failures


def test_each_failed_job_is_named_with_its_log_and_cause(tmp_path):
    text, embeddings = tmp_path / "text a.log", tmp_path / "embeddings.log"
    text.write_text("reading\n\nerror: dev/spa_Latn.dev is missing;\nset data_root.\n")
    embeddings.write_text("embedding fr: 3/10\n")
    log = tmp_path / "snakemake.log"
    log.write_text(
        f"rule text:\n    log: {text}\nError in rule text:\n    jobid: 3\n    output: a.parquet\n"
        f"    log: {text} (check log file(s) for error details)\n    shell:\n"
        f"Error in rule embeddings:\n    log: {embeddings} (check log file(s) for error details)\n"
    )
    told = explain_failures([log])
    assert told.splitlines()[:3] == [
        "text failed: dev/spa_Latn.dev is missing;",
        "set data_root.",
        f"  (log: {text})",
    ]
    assert told.splitlines()[3].startswith(
        "embeddings failed: it ended without telling an error, so it was probably killed"
    )
    assert told.splitlines()[4:] == ["embedding fr: 3/10", f"  (log: {embeddings})"]


@pytest.mark.parametrize("text", ["", "embedding fr: 3/10 sentences\nerror rates: none\n"])
def test_a_killed_job_is_told_apart(tmp_path, text):
    (tmp_path / "job.log").write_text(text)
    told = cause(tmp_path / "job.log")
    assert "killed, most often for lack of memory" in told
    assert "--set-resources" in told
    assert told.endswith(text.strip() or "kept.")


def test_no_log_and_an_error_before_the_stage_began_are_not_called_a_kill(tmp_path):
    assert cause(tmp_path / "none.log") == "it left no log."
    log = tmp_path / "job.log"
    log.write_text("Traceback (most recent call last):\n  File x\nModuleNotFoundError: No module named 'torch'\n")
    assert cause(log).endswith("ModuleNotFoundError: No module named 'torch'")
    log.write_text("usage: embeddings.py [-h]\nembeddings.py: error: the following arguments are required: --spec\n")
    assert cause(log) == "the following arguments are required: --spec"


def test_a_log_that_a_full_disk_cut_off_is_told_apart(tmp_path, monkeypatch):
    (tmp_path / "job.log").write_text("embedding fr")
    monkeypatch.setattr(failures.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    assert cause(tmp_path / "job.log").startswith(f"no space is left where its log is, {tmp_path}. Make space there")


def error(rule: str, job: int, log, indent: str = "") -> str:
    lines = [f"Error in rule {rule}:", f"    jobid: {job}", f"    log: {log} (check log file(s) for error details)"]
    return "".join(f"{indent}{line}\n" for line in lines)


def test_a_job_that_succeeded_at_another_attempt_has_not_failed(tmp_path):
    again, failed = tmp_path / "again.log", tmp_path / "failed.log"
    again.write_text("embedding de: 20/20, done\n")
    failed.write_text("error: no\n")
    log = tmp_path / "snakemake.log"
    log.write_text(
        error("embeddings", 3, again) + error("embeddings", 4, failed) + "Finished jobid: 3 (Rule: embeddings)\n"
    )
    assert explain_failures([log]) == f"embeddings failed: no\n  (log: {failed})"


def test_of_a_group_the_job_that_failed_is_told(tmp_path):
    waited, failed = tmp_path / "waited.log", tmp_path / "failed.log"
    waited.touch()
    failed.write_text("reading\nerror: it is damaged\n")
    # The log on the node has numbers of its own.
    quoted = f"{'=' * 80}\n{error('retrieval', 0, failed)}Finished jobid: 7 (Rule: retrieval)\n{'=' * 80}\n"
    log = tmp_path / "snakemake.log"
    log.write_text(
        "    message: Error in group metrics\n"
        + quoted
        + error("distances", 5, waited, "    ")
        + error("retrieval", 7, failed, "    ")
    )
    assert explain_failures([log]) == f"retrieval failed: it is damaged\n  (log: {failed})"
    failed.write_text("")
    assert explain_failures([log]).count("probably killed") == 2
