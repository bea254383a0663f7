"""What a study reads from this machine and is not there, told before any job: the key, what is missing, the remedy."""

from pathlib import Path
from typing import TYPE_CHECKING

from workflow_scripts.config.sections import ROLES
from workflow_scripts.models.directories import model_files

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan

WEIGHTS = {False: (".safetensors",), True: (".safetensors", ".bin")}  # by whether pickles are allowed


def missing(plan: "Plan") -> list[str]:
    """Return what the data sets and models of a study lack, each problem once."""
    of_texts = [problem for name in plan.corpora.names for problem in missing_of_dataset(plan, name)]
    of_models = [problem for name in plan.models.names for problem in missing_of_model(plan, name)]
    return list(dict.fromkeys([*of_texts, *of_models]))


def missing_of_dataset(plan: "Plan", name: str) -> list[str]:
    """Return what is missing of a data set on this machine; nothing is known of what lies elsewhere."""
    config = plan.config
    settings, key = config.datasets[name], f"datasets.{name}"
    if settings.source == "hub" and settings.is_directory and not Path(settings.repository).is_dir():
        return [f"{key}.repository: there is no directory {settings.repository}; correct it"]
    if settings.source != "local":
        return []
    if config.data_root is None:
        local = ", ".join(plan.corpora.from_source("local"))
        return [f"data_root: is not set, but data sets lie under it ({local}); --config data_root=/where/they/lie"]
    if not Path(config.data_root).is_dir():
        return [f"data_root: there is no folder {config.data_root}; give the one that holds the data sets"]
    folder = Path(config.data_root, settings.folder)
    if not folder.exists():
        what = "file" if settings.layout == "table" else "folder"
        return [f"{key}: there is no {what} {folder}; put it there, or name another under data_root by {key}.path"]
    files = plan.corpora.local_files(name)
    if absent := [file for file in files if not Path(file).is_file()]:
        roles = [role for role in ROLES if (used := config.used(role)) is not None and used.dataset == name]
        languages = f", or leave their languages out of study.{roles[0]}.languages" if roles else ""
        there = f"{len(absent)} of {len(files)} files are missing, the first {absent[0]}"
        return [f"{key}: {there}; put them there{languages}"]
    return []


def missing_of_model(plan: "Plan", name: str) -> list[str]:
    """Return what is missing of a model in a directory or a GGUF file on this machine."""
    model, key = plan.models[name], f"models.{name}"
    if model.gguf is not None and model.gguf.file is not None and not Path(model.gguf.file).is_file():
        return [f"{key}.gguf.file: there is no file {model.gguf.file}; correct it"]
    if model.path is None:
        return []
    if not Path(model.path).is_dir():
        return [f"{key}.path: there is no directory {model.path}; give the one that holds config.json and the weights"]
    suffixes = WEIGHTS[model.pickle_weights]
    there = [path.name for path in model_files(Path(model.path))]
    if "config.json" not in there or not any(file.endswith(suffixes) for file in there):
        lacking = f"*{suffixes[0]}" if "config.json" in there else "config.json"
        pickles = any(file.endswith(".bin") for file in there)
        allowed = f"; if you trust its .bin files, which are pickles, set {key}.pickle_weights: true" if pickles else ""
        return [f"{key}.path: {model.path} has no {lacking}{allowed or '; give the directory of a model'}"]
    return []
