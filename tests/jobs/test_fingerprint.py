import itertools
import os
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from workflow_scripts.jobs import fingerprint as fingerprints
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.fingerprint import KeptDependencies, dependencies, fingerprint
from workflow_scripts.jobs.stages import find_stages

REPOSITORY = Path(__file__).parents[2]
moments = itertools.count(1)

TOOLS = '''
"""Tools."""

import math

LIMIT = 3
OTHER = 4


def shared(x):
    """Both use it."""
    return helper(x)


def helper(x):
    return math.floor(x)  # down


def only_first(x: int) -> int:
    return min(x, LIMIT)


def unused(shared):
    return OTHER
'''
FIRST = """
from pkg.lib.tools import only_first, shared

print(shared(only_first(1)))
"""
SECOND = """
from pkg.lib.tools import shared as common

print(common(1))
"""


class Package:
    """A small package on disk with the stages `first` and `second`."""

    def __init__(self, folder: Path):
        self.root = folder / "pkg"
        for name in ("__init__.py", "lib/__init__.py"):
            self.write(name, "")
        self.write("lib/tools.py", TOOLS)
        self.write("first.py", FIRST)
        self.write("second.py", SECOND)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        # As if edited later, since edits within the clock's step cannot be told apart.
        os.utime(path, (0, next(moments)))

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def fingerprints(self) -> dict[str, str]:
        return {stage: fingerprint(f"pkg.{stage}", self.root) for stage in ("first", "second")}

    def changed_by(self, name: str, old: str, new: str) -> set[str]:
        """Stages whose fingerprints change when text of a file is replaced."""
        before = self.fingerprints()
        self.replace(name, old, new)
        after = self.fingerprints()
        return {stage for stage in before if before[stage] != after[stage]}

    def uses(self, stage: str) -> list[str]:
        return list(dependencies(f"pkg.{stage}", self.root))


@pytest.fixture
def package(tmp_path) -> Package:
    return Package(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # down", ""),
        ("  # down", "  # rounded down"),
        ('"""Both use it."""', '"""Another word."""'),
        ('    """Both use it."""\n', ""),
        ('"""Tools."""', ""),
        ("min(x, LIMIT)", "min(\n        x,\n        LIMIT,\n    )"),
        ("(x: int) -> int", "(x)"),
        ("(x: int) -> int", "(x: 'float') -> float"),
        ("LIMIT = 3", "LIMIT: int = 3"),
        ("import math", "import math\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg.lib import x"),
        ("import math", "import math\nfrom collections.abc import Iterator\nimport json"),
        ("def helper(x):", "def helper(x):\n    y: int"),
        ("OTHER = 4\n", ""),
        ("return OTHER", "return OTHER + 1"),
        ("def unused", "def never"),
    ],
)
def test_what_changes_no_behaviour_changes_no_fingerprint(package, old, new):
    assert package.changed_by("lib/tools.py", old, new) == set()


@pytest.mark.parametrize(
    ("old", "new", "stages"),
    [
        ("min(x, LIMIT)", "max(x, LIMIT)", {"first"}),
        ("LIMIT = 3", "LIMIT = 5", {"first"}),
        ("LIMIT = 3", "LIMIT = 3.0", {"first"}),
        ("LIMIT = 3", "LIMIT = 3\nLIMIT += 1", {"first"}),
        ("return helper(x)", "return helper(x) + 1", {"first", "second"}),
        ("math.floor(x)", "math.ceil(x)", {"first", "second"}),
        ("import math", "import cmath as math", {"first", "second"}),
        ("LIMIT = 3", "LIMIT = 3\nprint(LIMIT)", {"first", "second"}),
        ("LIMIT = 3", "LIMIT = 3\nos.environ['LIMIT'] = '3'", {"first", "second"}),
    ],
)
def test_what_changes_behaviour_changes_the_stages_that_use_it(package, old, new, stages):
    assert package.changed_by("lib/tools.py", old, new) == stages


