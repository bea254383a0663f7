"""The stages of the workflow: the modules that are run as jobs, found by listing the rooms."""

from pathlib import Path

from workflow_scripts.jobs.errors import StudyError

ENDING = "stage.run(main)"  # of every module that is run as a job


def find_stages(package: Path) -> dict[str, str]:
    """Return the module of every stage of the package by the stage's name, in alphabetical order.

    Raises:
        StudyError: two rooms have a stage of the same name.
    """
    found: dict[str, str] = {}
    for path in sorted(Path(package).glob("*/[!_]*.py"), key=lambda path: path.stem):
        if path.read_text(encoding="utf-8").rstrip().endswith(ENDING):
            if path.stem in found:
                raise StudyError(f"{path} and {found[path.stem]} are stages of the same name; rename one.")
            found[path.stem] = f"{package.name}.{path.parent.name}.{path.stem}"
    return found


def about_stage(module: str, package: Path) -> str:
    """Return the first sentence of what a stage's module says of itself, which is not imported."""
    path = package.parent.joinpath(*module.split(".")).with_suffix(".py")
    told = path.read_text(encoding="utf-8").split('"""', 2)[1]  # the module is not parsed: this is done at every start
    return " ".join(told.partition("\n\n")[0].split()).rstrip(".")
