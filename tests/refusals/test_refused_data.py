"""Data that is refused, by the stage `texts`, with the file and the line; and odd data that is read as it is meant."""

import json
import os

import datasets
import huggingface_hub.constants
import pandas as pd
import pytest

from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.texts import read_texts

UNEQUAL = {"en.txt": b"1\n2\n", "de.txt": b"1\n2\n3\n"}
SHORTER = {"tatoeba/tatoeba.deu-eng.deu": b"1\n2\n", "tatoeba/tatoeba.deu-eng.eng": b"1\n"}

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 145932\n"


def paws(rows, header=b"id\tsentence1\tsentence2\tlabel\n"):
    """The file of a small data set in the layout of PAWS-X."""
    return {"paws-x/en/dev.tsv": header + rows}


def bucc(**changed):
    """Files of a small data set in the layout of BUCC, some of them changed."""
    files = {"de": b"de-1\tEins.\n", "en": b"en-1\tOne.\n", "gold": b"de-1\ten-1\n", **changed}
    return {f"bucc2018/de-en.dev.{name}": content for name, content in files.items()}


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command line of the stage for a data set, by default local, under `tmp_path / data`."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets_cache")

    def command(layout, languages, data_root=tmp_path / "data", table=LANGUAGES, **dataset):
        spec = {
            "name": "own",
            "dataset": {"source": "local", "layout": layout, "split": "dev", **dataset},
            "languages": languages,
            "table": {code: table[code].model_dump() for code in languages},
            "data_root": data_root and str(data_root),
        }
        return ["--spec", json.dumps(spec), "--texts", tmp_path / "own.parquet"]

    return command


@pytest.fixture
def write(tmp_path):
    """Writes files below `tmp_path / data`."""

    def write(files):
        for name, content in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    return write


