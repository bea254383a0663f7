"""Treebanks of Universal Dependencies, in CoNLL-U (https://universaldependencies.org/format.html).

Words are the syntactic words, which tags and heads are given for. Where several of them are written as one token
(`del` is `de` and `el`), each has the span of that token. Empty nodes of enhanced graphs are passed over.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts.lines import read_lines
from workflow_scripts.texts.parts import Parts
from workflow_scripts.texts.trees import is_tree

FIELDS = 10
TAGS = {
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ"),
    *("SYM", "VERB", "X"),
}


@dataclass
class Tree:
    """A sentence as it is read."""

    where: str  # file and line at which it begins
    id: str = ""
    text: str = ""
    spans: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)
    read: int = 0  # characters of the text up to the end of the last token
    width: int = 0  # characters of that token
    token_ends: int = 0  # number of the last word of the token that is being read


def read_treebank(path: Path) -> Parts:
    """Read the sentences of a treebank, parts `sentence`, `spans`, `tags`, `heads`, the latter separated by spaces.

    Raises:
        StudyError: a line is malformed, a token is not in the text or text follows the last one, a tag is none, or the
            heads are no tree.
    """
    # A blank line ends a sentence, the last one too.
    lines = enumerate([*read_lines(path), ""], start=1)
    return _parts(_trees((f"{path}, line {number}", line) for number, line in lines), str(path))


def read_treebank_rows(rows: Iterable[Mapping[str, Any]], where: str) -> Parts:
    """Read the sentences of a treebank from rows as `commul/universal_dependencies` on the hub has them.

    Args:
        rows: For each sentence `sent_id`, `text`, and lists: `tokens` (the syntactic words), `upos` (tags), `head`
            (numbers as text) and `mwt`, the tokens of several words, with `id` (like 3-4) and `form`.
        where: What they are of, for messages.

    Raises:
        StudyError: as `read_treebank`; a column does not hold what it should.
    """
    return _parts(_trees(_lines_of_rows(rows, where)), where)


def _lines_of_rows(rows: Iterable[Mapping[str, Any]], where: str) -> Iterator[tuple[str, str]]:
    """The lines in CoNLL-U that rows stand for, each with where it is from."""
    for number, row in enumerate(rows):
        here = f"{where}, row {number}"
        words = [row[name] for name in ("tokens", "upos", "head")]
        if not all(isinstance(word, list) and len(word) == len(words[0]) for word in words):
            raise StudyError(f"{here}: tokens, upos and head must be lists of one length.")
        yield here, f"# sent_id = {row['sent_id'] or ''}"
        yield here, f"# text = {row['text'] or ''}"
        tokens = row["mwt"] or []
        if isinstance(tokens, Mapping):  # as `datasets` once gave a list of structures: one of lists
            tokens = [dict(zip(tokens, of_token, strict=True)) for of_token in zip(*tokens.values(), strict=True)]
        if not isinstance(tokens, list) or not all(
            isinstance(each, Mapping) and {"id", "form"} <= {*each} for each in tokens
        ):
            raise StudyError(f"{here}: mwt must be a list of tokens with id and form.")
        several = {str(token["id"]).partition("-")[0]: token for token in tokens}
        for position, (form, tag, head) in enumerate(zip(*words, strict=True), start=1):
            if token := several.get(str(position)):
                yield here, "\t".join([str(token["id"]), str(token["form"]), *["_"] * (FIELDS - 2)])
            yield here, "\t".join([str(position), str(form), "_", str(tag), "_", "_", str(head), *["_"] * 3])
        yield here, ""


def _parts(found: Iterator[Tree], where: str) -> Parts:
    trees = list(found)
    if not trees:
        raise StudyError(f"{where} holds no sentence.")
    return {
        "sentence": [(tree.id, tree.text) for tree in trees],
        "spans": [(tree.id, " ".join(tree.spans)) for tree in trees],
        "tags": [(tree.id, " ".join(tree.tags)) for tree in trees],
        "heads": [(tree.id, " ".join(map(str, tree.heads))) for tree in trees],
    }


def _trees(lines: Iterable[tuple[str, str]]) -> Iterator[Tree]:
    """The sentences of lines in CoNLL-U, each given with where it stands."""
    tree: Tree | None = None
    for where, line in lines:
        if not line.strip():
            if tree is not None:
                yield _finished(tree)
            tree = None
            continue
        tree = tree or Tree(where)
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            if key.strip() == "sent_id":
                tree.id = value.strip()
            elif key.strip() == "text":
                tree.text = value.strip()
            continue
        _read_line(tree, line, where)


def _read_line(tree: Tree, line: str, where: str) -> None:
    fields = line.split("\t")
    if len(fields) != FIELDS:
        raise StudyError(f"{where}: {len(fields)} fields in place of {FIELDS}.")
    number, form, tag, head = fields[0], fields[1], fields[3], fields[6]
    if re.fullmatch(r"\d+\.\d+", number):
        return
    if several := re.fullmatch(r"(\d+)-(\d+)", number):
        _read_token(tree, form, where)
        tree.token_ends = int(several[2])
        return
    if number != str(len(tree.tags) + 1):
        raise StudyError(f"{where}: the word is numbered {number}, not {len(tree.tags) + 1}.")
    if tag not in TAGS:
        raise StudyError(f"{where}: {tag!r} is no universal part of speech.")
    if not head.isdecimal():
        raise StudyError(f"{where}: the head {head!r} is no number.")
    if int(number) > tree.token_ends:
        _read_token(tree, form, where)
    tree.spans.append(f"{tree.read - tree.width}:{tree.read}")
    tree.tags.append(tag)
    tree.heads.append(int(head))


def _read_token(tree: Tree, form: str, where: str) -> None:
    """Find a token behind the last one, after nothing but space."""
    start = tree.read + len(tree.text[tree.read :]) - len(tree.text[tree.read :].lstrip())
    if not tree.text.startswith(form, start):
        found = tree.text[start : start + 20]
        raise StudyError(f"{where}: the token {form!r} is not what the text goes on with, {found!r}.")
    tree.width, tree.read = len(form), start + len(form)


def _finished(tree: Tree) -> Tree:
    for name in ("id", "text"):
        if not getattr(tree, name):
            comment = "sent_id" if name == "id" else name
            raise StudyError(f"{tree.where}: the sentence that begins here has no comment `# {comment} = …`.")
    if rest := tree.text[tree.read :].strip():
        raise StudyError(f"{tree.where}: the words of sentence {tree.id} end before its text does, at {rest[:20]!r}.")
    if tree.token_ends > len(tree.tags):
        raise StudyError(f"{tree.where}: sentence {tree.id} has no word {tree.token_ends}, with which a token ends.")
    if not is_tree(tree.heads):
        raise StudyError(f"{tree.where}: the heads of sentence {tree.id} are no tree with one root.")
    return tree