def test_a_stage_depends_on_all_of_its_own_module(package):
    assert package.changed_by("first.py", "print", "repr") == {"first"}
    assert package.changed_by("first.py", "\n\n", "  # both\n\n") == set()
    assert package.changed_by("second.py", "import shared as common", "import helper as common") == {"second"}


def test_dependencies_name_what_entered(package):
    assert package.uses("second") == [
        "pkg.lib.tools:helper",
        "pkg.lib.tools:math",
        "pkg.lib.tools:shared",
        "pkg.second:",
        "pkg.second:common",
    ]


def test_two_imported_names_exchanged_are_noticed(package):
    assert package.changed_by(
        "first.py", "import only_first, shared", "import only_first as shared, shared as only_first"
    ) == {"first"}


def test_a_module_used_by_attributes_enters_by_those_alone(package):
    package.write("first.py", "from pkg.lib import tools\ntools.only_first(1)\n")
    package.write("second.py", "import pkg.lib.tools\npkg.lib.tools.helper(1)\n")
    assert package.changed_by("lib/tools.py", "min(x, LIMIT)", "max(x, LIMIT)") == {"first"}
    assert package.changed_by("lib/tools.py", "math.floor", "math.ceil") == {"second"}
    assert package.changed_by("lib/tools.py", "return OTHER", "return 0") == set()


def test_a_module_handed_on_enters_whole(package):
    package.write("first.py", "import pkg.lib.tools as tools\nvars(tools)\n")
    assert package.changed_by("lib/tools.py", "return OTHER", "return 0") == {"first"}


def test_a_changed_method_or_base_class_changes_the_users_of_the_class(package):
    package.write("lib/base.py", "class Base:\n    def run(self):\n        return 1\n")
    package.write(
        "lib/shapes.py", "from . import base\n\n\nclass Shape(base.Base):\n    def area(self):\n        return 2\n"
    )
    package.write("first.py", "from .lib.shapes import Shape\n\nShape().area()\n")
    assert package.changed_by("lib/shapes.py", "return 2", "return 3") == {"first"}
    assert package.changed_by("lib/base.py", "return 1", "return 3") == {"first"}


def test_annotations_in_the_body_of_a_class_count_and_so_does_what_they_name(package):
    package.write(
        "lib/specs.py",
        """
        class Inner(BaseModel):
            size: int

            def grow(self) -> int:
                return self.size

        class Spec(BaseModel):
            inner: "Inner | None"
            if True:
                many: list[int]
        """,
    )
    package.write("first.py", "from pkg.lib.specs import Spec\n")
    package.write("second.py", "from pkg.lib.specs import Spec\nSpec()\n")
    assert package.changed_by("lib/specs.py", "size: int", "size: str") == {"second"}
    assert package.changed_by("lib/specs.py", "list[int]", "list[str]") == {"second"}
    assert package.changed_by("lib/specs.py", "grow(self) -> int", "grow(self)") == set()


SETTINGS = """
Size = Annotated[int, Field(ge=1, description="How large.")]
Name = Annotated[str, Field(pattern="a+", description="What it is called.")]


class Section(BaseModel):
    size: Size = 3
    name: Name = Field("a", description="Its name.")
"""


@pytest.mark.parametrize(
    ("old", "new", "stages"),
    [
        ("How large.", "How large it is.", set()),
        (', description="How large."', "", set()),
        ("Its name.", "The name.", set()),
        ("ge=1", "ge=2", {"first", "second"}),
        ("size: Size = 3", "size: Size = 4", {"second"}),
        ("a+", "b+", {"second"}),
    ],
)
def test_a_setting_counts_by_its_type_and_bounds_and_not_by_its_description(package, old, new, stages):
    package.write("lib/settings.py", SETTINGS)
    package.write("first.py", "from pkg.lib.settings import Size\n\nclass Spec(BaseModel):\n    size: Size\n")
    package.write("second.py", "from pkg.lib.settings import Section\n\nSection()\n")
    assert package.changed_by("lib/settings.py", old, new) == stages


