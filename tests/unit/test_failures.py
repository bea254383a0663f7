"""The cause of a failed job is told from its log."""

from workflow_scripts.lib.failures import cause, explain_failures


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
    assert told.splitlines() == [
        "text failed: dev/spa_Latn.dev is missing;",
        "set data_root.",
        f"  (log: {text})",
        "embeddings failed: embedding fr: 3/10",
        f"  (log: {embeddings})",
    ]


def test_a_killed_job_is_told_apart(tmp_path):
    (tmp_path / "empty.log").touch()
    assert "killed" in cause(tmp_path / "empty.log")
    assert "no log" in cause(tmp_path / "none.log")
