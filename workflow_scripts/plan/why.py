"""Say in words why jobs would be run: which setting, code or input is another than when their outputs were made.

    make why TARGET=results/table2.csv                      # STUDY=studies/mine.yaml for another study
    python -m workflow_scripts.plan.why results/table2.csv  # further options are Snakemake's

Snakemake plans and is stopped before it runs anything. What outputs were made with is in its own records; what code a
fingerprint stands for is kept in the cache by each run, so that the functions that changed since can be named.
"""

import ast
import io
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.config.files import NOTHING as NONE_GIVEN
from workflow_scripts.config.files import place_of
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written_whole
from workflow_scripts.jobs.fingerprint import changes

if TYPE_CHECKING:
    from snakemake.dag import DAG
    from snakemake.jobs import Job

SHOWN = 3  # of many files, jobs or names
LONGEST = 60  # characters of a value that is shown
NOTHING = object()  # in place of a setting that was not there
SIGNS = {"~": "changed", "+": "is new", "-": "is gone"}


# --- What a fingerprint of code stands for ---


def keep_code(folder: Path, known: dict[str, dict[str, str]]) -> None:
    """Write what fingerprints of code stand for into the cache, a file each, unless they are there.

    Args:
        folder: The cache.
        known: What `dependencies` gives, by fingerprint.
    """
    for fingerprint, entries in known.items():
        if not (path := _kept(folder, fingerprint)).exists():
            with written_whole(path, alone=False) as beside:  # studies share the cache
                beside.write_text(json.dumps(entries), encoding="utf-8")


def _kept(folder: Path, fingerprint: str) -> Path:
    return Path(folder, "code", f"{fingerprint}.json")


def changed_code(folder: Path, before: str, now: dict[str, str]) -> list[str]:
    """Return, in words, what of the code is another than at a fingerprint; nothing where that is not known.

    Args:
        folder: The cache.
        before: The fingerprint of code that ran before.
        now: What `dependencies` gives now.
    """
    path = _kept(folder, before)
    if not path.is_file():
        return []
    return [_code_in_words(change) for change in changes(json.loads(path.read_text(encoding="utf-8")), now)]


def _code_in_words(change: str) -> str:
    """`~ workflow_scripts.measures.retrieval:ranks` as `ranks in workflow_scripts/measures/retrieval.py changed`."""
    sign, entry = change.split(" ", 1)
    module, colon, name = entry.partition(":")
    if not colon:
        return f"the file workflow_scripts/{entry} {SIGNS[sign]}"
    path = f"{module.replace('.', '/')}.py"
    return f"{name} in {path} {SIGNS[sign]}" if name else f"what {path} runs when it is imported {SIGNS[sign]}"


# --- What a setting was and is ---