def test_a_description_counts_where_it_is_no_field(package):
    package.write("lib/shapes.py", "def area():\n    return Shape(description='round')\n")
    package.write("first.py", "from pkg.lib.shapes import area\n\narea()\n")
    assert package.changed_by("lib/shapes.py", "round", "square") == {"first"}


def test_annotations_that_a_decorator_reads_count(package):
    package.write("lib/kinds.py", "@show.register\ndef show_int(x: int):\n    return x\n")
    package.write("first.py", "from pkg.lib.kinds import show_int\nshow_int(1)\n")
    assert package.changed_by("lib/kinds.py", "x: int", "x: str") == {"first"}


def test_re_exports_are_followed(package):
    package.write("lib/__init__.py", "from pkg.lib.tools import only_first as limited, unused\n")
    package.write("first.py", "from pkg.lib import limited\nlimited(1)\n")
    package.write("second.py", "import pkg.lib as library\nlibrary.unused(1)\n")
    assert package.changed_by("lib/tools.py", "min(x, LIMIT)", "max(x, LIMIT)") == {"first"}
    assert package.changed_by("lib/tools.py", "return OTHER", "return 0") == {"second"}
    assert package.changed_by("lib/__init__.py", "only_first as limited", "shared as limited") == {"first"}


def test_submodules_and_star_imports_are_followed(package):
    package.write("lib/__init__.py", "from . import tools\nfrom .stars import *\n")
    package.write("lib/stars.py", "def star():\n    return 1\n\n\ndef dark():\n    return 0\n")
    package.write("first.py", "from pkg import lib\nlib.tools.only_first(lib.star())\n")
    package.write("second.py", "from pkg.lib.stars import *\ndark()\n")
    assert package.changed_by("lib/tools.py", "min(x, LIMIT)", "max(x, LIMIT)") == {"first"}
    assert package.changed_by("lib/stars.py", "return 1", "return 2") == {"first"}
    assert package.changed_by("lib/stars.py", "return 0", "return 2") == {"second"}


def test_imports_inside_functions_and_in_try_are_followed(package):
    package.write("first.py", "def main():\n    from pkg.lib.tools import only_first as cut\n    return cut(1)\n")
    package.write("second.py", "try:\n    from pkg.lib.tools import unused\nexcept ImportError:\n    pass\nunused(1)\n")
    assert package.changed_by("lib/tools.py", "min(x, LIMIT)", "max(x, LIMIT)") == {"first"}
    assert package.changed_by("lib/tools.py", "return OTHER", "return 0") == {"second"}


@pytest.mark.parametrize(
    "body",
    [
        "only_first = x\nreturn only_first",
        "for only_first in x:\n    print(only_first)",
        "return [only_first for only_first in x]",
        "return (lambda only_first: only_first)(x)",
        "with x as only_first:\n    return only_first",
        "try:\n    x()\nexcept OSError as only_first:\n    print(only_first)",
        "def only_first():\n    return only_first()\nreturn only_first",
        "def inner():\n    return only_first\nonly_first = 1\nreturn inner",
        "if (only_first := x):\n    return only_first",
        "match x:\n    case [*only_first]:\n        return only_first",
    ],
)
def test_a_local_name_is_not_taken_for_a_definition(package, body):
    package.write(
        "lib/local.py", "def only_first():\n    return 1\n\n\ndef f(x):\n" + textwrap.indent(body, "    ") + "\n"
    )
    package.write("first.py", "from pkg.lib.local import f\nf(1)\n")
    assert "pkg.lib.local:f" in package.uses("first")
    assert "pkg.lib.local:only_first" not in package.uses("first")


