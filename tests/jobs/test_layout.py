"""The rooms of the package: each imports those before it alone, none runs in a circle, and science knows no stages."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from workflow_scripts.jobs.stages import ENDING, find_stages

PACKAGE = Path(__file__).parents[2] / "workflow_scripts"
# Work flows through the rooms in this order.
ROOMS = [
    *("jobs", "config", "texts", "models", "neurons", "interventions", "conditions", "embeddings", "measures"),
    *("sweeps", "probes", "kinship", "tables", "figures", "report", "paper", "plan"),
]
STAGE = f"{PACKAGE.name}.jobs.stage"


def named(path: Path, package: Path = PACKAGE) -> str:
    """Return the name of a module by its path."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, modules: set[str]) -> set[str]:
    """Return the modules of the package that a source imports, wherever in it, but for types alone."""
    tree = ast.parse(source)
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            # A name is a module or something in one.
            found |= {
                inner if (inner := f"{node.module}.{alias.name}") in modules else node.module for alias in node.names
            }
    return found & modules


PATHS = {named(path): path for path in sorted(PACKAGE.rglob("*.py"))}
IMPORTS = {name: imported(path.read_text(encoding="utf-8"), PATHS.keys()) - {name} for name, path in PATHS.items()}
STAGES = set(find_stages(PACKAGE).values())


def room(module: str) -> str:
    """Return the room that a module is in; of the package itself, nothing."""
    return [*module.split("."), ""][1]


def against_the_flow(module: str, imports: set[str]) -> list[str]:
    """Return what a module imports from rooms after its own."""
    before = ROOMS[: ROOMS.index(room(module)) + 1]
    return sorted(each for each in imports if room(each) not in before)


def test_every_module_is_in_a_room():
    assert {room(name) for name in PATHS} - {""} == set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_itself_and_rooms_before_it(name):
    found = {module: against_the_flow(module, IMPORTS[module]) for module in PATHS if room(module) == name}
    assert {module: arrows for module, arrows in found.items() if arrows} == {}


def test_no_modules_import_each_other_in_a_circle():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_module_imports_a_stage():
    """What stages share is science, and stands in a module of its own."""
    assert {module: found for module, imports in IMPORTS.items() if (found := imports & STAGES)} == {}


def test_only_stages_import_what_runs_stages():
    """Which is `jobs.stage`, and in some rooms a module `run` of what the room's stages have in common."""
    running = {STAGE, *(name for name in PATHS if name.endswith(".run"))}
    users = {module for module, imports in IMPORTS.items() if imports & running}
    assert users - STAGES - running == set()


def test_an_arrow_is_found_however_it_is_written():
    modules = {"workflow_scripts.plan", "workflow_scripts.plan.names", "workflow_scripts.jobs.files"}
    for source, expected in {
        "from workflow_scripts.plan import names": "workflow_scripts.plan.names",
        "from workflow_scripts.plan.names import BASE": "workflow_scripts.plan.names",
        "import workflow_scripts.plan.names as n": "workflow_scripts.plan.names",
        "from workflow_scripts.plan import Plan": "workflow_scripts.plan",
        "def f():\n    from workflow_scripts.plan.names import BASE": "workflow_scripts.plan.names",
    }.items():
        assert imported(source, modules) == {expected}
        assert against_the_flow("workflow_scripts.texts.local", {expected}) == [expected]
    assert imported("if TYPE_CHECKING:\n    from workflow_scripts.plan import Plan", modules) == set()
    assert against_the_flow("workflow_scripts.texts.local", {"workflow_scripts.jobs.files"}) == []
    assert ENDING in (PACKAGE / "texts/read_texts.py").read_text(encoding="utf-8")


def test_docstrings_of_public_functions_begin_with_a_verb():
    nouns = {
        "The",
        "A",
        "An",
        "Whether",
        "What",
        "Which",
        "Where",
        "How",
        "All",
        "Each",
        "Every",
        "One",
        "Of",
        "As",
        "In",
    }
    nouns |= {"Mean", "Number", "Name", "Index", "Indices", "Ids", "Values", "Share", "Embeddings", "Texts", "None"}
    begun_otherwise = [
        f"{name}.{node.name}"
        for name, path in PATHS.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if (ast.get_docstring(node) or "Return").split()[0].rstrip(":,.") in nouns
    ]
    assert begun_otherwise == []
