"""Tell, when a run of the workflow fails, which jobs failed, where their logs are and why.

Snakemake's own message ends with its exit; the cause stands in the log of the job.
"""

import re
from collections.abc import Sequence
from pathlib import Path

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
    """The error that a stage wrote at the end of its log, or the log's last lines."""
    if not log.is_file():
        return "it left no log."
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    if "error: " in text:
        return text[text.rindex("error: ") + len("error: ") :]
    return "\n".join(text.splitlines()[-5:]) or "its log is empty; it may have been killed (out of memory?)."
