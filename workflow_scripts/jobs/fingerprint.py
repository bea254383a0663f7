"""Fingerprints of stages: which code of the package a stage's behaviour depends on, from syntax trees alone.

    fingerprint("workflow_scripts.neurons.rank_neurons", Path("workflow_scripts"))  # "3f0c…"

To see what a stage depends on, and what changed since a revision, from the repository's folder:

    python -m workflow_scripts.jobs.fingerprint rank_neurons --since HEAD~3

A stage's module enters whole. Of the modules that it imports, those definitions enter that it uses, and what these use
in turn; so a changed function changes the stages that use it, and no others. What runs whenever a module is imported
(bare calls, `if`, `for`, definitions under a decorator of the package, which may register them) enters for all modules
imported on the way. Comments, docstrings, formatting, the descriptions of pydantic's fields and annotations do not
enter, save for annotations in the bodies of classes, which pydantic and dataclasses read.

What reading cannot see is declared at the top of a module, as lists of literals, and enters with any of its code:

    FINGERPRINT_ALSO = ["workflow_scripts.measures.*"]  # modules that are found by listing a folder
    FINGERPRINT_FILES = ["texts/sentences.json"]  # data files that are read, relative to the package
"""

import argparse
import ast
import fnmatch
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import content_hash, file_hash, written_whole
from workflow_scripts.jobs.messages import did_you_mean
from workflow_scripts.jobs.stages import find_stages

# What a decorator is called that makes behaviour depend on the annotations of the function under it.
ANNOTATION_READERS = {"computed_field", "field_serializer", "model_serializer", "register", "validate_call"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def fingerprint(module: str, package_root: Path, also: Sequence[str] = ()) -> str:
    """Return the hash (16 hexadecimal digits) of everything in the package that a stage's behaviour depends on.

    Args:
        module: the stage's module, like `workflow_scripts.neurons.rank_neurons`.
        package_root: folder of the package.
        also: modules that the stage finds by a name in its input, such as the method of a condition.

    Raises:
        StudyError: a module or declared file is missing or cannot be parsed.
    """
    return fingerprint_of(_Closure([module, *also], package_root).entries)


def fingerprint_of(entries: dict[str, str]) -> str:
    """Return the fingerprint of what `dependencies` gives."""
    return content_hash(entries)[:16]


def dependencies(module: str, package_root: Path, also: Sequence[str] = ()) -> dict[str, str]:
    """Return what enters a stage's fingerprint, in alphabetical order, each with a digest of what stands there.

    That is `module:name` each, `module:` for what runs when the module is imported, and paths of data files.

    Raises:
        StudyError: as `fingerprint`.
    """
    return dict(sorted(_Closure([module, *also], package_root).entries.items()))


class KeptDependencies:
    """What `dependencies` gives, kept beside the package's compiled modules until any file of the package is another.

    Reading a package takes seconds, at each start of Snakemake: also of those that a cluster starts for each job.

    Args:
        package_root: folder of the package.
    """

    def __init__(self, package_root: Path):
        self._root = Path(package_root)
        self._path = self._root / "__pycache__" / "dependencies.json"
        self._package = _hash_of_files(self._root)
        self._found: dict[str, dict[str, str]] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):  # none yet, or damaged
            kept = json.loads(self._path.read_bytes())
            if kept["package"] == self._package:
                self._found = dict(kept["found"])
        self._unsaved = False

    def of(self, module: str, also: Sequence[str] = ()) -> dict[str, str]:
        """Return what `dependencies` returns.

        Raises:
            StudyError: as `fingerprint`.
        """
        key = " ".join([module, *also])
        if key not in self._found:
            self._found[key] = dependencies(module, self._root, also)
            self._unsaved = True
        return self._found[key]

    def save(self) -> None:
        """Write what is new, where the package's folder may be written to."""
        if self._unsaved:
            with suppress(OSError, StudyError), written_whole(self._path, alone=False) as beside:
                beside.write_text(json.dumps({"package": self._package, "found": self._found}), encoding="utf-8")
            self._unsaved = False