# What is wrong, the layout, its files, the languages, and what the message says.
CASES = [
    ("empty file", "lines", {"en.txt": b""}, "en", r"en\.txt is empty; fetch it again"),
    ("byte order mark alone", "lines", {"en.txt": b"\xef\xbb\xbf"}, "en", r"en\.txt is empty"),
    ("one empty line", "lines", {"en.txt": b"\n"}, "en", r"1 texts are empty \(ids dev-000000\), or of bl"),
    ("empty line within", "lines", {"en.txt": b"a\n\nc\n"}, "en", r"own, en sentence: 1 texts are empty \(ids dev-"),
    ("empty line at the end", "lines", {"en.txt": b"a\n\n"}, "en", r"1 texts are empty \(ids dev-000001\)"),
    ("only spaces", "lines", {"en.txt": "a\n \t\u3000\u00a0\u2028\n".encode()}, "en", r"1 texts are empty"),
    ("invalid UTF-8", "lines", {"en.txt": b"fine\n\xff\xfe\n"}, "en", r"en\.txt is not UTF-8: byte 5 .*save it as"),
    ("Latin-1", "lines", {"en.txt": "läuft".encode("latin-1")}, "en", r"not UTF-8: byte 1"),
    ("surrogates in UTF-8", "lines", {"en.txt": b"a\xed\xa0\x80b\n"}, "en", r"not UTF-8: byte 1"),
    ("UTF-16", "lines", {"en.txt": "one\ntwo\n".encode("utf-16")}, "en", r"not UTF-8: byte 0"),
    ("UTF-16 without mark", "lines", {"en.txt": "one\ntwo".encode("utf-16-le")}, "en", r"dev-000000 holds a NUL"),
    ("NUL", "lines", {"en.txt": b"one\ntwo\0\n"}, "en", r"dev-000001 holds a NUL character; is the file text\?"),
    (
        "zero-width characters alone",
        "lines",
        {"en.txt": "a\n\u200b\u2060\u00ad\ufeff \ufe0f\u3164\n".encode()},
        "en",
        r"1 texts are",
    ),
    (
        "two byte order marks",
        "lines",
        {"en.txt": b"\xef\xbb\xbf" * 2 + b"a\n"},
        "en",
        r"en\.txt begins with two byte ord",
    ),
    ("line ends converted twice", "lines", {"en.txt": b"a\r\n\r\r\n"}, "en", r"en\.txt, line 2 ends in CR CR LF"),
    ("a Git LFS pointer", "lines", {"en.txt": POINTER}, "en", r"en\.txt is a Git LFS pointer.*`git lfs pull`"),
    ("a pointer for a table", "table", {"own.parquet": POINTER}, "en", r"own\.parquet is a Git LFS pointer"),
    ("no parquet", "table", {"own.parquet": b"PAR1"}, "en", r"own\.parquet is no parquet that can be read"),
    ("no such column", "table", {"own.csv": b"en,es\na,b\n"}, "en fr", r"own\.csv has no column fr; it has en, es"),
    ("ragged CSV", "table", {"own.csv": b"en,es\na,b\nc\n"}, "en es", r"own\.csv, line 3: 1 fields in place of 2"),
    (
        "open quotes",
        "table",
        {"own.csv": b'en,es\n"a,b\n'},
        "en es",
        r"own\.csv, line 2: this is no CSV: unexpected end",
    ),
    ("a column twice", "table", {"own.tsv": b"en\ten\na\tb\n"}, "en", r"own\.tsv has the column en twice"),
    ("empty cell", "table", {"own.tsv": b"en\tes\na\t\n"}, "en es", r"own, es sentence: 1 texts are empty"),
    ("no JSON", "table", {"own.jsonl": b'{"en": "a"}\n{en}\n'}, "en", r"own\.jsonl, line 2: this is no JSON"),
    ("no object", "table", {"own.jsonl": b'["a"]\n'}, "en", r"own\.jsonl, line 1: an object is expected"),
    (
        "twice a key",
        "table",
        {"own.jsonl": b'{"en": "a", "en": "b"}\n'},
        "en",
        r"own\.jsonl, line 1 has the key en twice",
    ),
    ("half of a pair", "table", {"own.jsonl": b'{"en": "\\ud800 a"}\n'}, "en", r"line 1: en holds half of a character"),
    (
        "too deep",
        "table",
        {"own.jsonl": b"[" * 100_000},
        "en",
        r"own\.jsonl, line 1: this is no JSON: maximum recursion",
    ),
    ("null", "table", {"own.jsonl": b'{"en": null}\n'}, "en", r"own\.jsonl, line 1: en is None, not a text"),
    (
        "key left out",
        "table",
        {"own.jsonl": b'{"en": "a"}\n{"es": "b"}\n'},
        "en",
        r"own\.jsonl, line 2 has no column en",
    ),
    ("lines that end in CR", "lines", {"en.txt": b"one\rtwo\r"}, "en", r"en\.txt end in CR alone; end them in LF"),
    (
        "unequal lengths",
        "lines",
        UNEQUAL,
        "en de",
        r"en and de must be parallel, but have 2 and 3",
    ),
    (
        "missing language",
        "lines",
        {"en.txt": b"1\n"},
        "en de",
        r"no file .*/data/de\.txt; beside it are en\.txt, …\. Set data_root",
    ),
    ("missing folder", "tatoeba", {}, "de", r"no file .*; there is no folder .*/data/tatoeba either\. Set data_root"),
    ("folder for a file", "lines", {"en.txt/a": b"1\n"}, "en", r"there is no file .*/data/en\.txt"),
    (
        "no header",
        "paws-x",
        paws(b"1\ta\tb\t1\n", header=b""),
        "en",
        r"dev\.tsv: the first line must name the columns id, sent",
    ),
    ("too few fields", "paws-x", paws(b"7\ta\tb\n"), "en", r"dev\.tsv, line 2: not 4 fields"),
    ("too many fields", "paws-x", paws(b"7\ta\tb\t1\t1\n"), "en", r"dev\.tsv, line 2: not 4 fields"),
    ("empty row", "paws-x", paws(b"\n8\ta\tb\t1\n"), "en", r"dev\.tsv, line 2: not 4 fields"),
    ("id that is no number", "paws-x", paws(b"x\ta\tb\t1\n"), "en", r"line 2: the id 'x' is no number"),
    ("id twice", "paws-x", paws(b"7\ta\tb\t1\n7\tc\td\t1\n"), "en", r"the id dev-000007 is there twice"),
    ("unknown label", "paws-x", paws(b"7\ta\tb\tyes\n"), "en", r"the label of pair 7 is 'yes', not 0 or 1"),
    ("no paraphrase", "paws-x", paws(b"7\ta\tb\t0\n"), "en", r"en sentence1: there is no sentence"),
    (
        "other side shorter",
        "tatoeba",
        SHORTER,
        "de",
        r"de: source and target, but have 2 and 1",
    ),
    (
        "query that is not there",
        "bucc2018",
        bucc(gold=b"de-7\ten-1\n"),
        "de",
        r"gold pairs name de-7, which is not there",
    ),
    ("candidate not there", "bucc2018", bucc(gold=b"de-1\ten-7\n"), "de", r"no candidate for the gold ids en-7"),
    ("gold without tab", "bucc2018", bucc(gold=b"de-1 en-1\n"), "de", r"gold, line 1: two ids separated by a tab"),
    ("three gold ids", "bucc2018", bucc(gold=b"de-1\ten-1\tx\n"), "de", r"gold, line 1: two ids separated by a tab"),
    ("text without id", "bucc2018", bucc(de=b"de-1\t1\nEins.\n"), "de", r"dev\.de, line 2: an id and a text separated"),
    ("query id twice", "bucc2018", bucc(de=b"de-1\t1\nde-1\t2\n"), "de", r"dev\.de, line 2: the id de-1 stands in"),
    ("candidate id twice", "bucc2018", bucc(en=b"en-1\t1\nen-1\t2\n"), "de", r"dev\.en, line 2: the id en-1 stands in"),
    (
        "no long paragraph",
        "wikipedia",
        {"wikipedia/fr.txt": b"court\n"},
        "fr",
        r"own, fr paragraph: there is no sentence",
    ),
]