def changed_settings(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield each setting that differs, by its path, with its old and new value; `NOTHING` where there is none."""
    if _of_sections(before) and _of_sections(now) and len(before) == len(now):
        before, now = (dict(enumerate(each)) for each in (before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            inner = f"{path}.{key}".lstrip(".")
            yield from changed_settings(before.get(key, NOTHING), now.get(key, NOTHING), inner)
    elif before != now or type(before) is not type(now):
        yield path, before, now


def _of_sections(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(each, dict) for each in value)


def setting_in_words(
    path: str,
    before: Any,
    now: Any,
    config: Any = None,
    files: Sequence[str] = (),
    given: Mapping[str, Any] = NONE_GIVEN,
) -> str:
    """Return what a setting was and is; named as in the config, with file and line, where one key alone can be meant.

    Args:
        path: Path of the setting in what the job depends on.
        before: Its old value.
        now: Its new value.
        config: The merged config.
        files: Config files, of which later ones win.
        given: What the command line says of the config, which wins over the files.
    """
    keys = list(_keys_of(config, path.rpartition(".")[2], now))
    key = keys[0] if len(keys) == 1 else path
    place = place_of(key, files, given) if len(keys) == 1 else None
    return f"{key}: {_difference(before, now)}{f' ({place})' if place else ''}"


def _keys_of(config: Any, name: str, value: Any, path: str = "") -> Iterator[str]:
    """The keys of the config that have a name and a value."""
    if isinstance(config, dict):
        for key, inner in config.items():
            here = f"{path}.{key}".lstrip(".")
            if str(key) == name and inner == value:
                yield here
            yield from _keys_of(inner, name, value, here)


def _difference(before: Any, now: Any) -> str:
    plain = isinstance(before, list) and isinstance(now, list) and not any(isinstance(v, dict) for v in before + now)
    if plain and (added := [each for each in now if each not in before]) + [each for each in before if each not in now]:
        removed = [each for each in before if each not in now]
        signed = [*(f"+ {_value(each)}" for each in added), *(f"− {_value(each)}" for each in removed)]
        return _some(signed)
    return f"{_value(before)} → {_value(now)}"


def _value(value: Any) -> str:
    text = "nothing" if value is NOTHING else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _some(names: Iterable[str], separator: str = ", ") -> str:
    """Return the first of some names, and how many more there are."""
    named = list(names)
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return separator.join(named[:SHOWN]) + more


# --- What Snakemake plans ---


@dataclass
class Reasons:
    """Why some jobs of a rule would be run, which share these reasons."""

    jobs: list[str] = field(default_factory=list)  # wildcards
    missing: list[str] = field(default_factory=list)  # outputs that were never made
    gone: list[str] = field(default_factory=list)  # outputs that were made and are not there


def planned(options: Sequence[str]) -> "DAG":
    """Return what Snakemake plans to run, with its reasons.

    Raises:
        StudyError: it cannot plan, with what it said.
    """
    from snakemake import cli
    from snakemake.workflow import Workflow

    class Planned(BaseException):  # that Snakemake does not catch
        pass

    found = []
    build = Workflow._build_dag

    def build_and_stop(workflow: Workflow) -> None:
        build(workflow)
        found.append(workflow.dag)
        raise Planned

    Workflow._build_dag = build_and_stop
    said = io.StringIO()
    try:
        parser, arguments = cli.parse_args(["--dry-run", *_targets_last(options)])
        with redirect_stdout(said), redirect_stderr(said):
            cli.args_to_api(arguments, parser)
    except Planned:
        return found[0]
    finally:
        Workflow._build_dag = build
    raise StudyError(f"Snakemake cannot plan this.\n{said.getvalue().rpartition('Building DAG of jobs...')[2].strip()}")


def _targets_last(options: Sequence[str]) -> list[str]:
    """Options with the targets that begin them behind them: an option before takes them for one more of its values."""
    first = next((place for place, option in enumerate(options) if option.startswith("-")), len(options))
    return [*options[first:], "--", *options[:first]] if first else list(options)


def explain(dag: "DAG") -> str:
    """Return why the jobs of a plan would be run: those with a reason of their own, then how many follow from them."""
    ordered = [job for level in dag.toposorted() for job in sorted(level, key=str) if dag.needrun(job)]
    if not ordered:
        return "Nothing would be run: everything that was asked for is there, made by this config, code and input."
    groups: dict[tuple, Reasons] = defaultdict(Reasons)
    following: dict[str, int] = defaultdict(int)
    for job in ordered:
        reasons = tuple(_own_reasons(dag, job))
        lacking = [path for path in dag.reason(job).missing_output if path not in dag.reason(job).incomplete_output]
        rule = re.sub(r"_\d+$", "", job.rule.name)
        if not reasons and not lacking:
            following[rule] += 1
            continue
        made_before = [str(path) for path in lacking if dag.workflow.persistence.metadata(path) is not None]
        group = groups[rule, reasons, bool(lacking), bool(made_before)]
        group.jobs.append(", ".join(f"{name}={value}" for name, value in job.wildcards_dict.items()))
        group.gone += made_before
        group.missing += [str(path) for path in lacking if str(path) not in made_before]
    lines = [f"{len(ordered)} jobs would be run."]
    for (rule, reasons, *_), group in groups.items():
        named = _some(filter(None, group.jobs), "; ")
        lines.append(f"\n{rule}{f', {len(group.jobs)} jobs' if len(group.jobs) > 1 else ''}{named and f': {named}'}")
        lines += [f"  - {reason}" for reason in reasons]
        lines += [f"  - was made before and is gone: {_some(sorted(group.gone))}"] if group.gone else []
        lines += [f"  - was never made: {_some(sorted(group.missing))}"] if group.missing else []
    if following:
        counted = ", ".join(rule if count == 1 else f"{rule} ({count})" for rule, count in following.items())
        lines.append(f"\nWhat these make is read by {sum(following.values())} more: {counted}.")
    return "\n".join(lines)


def _own_reasons(dag: "DAG", job: "Job") -> Iterator[str]:
    """Why a job would be run, beside outputs that are not there and inputs that other jobs make anew.

    Snakemake looks no further once it has found one reason; here the records of what there is are compared in any case.
    """
    reason, records = dag.reason(job), dag.workflow.persistence
    made = [path for path in job.output if records.metadata(path) is not None]
    if reason.forced:
        yield "it was asked for by --force"
    if reason.incomplete_output:
        yield f"a run was cut short while it wrote {_some(map(str, reason.incomplete_output))}"
    for path in sorted(reason.updated_input - reason.updated_input_run):
        yield f"the input {path} is newer ({_time(path)}) than {_oldest(job)}"
    if any(records.input_changed(job, file=path) for path in made):
        before = {each for path in made for each in records.input(path) or []}
        now = set(map(str, job.input))
        signed = [*(f"+ {path}" for path in sorted(now - before)), *(f"− {path}" for path in sorted(before - now))]
        yield f"it reads other files: {_some(signed) or 'in another order'}"
    if output := next((path for path in made if records.params_changed(job, file=path)), None):
        yield from _changed_parameters(dag, job, output)
    if any(records.code_changed(job, file=path) for path in made):
        yield "the command of its rule changed"
    if any(records.software_stack_changed(job, file=path) for path in made):
        yield "its software environment changed (envs/environment.yaml)"


def _changed_parameters(dag: "DAG", job: "Job", output: Any) -> Iterator[str]:
    """What of the config and of the code is another than when an output was made."""
    records, workflow = dag.workflow.persistence, dag.workflow.globals
    recorded = records.params(output), records._params(job)
    (spec_before, code_before), (spec, code) = map(_parameters, recorded)
    written, cache = (workflow["config"], workflow["CONFIG_FILES"], workflow["GIVEN"]), Path(workflow["CONFIG"].cache)
    for change in changed_settings(spec_before, spec):
        yield f"setting {setting_in_words(*change, *written)}"
    given_before, given = map(_given, recorded)
    for path in sorted(path for path in given if given[path] != given_before.get(path)):
        yield f"the input {path} is another file: {given_before.get(path, 'nothing')} → {given[path]}"
    if code_before == code:
        return
    known = changed_code(cache, code_before, workflow["CODE"][code]) if code_before and code in workflow["CODE"] else []
    stage = job.rule.name if not hasattr(job.params, "stage") else job.params.stage.rpartition(".")[2]
    compared = f"`python -m workflow_scripts.jobs.fingerprint {stage} --since REVISION` compares with a revision of Git"
    yield from (f"code: {each}" for each in known)
    if not known:
        yield f"code: it was made by other code, of which nothing is kept in {cache}/code; {compared}"


def _parameters(recorded: Sequence[str] | None) -> tuple[Any, str | None]:
    """The slice of the config and the fingerprint of the code among the parameters that Snakemake recorded."""
    values = [ast.literal_eval(text) for text in recorded or [] if text.startswith(("'", '"'))]
    specs = [json.loads(value) for value in values if value.startswith("{")]
    codes = [value for value in values if re.fullmatch("[0-9a-f]{16}", value)]
    return next(iter(specs), {}), next(iter(codes), None)


def _given(recorded: Sequence[str] | None) -> dict[str, str]:
    """Sizes and times of the files outside the results among the parameters that Snakemake recorded, by their paths."""
    lists = [ast.literal_eval(text) for text in recorded or [] if text.startswith("[")]
    return dict(entry.rsplit(": ", 1) for entries in lists for entry in entries)


def _oldest(job: "Job") -> str:
    there = [path for path in map(Path, job.output) if path.exists()]
    path = min(there, key=lambda path: path.stat().st_mtime, default=None)
    return "what it made" if path is None else f"{path} ({_time(path)})"


def _time(path: Any) -> str:
    return f"{datetime.fromtimestamp(Path(path).stat().st_mtime):%Y-%m-%d %H:%M:%S}"


def main(command: list[str] | None = None) -> None:
    """Print why the jobs that a target needs would be run."""
    try:
        print(explain(planned(sys.argv[1:] if command is None else command)))
    except StudyError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