@pytest.mark.parametrize(
    "definition",
    [
        "def f(x=g): return x",
        "def f(): return [g for y in g]",
        "def f(): return [g for g in g]",
        "def f(): return lambda x=g: x",
        "def f():\n    [g for g in []]\n    return g",
        "def f():\n    global g\n    g = 1",
        "def f():\n    def inner(g): return g\n    return inner(g)",
        "def f(): return f'{g()!r:>{10}}'",
        "class f:\n    def g(self): return g()",
        "class f(metaclass=g): pass",
        "@g\ndef f(): pass",
        "f = {**g()}",
        "f, other = g",
        "if g: f = 1",
        "f = 1\nf[g] = 2",
    ],
)
def test_a_name_from_outside_is_taken_for_the_definition(package, definition):
    package.write("lib/outer.py", f"def g():\n    return 1\n\n\n{definition}\n")
    package.write("first.py", "from pkg.lib.outer import f\nf()\n")
    assert "pkg.lib.outer:g" in package.uses("first")


def test_what_runs_on_import_counts_for_all_modules_imported_on_the_way(package):
    package.write("lib/settings.py", "SEED = 1\nset_seed(SEED)\n")
    package.write("lib/tools.py", "import pkg.lib.settings\n" + TOOLS)
    assert package.changed_by("lib/settings.py", "SEED = 1", "SEED = 2") == {"first", "second"}
    package.write("lib/__init__.py", "for each in range(3):\n    print(each)\n")
    assert package.changed_by("lib/__init__.py", "range(3)", "range(4)") == {"first", "second"}


def test_a_decorator_of_the_package_may_register_and_one_of_a_library_does_not(package):
    package.write(
        "lib/registry.py",
        """
        from functools import cache

        def register(function):
            KNOWN.append(function)

        @register
        def known():
            return 1

        @cache
        def cached():
            return 2

        def wanted():
            return 3
        """,
    )
    package.write("first.py", "from pkg.lib.registry import wanted\nwanted()\n")
    assert package.changed_by("lib/registry.py", "return 1", "return 10") == {"first"}
    assert package.changed_by("lib/registry.py", "return 2", "return 20") == set()
    assert package.changed_by("lib/registry.py", "return 3", "return 30") == {"first"}


def test_the_main_block_counts_in_the_stage_alone(package):
    package.write("first.py", 'def helper():\n    return 1\n\n\nif __name__ == "__main__":\n    helper()\n')
    package.write("second.py", "from pkg.first import other\n")
    assert package.changed_by("first.py", "    helper()", "    helper(1)") == {"first"}


def test_modules_declared_beside_the_imports_enter_whole(package):
    package.write(
        "lib/methods/__init__.py", 'FINGERPRINT_ALSO = ["pkg.lib.methods.*"]\n\n\ndef get():\n    return load()\n'
    )
    package.write("lib/methods/force.py", "from pkg.lib.tools import only_first\n\n\ndef apply():\n    only_first(1)\n")
    package.write("lib/methods/names.py", "NAME = 1\n")
    package.write("first.py", "from pkg.lib.methods import get\nget()\n")
    package.write("second.py", "from pkg.lib.methods.names import NAME\nprint(NAME)\n")
    assert package.changed_by("lib/methods/force.py", "only_first(1)", "only_first(2)") == {"first"}
    assert package.changed_by("lib/tools.py", "min(x, LIMIT)", "max(x, LIMIT)") == {"first"}
    before = package.fingerprints()
    package.write("lib/methods/scale.py", "def apply():\n    return 1\n")
    after = package.fingerprints()
    assert before["first"] != after["first"]
    assert before["second"] == after["second"]


def test_declared_data_files_count_by_their_bytes(package):
    package.write("lib/words.txt", "one")
    package.replace("lib/tools.py", "LIMIT = 3", 'LIMIT = 3\nFINGERPRINT_FILES = ["lib/words.txt"]')
    assert package.changed_by("lib/words.txt", "one", "two") == {"first", "second"}
    assert "lib/words.txt" in package.uses("first")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ('FINGERPRINT_FILES = ["lib/none.txt"]', "there is no file .*none.txt"),
        ('FINGERPRINT_ALSO = ["pkg.none.*"]', "no module matches pkg.none"),
        ("FINGERPRINT_ALSO = names()", "list of literal strings"),
        ("def broken(:", r"tools\.py .*line \d+"),
        ("from pkg.lib.none import nothing", r"imports pkg\.lib\.none"),
    ],
)
def test_mistakes_name_the_place(package, declared, words):
    package.replace("lib/tools.py", "LIMIT = 3", f"LIMIT = 3\n{declared}")
    with pytest.raises(StudyError, match=words):
        package.fingerprints()


