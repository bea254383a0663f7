"""Tell, when a run of the workflow fails, which jobs failed, where their logs are and why.

Snakemake's own message ends with its exit; the cause stands in the log of the job.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ERROR = re.compile(r"^(?:\S+: )?error: ", flags=re.MULTILINE)  # of a stage, or of its command line
SPACE_FOR_A_LOG = 2**16  # bytes
ERROR_LINE = re.compile(r"^(?P<indent> *)Error in rule (?P<rule>\w+)")
JOB_LINE = re.compile(r"^ *jobid: (?P<job>\S+)$")
LOG_LINE = re.compile(r"^\s*log: (?P<paths>.+?)(?: \(check log file.*)?$")
FINISHED_LINE = re.compile(r"^ *Finished jobid: (?P<job>\S+) \(Rule: (?P<rule>\w+)\)")
# Before and after the log of a failed job, which may be Snakemake's own on a node.
QUOTE_LINE = re.compile(r"^ *={40,}$")


@dataclass(frozen=True)
class _Failure:
    rule: str
    job: str | None
    log: Path
    of_group: bool


def explain_failures(snakemake_logs: Sequence[Path]) -> str:
    """Return one paragraph for each failed job in Snakemake's logs: its rule, its log file and the end of that log.

    A job that succeeded at a later attempt has not failed. Of a group, in which all count as failed with one, those are
    named that wrote an error, if any did.
    """
    failures = [failure for path in snakemake_logs for failure in _failures(path)]
    wrote = any(failure.of_group and _error(failure.log) for failure in failures)
    return "\n".join(
        f"{failure.rule} failed: {cause(failure.log)}\n  (log: {failure.log})"
        for failure in failures
        if _error(failure.log) or not (failure.of_group and wrote)
    )


def _failures(snakemake_log: Path) -> list[_Failure]:
    found: dict[Path, _Failure] = {}
    error, job, quoted = None, None, False
    for line in snakemake_log.read_text("utf-8", errors="replace").splitlines():
        if QUOTE_LINE.match(line):
            quoted = not quoted
        elif quoted:
            continue
        elif match := ERROR_LINE.match(line):
            error, job = match, None
        elif match := FINISHED_LINE.match(line):
            found = {
                log: failed for log, failed in found.items() if (failed.rule, failed.job) != match.group("rule", "job")
            }
        elif error and (match := JOB_LINE.match(line)):
            job = match["job"]
        elif error and (match := LOG_LINE.match(line)):
            # Beside its text, a job may log what it used, as JSON.
            log = next(Path(name) for name in match["paths"].split(", ") if not name.endswith(".json"))
            found[log] = _Failure(error["rule"], job, log, of_group=bool(error["indent"]))
            error = None
    return list(found.values())


def cause(log: Path) -> str:
    """Return the error that a stage wrote at the end of its log, or what its lack and the log's last lines tell."""
    if not log.is_file():
        return "it left no log."
    if told := _error(log):
        return told
    text = _text(log)
    last = "\n".join(text.splitlines()[-5:])
    if "Traceback (most recent call last)" in text:
        return last
    if shutil.disk_usage(log.parent).free < SPACE_FOR_A_LOG:
        why = f"no space is left where its log is, {log.parent}. Make space there"
    else:
        why = (
            "it ended without telling an error, so it was probably killed, most often for lack of memory. Give it more "
            "(on a cluster: --set-resources, see docs/cluster.md), or run fewer jobs at a time (--cores), or take a "
            "smaller compute.tokens_per_batch"
        )
    end = f" Its log ends:\n{last}" if last else ""
    return f"{why}, and run the same command again; what is finished is kept.{end}"


def _error(log: Path) -> str:
    told = list(ERROR.finditer(text := _text(log)))
    return text[told[-1].end() :] if told else ""


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip() if log.is_file() else ""
