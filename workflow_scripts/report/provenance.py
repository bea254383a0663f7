"""What made the results: the config, the code, the packages, the machine, the models, the data sets and the seeds."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workflow_scripts.config.sections import ROLES
from workflow_scripts.config.study import Config
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import read_json, write_text
from workflow_scripts.jobs.fingerprint import KeptDependencies, fingerprint_of
from workflow_scripts.jobs.stages import find_stages
from workflow_scripts.models.manifests import ModelManifest
from workflow_scripts.texts.schema import texts_hash

FINGERPRINT_FILES = ["report/requirements.in"]  # a link to that of envs/, so that a wheel holds it

WORKFLOW = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.in")
CODE = ["Snakefile", "rules", "workflow_scripts"]  # what must be committed for the commit to say what ran


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Code(_Record):
    """The commit of the workflow."""

    commit: str
    changed: bool = Field(description="Whether there is code that is not committed.")


class Machine(_Record):
    """Where the provenance was collected."""

    platform: str
    processor: str
    cores: int
    memory_gb: float = Field(description="Physical memory in GB (10⁹ bytes).")
    gpus: list[str] = Field(description="Name, memory and driver of each; none without nvidia-smi.")


class UsedModel(_Record):
    """A model of the study."""

    name: str
    label: str
    k: int = Field(description="Number of experts.")
    source: str = Field(description="hub, path, gguf or train.")
    origin: str | None = Field(description="Hub repository, directory, GGUF file or wheels.")
    revision: str | None = Field(description="Commit of the hub repository, or SHA-256 of the GGUF file.")
    identity: str = Field(description="Hash of repository and commit, or of the directory's files.")
    architecture: str
    dtype: str
    neurons: int
    left_out: list[str] = Field([], description="Weights whose units are no neurons, and adapters not applied.")
    context: int | None


class UsedDataset(_Record):
    """A data set of the study."""

    name: str
    roles: list[str]
    source: str
    layout: str
    split: str
    languages: list[str]
    origin: str | None = Field(description="Hub repository.")
    revision: str | None = Field(description="Commit of the hub repository.")
    sha256: str = Field(description="Hash of languages, ids and texts, however they are stored.")


class Provenance(_Record):
    """Everything that a reader needs to know to get the same results again."""

    config: dict[str, Any] = Field(description="The whole resolved config.")
    code: Code | None = Field(description="None where no commit of a Git repository holds the workflow.")
    stages: dict[str, str] = Field(description="Fingerprint of the code of each stage, committed or not.")
    packages: dict[str, str | None] = Field(description="Versions of Python and packages, None if not installed.")
    machine: Machine
    models: list[UsedModel]
    datasets: list[UsedDataset]
    seeds: dict[str, int | list[int]] = Field(description="By the path of their key in the config.")

    @property
    def study_config(self) -> Config:
        """Return the config, typed."""
        return Config.model_validate(self.config)


def read_provenance(path: Path) -> Provenance:
    """Read a provenance.

    Raises:
        StudyError: the file is no valid one.
    """
    provenance = read_json(path, Provenance, "a valid provenance")
    try:
        Config.model_validate(provenance.config)
    except ValidationError as error:
        raise StudyError(f"{path} is not a valid provenance ({error}); delete it and run again.") from error
    return provenance


def write_provenance(path: Path, provenance: Provenance) -> None:
    """Write a provenance as indented JSON."""
    write_text(path, provenance.model_dump_json(indent=1) + "\n")


def collect(config: Config, manifests: list[ModelManifest], texts: dict[str, Path]) -> Provenance:
    """Return the provenance of a study: of the code and packages that run now, on this machine.

    Nothing in it changes from one run to the next unless what it describes does. The home folder in a path is `~`.

    Args:
        config: Of the study.
        manifests: One of each model.
        texts: Table of texts of each data set, by its name.

    Raises:
        StudyError: manifests or texts are not those of the study's models and data sets.
    """
    resolved = config.model_dump(mode="json")
    return Provenance(
        config=without_home(resolved),
        code=code(WORKFLOW),
        stages=stages(WORKFLOW / "workflow_scripts"),
        packages=packages(REQUIREMENTS),
        machine=machine(),
        models=models(config, manifests),
        datasets=datasets(config, texts),
        seeds=seeds(resolved),
    )


def code(folder: Path) -> Code | None:
    """Return the commit of a folder and whether its code differs.

    None without Git, where the folder is in no repository, and where it lies inside another project's repository, whose
    commit does not hold the code.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    held = _git(folder, "ls-tree", "--name-only", "HEAD", "--", *CODE)
    changes = _git(folder, "status", "--porcelain", "--", *CODE)
    # A repository around the code may ignore some of it, such as every folder that is called models.
    ignored = _git(folder, "ls-files", "--others", "--ignored", "--exclude-standard", "--", *CODE)
    if None in (commit, held, changes, ignored) or set(held.splitlines()) != set(CODE):
        return None
    return Code(commit=commit, changed=bool(changes) or any(map(_is_code, ignored.splitlines())))


