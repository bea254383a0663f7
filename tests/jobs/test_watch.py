"""The line of progress, from lines as Snakemake writes them."""

import itertools

import pytest

from workflow_scripts.jobs.watch import Progress, followed

PLANNED = """\
Building DAG of jobs...
Job stats:
job                count
---------------  -------
all                    1
embed_sentences        3
table1                 2
total                  6

Select jobs to execute...
"""


def started(rule: str, number: int) -> str:
    return f"rule {rule}:\n    input: a\n    jobid: {number}\n    reason: Missing output files: b\n"


def finished(number: int) -> str:
    return f"Finished jobid: {number} (Rule: any)\n"


def after(*lines: tuple[str, float]) -> Progress:
    progress = Progress()
    for text, now in [(PLANNED, 0.0), *lines]:
        for line in text.splitlines():
            progress.read(line, now)
    return progress


def test_jobs_are_counted_by_rule_and_timed():
    progress = after((started("embed_sentences", 4), 1.0), (started("table1", 2), 2.0), (finished(4), 11.0))
    assert progress.planned == {"all": 1, "embed_sentences": 3, "table1": 2}
    assert (progress.done, progress.total) == (1, 6)
    assert progress.seconds == {"embed_sentences": [10.0]}
    assert progress.running == {"2": ("table1", 2.0)}


def test_the_time_left_is_what_jobs_of_a_rule_took_over_the_jobs_at_a_time():
    assert after().left(0.0, 0.0) is None
    # Two at a time: 20 and 20 seconds in 20.
    progress = after(
        (started("embed_sentences", 1), 0.0),
        (started("embed_sentences", 2), 0.0),
        (finished(1) + finished(2), 20.0),
        (started("embed_sentences", 3), 20.0),
    )
    # 20 s of the third, two tables and `all` of 5 s each as long as nothing better is known.
    assert progress.left(20.0, 20.0) == pytest.approx((20 + 3 * 5) / 2)
    assert progress.line(20.0, 20.0) == "[2/6] 0 min, about 1 min left · embed_sentences"


def test_everything_goes_to_the_log(tmp_path):
    text = PLANNED + started("table1", 1) + finished(1)
    seconds = itertools.count()
    shown = list(followed(text.splitlines(keepends=True), tmp_path / "logs/run.log", lambda: next(seconds)))
    assert (tmp_path / "logs/run.log").read_text() == text
    assert shown[-1].startswith("[1/6]")