def _hash_of_files(package_root: Path) -> str:
    """Return the hash of the names and contents of a package's files, without what is hidden or compiled."""
    found = hashlib.sha256()
    for path in sorted(package_root.rglob("*")):
        name = path.relative_to(package_root)
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts) and path.is_file():
            found.update(f"{name.as_posix()}\0{file_hash(path)}\0".encode())
    return found.hexdigest()


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what differs between two results of `dependencies`: `+` what is new, `-` what is gone, `~` changed."""
    signs = {name: "+" if name not in before else "-" if name not in after else "~" for name in {**before, **after}}
    return [f"{signs[name]} {name}" for name in sorted(signs) if before.get(name) != after.get(name)]


@dataclass(frozen=True)
class _Import:
    """What an import binds a name to: a module, or a name in one."""

    module: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.module}:{self.name or ''}"


@dataclass(frozen=True)
class _Statement:
    """A statement at the top of a module."""

    digest: str
    # Names that it does not bind itself, each with the attributes taken of it: (`stage`, `Spec`) for `stage.Spec`.
    uses: frozenset[tuple[str, ...]]
    # What imports inside of it bind names to.
    imports: dict[str, list[_Import]]

    def __str__(self) -> str:
        return self.digest


@dataclass
class _Module:
    name: str
    path: Path
    # What each name is bound to at the top; `*` to modules of which all names are imported.
    names: dict[str, list[_Statement | _Import]] = field(default_factory=lambda: defaultdict(list))
    run_on_import: list[_Statement] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


class _Closure:
    """Collects what enters a stage's fingerprint: a digest for each `module:name` and each file."""

    def __init__(self, stages: Sequence[str], package_root: Path):
        self.entries: dict[str, str] = {}
        self._root = Path(package_root).absolute()
        self._modules: dict[str, _Module | None] = {}
        self._used: set[tuple[str, tuple[str, ...]]] = set()
        self._pending: list[tuple[_Module, _Statement]] = []
        for stage in stages:
            if (module := self._module(stage)) is None:
                raise StudyError(f"the stage {stage} is no module of the package in {self._root}.")
            self._use_whole(module)
        while self._pending:
            self._follow(*self._pending.pop())

    def _module(self, name: str) -> _Module | None:
        """Return a module that is imported; None where it is not of the package."""
        if name.split(".")[0] != self._root.name:
            return None
        if (module := self._find(name)) is None:
            raise StudyError(f"the workflow's code imports {name}, which is not in {self._root}.")
        return module

    def _find(self, name: str) -> _Module | None:
        """Return the module of the package of that name, if there is one; what runs when it is imported is entered."""
        if name in self._modules:
            return self._modules[name]
        self._modules[name] = None
        folder = self._root.joinpath(*name.split(".")[1:])
        for path in (folder / "__init__.py", folder.with_suffix(".py")):
            if path.is_file():
                status = path.stat()
                module = self._modules[name] = _parse(name, path, status.st_mtime_ns, status.st_size)
                if name != self._root.name:
                    self._module(name.rpartition(".")[0])
                for bindings in module.names.values():
                    self._run_imports(bindings)
                self._enter(module, "", module.run_on_import)
                return module
        return None

    def _run_imports(self, bindings: Iterable[_Statement | _Import]) -> None:
        for each in bindings:
            module = self._module(each.module) if isinstance(each, _Import) else None
            if module and each.name and each.name not in module.names:
                self._find(f"{module.name}.{each.name}")

    def _enter(self, module: _Module, name: str, bindings: Sequence[_Statement | _Import]) -> None:
        """Enter what a name of a module is bound to, and what the statements among that use."""
        key = f"{module.name}:{name}"
        if key in self.entries or not bindings:
            return
        self.entries[key] = " ".join(map(str, bindings))
        statements = [each for each in bindings if isinstance(each, _Statement)]
        self._pending += [(module, statement) for statement in statements]
        if statements:
            self._enter_declared(module)

    def _enter_declared(self, module: _Module) -> None:
        """Enter the modules and files that a module declares."""
        for pattern in module.also:
            names = fnmatch.filter(self._module_names, pattern)
            if not names:
                raise StudyError(f"FINGERPRINT_ALSO in {module.path}: no module matches {pattern}.")
            for name in names:
                self._use_whole(self._find(name))
        for name in module.files:
            if not (self._root / name).is_file():
                raise StudyError(f"FINGERPRINT_FILES in {module.path}: there is no file {self._root / name}.")
            self.entries[name] = file_hash(self._root / name)

    @cached_property
    def _module_names(self) -> list[str]:
        paths = [path.relative_to(self._root.parent).with_suffix("") for path in self._root.rglob("*.py")]
        return [".".join(path.parts).removesuffix(".__init__") for path in paths]

    def _follow(self, module: _Module, statement: _Statement) -> None:
        """Enter what a statement uses."""
        for bindings in statement.imports.values():
            self._run_imports(bindings)
        for chain in statement.uses:
            self._use_imported(statement.imports.get(chain[0], []), chain[1:])
            self._use(module, chain)

    def _use(self, module: _Module, chain: tuple[str, ...]) -> None:
        """Enter a name of a module, of which further attributes are taken."""
        if (module.name, chain) in self._used:
            return
        self._used.add((module.name, chain))
        if (name := chain[0]) in module.names:
            self._enter(module, name, module.names[name])
            self._use_imported(module.names[name], chain[1:])
        else:
            for star in module.names.get("*", []):
                if starred := self._module(star.module):
                    self._use(starred, chain)

    def _use_imported(self, bindings: Iterable[_Statement | _Import], attributes: tuple[str, ...]) -> None:
        for each in bindings:
            if isinstance(each, _Import) and (module := self._module(each.module)):
                self._use_attributes(module, (each.name, *attributes) if each.name else attributes)

    def _use_attributes(self, module: _Module, chain: tuple[str, ...]) -> None:
        """Enter what a chain of attributes of a module stands for; all of the module where that cannot be told."""
        if chain and (chain[0] in module.names or "*" in module.names):
            self._use(module, chain)
        elif chain and (submodule := self._find(f"{module.name}.{chain[0]}")):
            self._use_attributes(submodule, chain[1:])
        else:
            self._use_whole(module)

    def _use_whole(self, module: _Module) -> None:
        """Enter all definitions of a module, and the imports of an `__init__`, which are made for others to use."""
        for name, bindings in module.names.items():
            if module.is_package or any(isinstance(each, _Statement) for each in bindings):
                self._use(module, (name,))