@pytest.mark.parametrize(
    ("layout", "files", "languages", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_refused_with_the_file_and_the_remedy(refused, command, write, tmp_path, layout, files, languages, message):
    write(files)
    path = {"path": next(iter(files))} if layout == "table" else {}
    refused(read_texts.main, command(layout, languages.split(), **path), message)
    assert not (tmp_path / "own.parquet").exists()


def test_without_a_data_root_it_is_asked_for(refused, command):
    refused(
        read_texts.main, command("lines", ["en"], data_root=None), r"datasets\.own is local, but data_root is not set"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(refused, command, write, tmp_path):
    write({"en.txt": b"one\n"})
    (tmp_path / "data/en.txt").chmod(0)
    refused(read_texts.main, command("lines", ["en"]), r"en\.txt cannot be read: Permission denied")


# What is wrong with a parquet file of a repository: its columns or bytes, and what the message says.
ON_THE_HUB = [
    ("missing column", {"other": ["a"]}, r"has no column text; it has other"),
    ("numbers for texts", {"text": [1, 2]}, r"es: the column text holds 1 in row 0, a int and no text"),
    ("an id twice", {"id": [0, 0], "text": ["a", "b"]}, r"es: the id 0 is there twice"),
    ("an id before the first", {"id": [0, 1], "sentence": ["a", "b"]}, r"es: the id 0 is no number from 1 on"),
    ("an id that is none", {"id": ["x"], "text": ["a"]}, r"es: the id 'x' is no number from 0 on"),
    ("missing text", {"text": ["a", None]}, r"1 texts are empty \(ids dev-000001\)"),
    ("no row", {"text": []}, r"is no parquet that can be read: BatchSize must be greater than 0"),
    ("damaged", b"PAR1 and no more", r"is no parquet that can be read"),
    ("empty", b"", r"spa_Latn/dev/0\.parquet is empty; fetch it again"),
    (
        "another language",
        None,
        r"has no dev of es: no file data/language/spa_Latn.*Leave the language out, or pin another revision",
    ),
]


@pytest.mark.parametrize(
    ("content", "message"), [case[1:] for case in ON_THE_HUB], ids=[case[0] for case in ON_THE_HUB]
)
def test_refused_from_the_hub(refused, command, tmp_path, content, message):
    path = tmp_path / "repository/spa_Latn/dev/0.parquet"
    path.parent.mkdir(parents=True)
    if isinstance(content, dict):
        pd.DataFrame(content).to_parquet(path)
    elif content is not None:
        path.write_bytes(content)
    repository = {"source": "hub", "repository": str(tmp_path / "repository")}
    refused(read_texts.main, command("flores200", ["es"], **repository), message)


@pytest.mark.parametrize(
    ("layout", "name", "columns", "message"),
    [
        (
            "paws-x",
            "PAWS-X.es/dev-0.parquet",
            {"sentence1": [1], "sentence2": ["b"], "label": ["1"]},
            r"sentence1 holds 1",
        ),
        (
            "paws-x",
            "PAWS-X.es/dev-0.parquet",
            {"sentence1": ["a"], "sentence2": ["b"], "label": [None]},
            r"label of pair 1",
        ),
        (
            "tatoeba",
            "tatoeba.spa/dev-0.parquet",
            {"source_sentence": ["a"], "target_sentence": [2]},
            r"_sentence holds 2 in",
        ),
        (
            "tatoeba",
            "tatoeba.spa/dev-0.parquet",
            {"source_sentence": [None], "target_sentence": ["a"]},
            r"1 texts are empty",
        ),
        ("wikipedia", "20231101.es/dev-0.parquet", {"id": ["7"], "text": [3]}, r"the column text holds 3 in row 7"),
        (
            "bucc2018",
            "bucc18.es/dev-0.parquet",
            {
                "source_id": ["s1", "s2"],
                "source_sentence": ["a", "b"],
                "target_id": ["t1", "t1"],
                "target_sentence": ["c", "d"],
            },
            r"bucc18\.es: the id t1 stands for two sentences",
        ),
        (
            "bucc2018",
            "bucc18.es/dev-0.parquet",
            {
                "source_id": ["s1", None],
                "source_sentence": ["a", "b"],
                "target_id": ["t1", "t2"],
                "target_sentence": ["c", "d"],
            },
            r"es: the column source_id is empty in row 1",
        ),
        (
            "paws-x",
            "PAWS-X.es/dev-00001-of-00002.parquet",
            {"sentence1": ["a"], "sentence2": ["b"], "label": ["1"]},
            r"of .*/PAWS-X\.es/dev-\*-of-00002\.parquet 1 files are there, not 2; fetch the others",
        ),
        *(
            (
                "ud-pud",
                "parquet/es_pud/dev.parquet",
                {
                    "sent_id": ["a"],
                    "text": ["no"],
                    "tokens": [["no"]],
                    "upos": [["X"]],
                    "head": [["0"]],
                    "mwt": [mwt],
                },
                r"row 0: mwt must be a list of tokens with id and form",
            )
            for mwt in ([{"ID": "1-2", "FORM": "del"}], "1-2 del")
        ),
    ],
)
def test_columns_of_the_hub_that_cannot_be_right_are_refused(
    refused, command, tmp_path, layout, name, columns, message
):
    path = tmp_path / "repository" / name
    path.parent.mkdir(parents=True)
    pd.DataFrame(columns).to_parquet(path)
    repository = {"source": "hub", "repository": str(tmp_path / "repository")}
    refused(read_texts.main, command(layout, ["es"], **repository), message)


def test_a_pointer_in_a_clone_of_the_hub_is_refused(refused, command, tmp_path):
    path = tmp_path / "repository/dev/spa_Latn.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(POINTER)
    repository = {"source": "hub", "repository": str(tmp_path / "repository")}
    refused(read_texts.main, command("flores200", ["es"], **repository), r"spa_Latn\.jsonl is a Git LFS pointer")
    path.write_text("{}\n{no")
    refused(
        read_texts.main, command("flores200", ["es"], **repository), r"spa_Latn\.jsonl is no JSON Lines that can be"
    )


def test_what_cannot_be_generated_is_refused(refused, command):
    generated = {"source": "cldr", "sentences": 3}
    refused(
        read_texts.main,
        command("flores200", ["es"], **generated, split="final"),
        r"no generated split final; there are t",
    )
    table = {"es": LANGUAGES["es"].model_copy(update={"cldr": "../../etc"})}
    refused(
        read_texts.main,
        command("flores200", ["es"], **generated, table=table),
        r"CLDR has no locale '\.\./\.\./etc'; set lan",
    )


# What is odd, the file's bytes, and the sentences that are read.
ODD = [
    ("byte order mark", b"\xef\xbb\xbfone\ntwo", ["one", "two"]),
    ("CRLF", b"one\r\ntwo\r\n", ["one", "two"]),
    ("CRLF without the last", b"one\r\ntwo", ["one", "two"]),
    ("CR within a line", b"a\rb\nc\n", ["a\rb", "c"]),
    ("one line that ends in CR", b"one\r", ["one"]),
    ("separators within", "a\u2028b\u0085c\x0bd\x0ce\x1ef\n".encode(), ["a\u2028b\u0085c\x0bd\x0ce\x1ef"]),
    ("space around", " one \n\ttwo\u3000\u00a0\n".encode(), ["one", "two"]),
    ("nothing normalised", "e\u0301\u00a0\ufeffx\n".encode(), ["e\u0301\u00a0\ufeffx"]),
    ("byte order marks around", "\ufeffone\u00a0\ufeff\n\ufefftwo\n".encode(), ["one", "two"]),
    ("a sentence twice", b"one\none\n", ["one", "one"]),
    ("100,000 characters", b"x" * 100_000 + b"\n", ["x" * 100_000]),
    ("100,000 characters beyond the BMP", ("𝒙" * 100_000).encode(), ["𝒙" * 100_000]),
]


@pytest.mark.parametrize(("content", "expected"), [case[1:] for case in ODD], ids=[case[0] for case in ODD])
def test_odd_text_is_read_as_it_is_meant(command, write, tmp_path, content, expected):
    write({"en.txt": content})
    read_texts.main(list(map(str, command("lines", ["en"]))))
    assert list(pd.read_parquet(tmp_path / "own.parquet")["text"]) == expected


def test_a_limit_makes_files_of_unequal_length_parallel(command, write, tmp_path):
    write({"en.txt": b"1\n2\n3\n", "de.txt": b"1\n2\n"})
    read_texts.main(list(map(str, command("lines", ["en", "de"], sentences=2))))
    assert pd.read_parquet(tmp_path / "own.parquet").groupby("lang").size().to_dict() == {"de": 2, "en": 2}