def test_a_stage_that_does_not_exist_is_refused(package):
    with pytest.raises(StudyError, match=r"pkg\.third"):
        fingerprint("pkg.third", package.root)


def test_modules_that_import_each_other_come_to_an_end(package):
    package.write("lib/one.py", "from pkg.lib.two import g\n\n\ndef f():\n    return g()\n")
    package.write(
        "lib/two.py", "from pkg.lib.one import f\nfrom pkg.lib.one import *\n\ndef g():\n    return f() + h()\n"
    )
    package.write("first.py", "from pkg.lib.one import f\nf()\n")
    assert {"pkg.lib.one:f", "pkg.lib.two:g"} <= set(package.uses("first"))


def test_dependencies_are_kept_until_a_file_of_the_package_is_another(package, monkeypatch):
    read = []
    monkeypatch.setattr(fingerprints, "dependencies", lambda *given: read.append(given) or dependencies(*given))

    def found() -> dict[str, str]:
        kept = KeptDependencies(package.root)
        of_stage = kept.of("pkg.first")
        kept.save()
        return of_stage

    assert found() == found() == dependencies("pkg.first", package.root)
    assert len(read) == 1
    package.replace("lib/tools.py", "LIMIT = 3", "LIMIT = 4")
    assert found() == found() == dependencies("pkg.first", package.root)
    assert len(read) == 2
    package.write("lib/new.py", "")
    found()
    assert len(read) == 3
    (kept,) = (package.root / "__pycache__").glob("*.json")
    kept.write_bytes(kept.read_bytes()[:-9])
    assert found() == found() == dependencies("pkg.first", package.root)
    assert len(read) == 4


def test_every_stage_of_the_workflow_has_a_fingerprint_of_its_own():
    root = REPOSITORY / "workflow_scripts"
    stages = find_stages(root)
    fingerprints = {stage: fingerprint(module, root) for stage, module in stages.items()}
    assert len(set(fingerprints.values())) == len(stages) > 5
    assert not any("interventions.force" in each for each in dependencies(stages["embed_sentences"], root))
    assert "workflow_scripts.interventions.force:Force" in dependencies(
        stages["embed_sentences"], root, also=["workflow_scripts.interventions.force"]
    )
    assert "workflow_scripts.neurons.expertise:_rank" not in dependencies(stages["choose_units"], root)


def test_what_changed_since_a_revision_is_told(tmp_path, monkeypatch, capsys):
    """In a repository of its own, which holds the package as it is and then with a function changed."""
    from workflow_scripts.jobs import fingerprint as tool

    shutil.copytree(
        REPOSITORY / "workflow_scripts", tmp_path / "workflow_scripts", ignore=shutil.ignore_patterns("__py*")
    )
    shutil.copytree(REPOSITORY / "envs", tmp_path / "envs")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr(tool, "__file__", str(tmp_path / "workflow_scripts/jobs/fingerprint.py"))
    tool.main(["rank_neurons", "--since", "HEAD"])
    assert capsys.readouterr().out == "Nothing that rank_neurons depends on changed since HEAD.\n"
    ranking = tmp_path / "workflow_scripts/neurons/ranking.py"
    ranking.write_text(ranking.read_text().replace("width //= 2", "width //= 4"))
    tool.main(["rank_neurons", "--since", "HEAD"])
    assert capsys.readouterr().out == "~ workflow_scripts.neurons.ranking:_block_width\n"
    tool.main(["choose_units", "--since", "HEAD"])
    assert capsys.readouterr().out.startswith("Nothing that choose_units")
    tool.main(["rank_neurons"])
    assert "  workflow_scripts.neurons.expertise:rank_statistics\n" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        tool.main(["rank_neuron"])
    assert "did you mean rank_neurons?" in capsys.readouterr().err