@cache
def _parse(name: str, path: Path, modified: int, size: int) -> _Module:
    """Read a module, and again only when its file has another time or size."""
    source = path.read_bytes()
    try:
        tree = ast.parse(source, path.name)
    except (SyntaxError, ValueError) as error:
        raise StudyError(f"{path} is no Python that can be parsed: {error}.") from error
    if b"Field" in source:
        _drop_descriptions(tree)
    body = _normalised(tree.body)
    module = _Module(name, path)
    decorated = []
    for node in body:
        reader = _Reader(module)
        reader.visit(node)
        if not isinstance(node, Definition):
            for bound, imports in reader.imports.items():
                module.names[bound] += imports
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        statement = _Statement(_digest(node), frozenset(reader.uses), dict(reader.imports))
        defined = _names_defined(node)
        for bound in defined or _names_stored(node):
            module.names[bound].append(statement)
        if not defined:
            module.run_on_import.append(statement)
        if "FINGERPRINT_ALSO" in defined:
            module.also = _literal_list(node, path)
        if "FINGERPRINT_FILES" in defined:
            module.files = _literal_list(node, path)
        decorated += [(decorator, statement) for decorator in _decorators(node)]
    for decorator, statement in decorated:
        if _is_of_package(decorator, module) and statement not in module.run_on_import:
            module.run_on_import.append(statement)
    return module


def _names_defined(node: ast.stmt) -> list[str]:
    """Return names that a statement defines, doing nothing else; none for other statements."""
    if isinstance(node, Definition):
        return [node.name]
    if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
        return ["__main__"]  # runs in the stage's own module, but not where it is imported
    if not isinstance(node, ast.Assign | ast.AugAssign):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    targets = [each for target in targets for each in getattr(target, "elts", [target])]
    return [target.id for target in targets] if all(isinstance(target, ast.Name) for target in targets) else []