def _git(folder: Path, *command: str) -> str | None:
    """What git prints of the repository that a folder is in, also where it is run by a hook of another repository."""
    elsewhere = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")
    here = {name: value for name, value in os.environ.items() if name not in elsewhere}
    return _output(["git", "-C", str(folder), *command], here)


def _is_code(path: str) -> bool:
    """Whether a file runs or is read by what runs, unlike what Python, editors and notebooks keep beside it."""
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.split("/"))
    return not hidden and path.endswith((".py", ".smk", ".csv", ".xz", ".in", "Snakefile"))


def stages(package: Path) -> dict[str, str]:
    """Return the fingerprint of what each stage of the package runs, by the stage's name."""
    known = KeptDependencies(package)
    return {name: fingerprint_of(known.of(module)) for name, module in find_stages(package).items()}


def packages(requirements: Path) -> dict[str, str | None]:
    """Return the versions of Python and of the installed packages that a requirements file names, in its order."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    names = [match[0] for line in lines if (match := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line))]
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def machine() -> Machine:
    """Return this machine; its name and addresses are left out."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    return Machine(
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        gpus=(_output(query) or "").splitlines(),
    )


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.is_file() and (match := re.search(r"model name\s*:\s*(.+)", described.read_text())):
        return match[1]
    return platform.processor() or platform.machine()


def _output(command: list[str], environment: dict[str, str] | None = None) -> str | None:
    """What a command prints; None if it fails or is not installed."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def models(config: Config, manifests: list[ModelManifest]) -> list[UsedModel]:
    """Return the models of the study in its order.

    Raises:
        StudyError: a manifest is of no model of the study, or a model has none.
    """
    by_name = {manifest.name: manifest for manifest in manifests}
    if set(by_name) != set(config.study.models):
        raise StudyError(
            f"The manifests are of {', '.join(sorted(by_name)) or 'no model'}, but study.models names "
            f"{', '.join(config.study.models)}; give the model.json of each."
        )
    return [_model(config, by_name[name]) for name in config.study.models]


def _model(config: Config, manifest: ModelManifest) -> UsedModel:
    settings = config.models[manifest.name]
    origin, revision = settings.hub or settings.path, settings.revision
    if settings.gguf:
        origin, revision = settings.gguf.origin, settings.gguf.sha256
    return UsedModel(
        name=manifest.name,
        label=settings.label,
        k=settings.k,
        source=settings.source,
        origin=without_home(origin),
        revision=revision,
        identity=manifest.identity,
        architecture=manifest.architecture,
        dtype=manifest.dtype,
        neurons=manifest.neurons,
        left_out=manifest.left_out,
        context=manifest.context,
    )


def datasets(config: Config, texts: dict[str, Path]) -> list[UsedDataset]:
    """Return the data sets of the study with their roles, in the order of the roles; then those that train a model.

    Raises:
        StudyError: the texts are not those of these data sets.
    """
    uses: dict[str, dict[str, list[str]]] = {}
    for role in ROLES:
        if (corpus := config.used(role)) is not None:
            uses.setdefault(corpus.dataset, {})[role] = corpus.languages
    for name in config.study.models:
        if train := config.models[name].train:
            for role, dataset in (("training", train.dataset), ("held out", train.held_out)):
                uses.setdefault(dataset, {})[role] = train.languages
    if set(uses) != set(texts):
        raise StudyError(
            f"The texts are of {', '.join(sorted(texts)) or 'no data set'}, but the study uses "
            f"{', '.join(sorted(uses))}; give the parquet of each."
        )
    return [
        UsedDataset(
            name=name,
            roles=list(roles),
            languages=list(dict.fromkeys(code for codes in roles.values() for code in codes)),
            origin=without_home(config.datasets[name].repository),
            sha256=texts_hash(texts[name]),
            **config.datasets[name].model_dump(include={"source", "layout", "split", "revision"}),
        )
        for name, roles in uses.items()
    ]


def seeds(config: dict[str, Any], path: str = "") -> dict[str, int | list[int]]:
    """Return every seed in a config, by the path of its key."""
    found: dict[str, int | list[int]] = {}
    for key, value in config.items():
        here = f"{path}{key}"
        if key in ("seed", "seeds"):
            found[here] = value
        elif isinstance(value, dict):
            found |= seeds(value, f"{here}.")
    return found


def without_home(value: Any) -> Any:
    """Return a value of JSON with `~` for the home folder at the start of every path in it."""
    if isinstance(value, dict):
        return {key: without_home(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_home(inner) for inner in value]
    home = str(Path.home())
    if isinstance(value, str) and home != "/" and (value == home or value.startswith(f"{home}/")):
        return f"~{value.removeprefix(home)}"
    return value
