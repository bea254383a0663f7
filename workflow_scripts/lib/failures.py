"""Tell, when a run of the workflow fails, which jobs failed, where their logs are and why.

Snakemake's own message ends with its exit; the cause stands in the log of the job.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

ERROR = re.compile(r"^(?:\S+: )?error: ", flags=re.MULTILINE)  # of a stage, or of its command line
SPACE_FOR_A_LOG = 2**16  # bytes
LOG_LINE = re.compile(r"^\s*log: (?P<paths>.+?)(?: \(check log file.*)?$")


def explain_failures(snakemake_logs: Sequence[Path]) -> str:
    """One paragraph for each failed job in Snakemake's logs: its rule, its log file and the end of that log."""
    paragraphs = []
    rule = None
    lines = [line for path in snakemake_logs for line in path.read_text("utf-8", errors="replace").splitlines()]
    for line in lines:
        if match := re.match(r"^Error in rule (\w+)", line):
            rule = match[1]
        elif rule and (match := LOG_LINE.match(line)):
            # Beside its text, a job may log what it used, as JSON.
            path = next(Path(name) for name in match["paths"].split(", ") if not name.endswith(".json"))
            paragraph = f"{rule} failed: {cause(path)}\n  (log: {path})"
            if paragraph not in paragraphs:
                paragraphs.append(paragraph)
            rule = None
    return "\n".join(paragraphs)


def cause(log: Path) -> str:
    """The error that a stage wrote at the end of its log, or what its lack and the log's last lines tell."""
    if not log.is_file():
        return "it left no log."
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    if told := list(ERROR.finditer(text)):
        return text[told[-1].end() :]
    last = "\n".join(text.splitlines()[-5:])
    if "Traceback (most recent call last)" in text:
        return last
    if shutil.disk_usage(log.parent).free < SPACE_FOR_A_LOG:
        why = f"no space is left where its log is, {log.parent}. Make space there"
    else:
        why = (
            "it ended without telling an error, so it was probably killed, most often for lack of memory. Give it more "
            "(on a cluster mem_mb in the profile), or run fewer jobs at a time (--cores), or take a smaller "
            "compute.tokens_per_batch"
        )
    end = f" Its log ends:\n{last}" if last else ""
    return f"{why}, and run the same command again; what is finished is kept.{end}"