def _names_stored(node: ast.AST) -> set[str]:
    """Return all names that are assigned to or defined anywhere inside."""
    nodes = list(ast.walk(node))
    names = {each.id for each in nodes if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    return names | {each.name for each in nodes if isinstance(each, Definition)}


def _literal_list(node: ast.Assign | ast.AugAssign, path: Path) -> list[str]:
    try:
        return [str(each) for each in ast.literal_eval(node.value)]
    except ValueError as error:
        raise StudyError(f"{path}, line {node.lineno}: write this as a list of literal strings.") from error


def _decorators(node: ast.stmt) -> list[ast.expr]:
    """Return decorators of a definition, and of the methods of a class."""
    if not isinstance(node, Definition):
        return []
    methods = node.body if isinstance(node, ast.ClassDef) else []
    return [*node.decorator_list, *(each for method in methods for each in getattr(method, "decorator_list", []))]


def _is_of_package(decorator: ast.expr, module: _Module) -> bool:
    """Return whether a decorator comes from the package, and not from a library."""
    while isinstance(decorator, ast.Call | ast.Attribute):
        decorator = decorator.func if isinstance(decorator, ast.Call) else decorator.value
    bindings = module.names.get(decorator.id, []) if isinstance(decorator, ast.Name) else []
    package = module.name.split(".")[0]
    return any(isinstance(each, _Statement) or each.module.split(".")[0] == package for each in bindings)


def _normalised(body: list[ast.stmt], in_class: bool = False) -> list[ast.stmt]:
    """Return statements without what changes no behaviour.

    That is docstrings, descriptions of fields, annotations, and imports for type checkers.
    """
    kept = []
    for node in body:
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            kept += _normalised(node.orelse, in_class)
            continue
        if isinstance(node, ast.AnnAssign) and not in_class:
            if node.value is None:
                continue
            node = ast.copy_location(ast.Assign([node.target], node.value), node)
        if isinstance(node, Function):
            _drop_annotations(node)
        inside_class = isinstance(node, ast.ClassDef) or (in_class and not isinstance(node, Function))
        for part in (node, *getattr(node, "handlers", []), *getattr(node, "cases", [])):
            for name in ("body", "orelse", "finalbody"):
                if inner := getattr(part, name, None):
                    setattr(part, name, _normalised(inner, inside_class))
        kept.append(node)
    return kept


def _drop_annotations(function: Function) -> None:
    if ANNOTATION_READERS & {_last_name(decorator) for decorator in function.decorator_list}:
        return
    function.returns = None
    for argument in _arguments(function.args):
        argument.annotation = None


def _drop_descriptions(module: ast.Module) -> None:
    """Drop the keyword `description` of every call of `Field`: prose about a setting, which no stage reads."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _last_name(node) == "Field":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    starred = [each for each in (arguments.vararg, arguments.kwarg) if each]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def _last_name(node: ast.expr) -> str | None:
    """Return `c` for `c`, `a.b.c` and `a.b.c(…)`."""
    node = node.func if isinstance(node, ast.Call) else node
    return getattr(node, "attr", getattr(node, "id", None))


def _digest(node: ast.AST) -> str:
    """Return the hash of a syntax tree without its positions.

    Empty fields are left out, so that it stays the same when a later Python adds fields to its trees.
    """
    parts: list[str] = []
    _write(node, parts)
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _write(node: object, parts: list[str]) -> None:
    if isinstance(node, ast.AST):
        parts.append(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != [] and name not in ("ctx", "kind", "type_comment"):
                parts.append(f"{name}=")
                _write(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        for each in node:
            _write(each, parts)
            parts.append(",")
    else:
        parts.append(repr(node))


class _Reader(ast.NodeVisitor):
    """Collects the names that a statement uses without binding them in a function of its own, and its imports."""

    def __init__(self, module: _Module):
        self.uses: set[tuple[str, ...]] = set()
        self.imports: dict[str, list[_Import]] = defaultdict(list)
        self._module = module
        self._local: list[set[str]] = []

    def _use(self, *chain: str) -> None:
        if not any(chain[0] in names for names in self._local):
            self.uses.add(chain)

    def visit_Name(self, node: ast.Name) -> None:
        self._use(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        attributes = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            self._use(node.id, *attributes)
        else:
            self.visit(node)

    def visit_FunctionDef(self, node: Function) -> None:
        for outside in (*node.decorator_list, node.args, *([node.returns] if node.returns else [])):
            self.visit(outside)
        self._visit_inside(_local_names(node), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self._visit_inside({each.arg for each in _arguments(node.args)}, [node.body])

    def visit_ListComp(self, node: Comprehension) -> None:
        self.visit(node.generators[0].iter)
        self._visit_inside(_targets(node), ast.iter_child_nodes(node))

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _visit_inside(self, local: set[str], nodes: Iterable[ast.AST]) -> None:
        self._local.append(local)
        for node in nodes:
            self.visit(node)
        self._local.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.generic_visit(node)
        # Annotations in quotes, which pydantic resolves.
        for each in ast.walk(node.annotation):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                with suppress(SyntaxError):
                    self.visit(ast.parse(each.value, mode="eval"))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            package = alias.name.split(".")[0]
            self.imports[alias.asname or package].append(_Import(alias.name if alias.asname else package))
            # `import a.b` binds `a` but also imports `a.b`, here noted under a name that nothing can use.
            self.imports[alias.name].append(_Import(alias.name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        parents = self._module.name.split(".") if self._module.is_package else self._module.name.split(".")[:-1]
        parents = parents[: len(parents) - node.level + 1] if node.level else []
        source = ".".join([*parents, *([node.module] if node.module else [])])
        for alias in node.names:
            if alias.name == "*":
                imported = _Import(source)
            elif source == self._module.name:
                # In an `__init__`: one of its own submodules.
                imported = _Import(f"{source}.{alias.name}")
            else:
                imported = _Import(source, alias.name)
            self.imports[alias.asname or alias.name].append(imported)


def _targets(comprehension: Comprehension) -> set[str]:
    """Return names that a comprehension binds."""
    return {name for generator in comprehension.generators for name in _names_stored(generator.target)}


def _local_names(function: Function) -> set[str]:
    """Return names that a function binds in its own scope, other than by imports."""
    names, declared_global = {each.arg for each in _arguments(function.args)}, set()
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                names.add(node.id)
        elif isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, Comprehension):
            names |= {each.target.id for each in ast.walk(node) if isinstance(each, ast.NamedExpr)}
        elif isinstance(node, ast.Global):
            declared_global |= set(node.names)
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                names.add(node.name)
            if isinstance(node, ast.MatchMapping) and node.rest:
                names.add(node.rest)
            pending.extend(ast.iter_child_nodes(node))
    return names - declared_global


def _at_revision(stage: str, package_root: Path, revision: str) -> dict[str, str]:
    """Return what a stage depended on at a revision of the repository; nothing if it was not there.

    Raises:
        StudyError: Git knows no such revision.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "-C", str(package_root.parent), "archive", "--format=tar", revision], capture_output=True
        )
        if archive.returncode:
            raise StudyError(f"--since {revision}: {archive.stderr.decode().strip()}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        package = Path(folder, package_root.name)
        module = find_stages(package).get(stage)
        return {} if module is None else dependencies(module, package)


def main(command: list[str] | None = None) -> None:
    """Print what a stage depends on, or what of it changed since a revision."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("stage", help="name of a stage, which is its rule's: embed_sentences")
    parser.add_argument("--since", metavar="REVISION", help="a revision of Git, with which the files are compared")
    given = parser.parse_args(command)
    package = Path(__file__).parents[1]
    try:
        stages = find_stages(package)
        if given.stage not in stages:
            near = did_you_mean(given.stage, stages) or f"there are {', '.join(stages)}."
            raise StudyError(f"{given.stage} is no stage; {near}")
        now = dependencies(stages[given.stage], package)
        if given.since is None:
            print(f"{given.stage} {fingerprint(stages[given.stage], package)}", *now, sep="\n  ")
            return
        changed = changes(_at_revision(given.stage, package, given.since), now)
        print("\n".join(changed) if changed else f"Nothing that {given.stage} depends on changed since {given.since}.")
    except StudyError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
