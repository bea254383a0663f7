"""SIB-200 and treebanks, from local files and from directories laid out like a repository of the hub."""

import pandas as pd
import pytest

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts import read_texts, schema

HEADER = "index_id\tcategory\ttext\n"
SIB = {
    "train": HEADER + '1005\tsports\t"""Run,"" she said."\n431\ttravel\tA dev sentence.\n998\thealth\tB.\n',
    "dev": HEADER + "997\ttravel\tA “quoted” one.\n",
    "test": HEADER + '3\thealth\tAnother of dev.\n1000\tsports\tIt\'s "here".\n',
}


def word(number, form, tag="NOUN", head=0):
    return f"{number}\t{form}\t_\t{tag}\t_\t_\t{head}\tdep\t_\t_\n"


SPANISH = (
    "# newdoc id = n1\n# sent_id = n1\n# text = La casa del 25 000.\n"
    + word(1, "La", "DET", 2)
    + word(2, "casa", "NOUN", 0)
    + "3-4\tdel\t_\t_\t_\t_\t_\t_\t_\t_\n"
    + word(3, "de", "ADP", 5)
    + word(4, "el", "DET", 5)
    + word(5, "25 000", "NUM", 2)
    + "5.1\tnothing\t_\t_\t_\t_\t_\t_\t_\t_\n"
    + word(6, ".", "PUNCT", 2)
    + "\n# sent_id = n2\n# text = Sí\n"
    + word(1, "Sí", "INTJ", 0)
)


@pytest.fixture
def read(tmp_path):
    """Runs the stage on files below `tmp_path / data`, by their local names or as a repository; reads its parquet."""

    def read(files, layout, split, codes, source="local", **options):
        for name, content in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        repository = {"repository": str(tmp_path / "data")} if source == "hub" else {}
        spec = read_texts.Spec(
            name="own",
            dataset=DatasetConfig(source=source, layout=layout, split=split, **repository, **options),
            languages=codes,
            table={code: LANGUAGES[code] for code in codes},
            data_root=str(tmp_path / "data") if source == "local" else None,
        )
        read_texts.main(["--spec", spec.model_dump_json(), "--texts", str(tmp_path / "own.parquet")])
        return tmp_path / "own.parquet"

    return read


def sib(code="spa_Latn", folder="sib200", **changed):
    return {f"{folder}/{code}/{name}.tsv": content for name, content in {**SIB, **changed}.items()}


@pytest.mark.parametrize(("source", "folder"), [("local", "sib200"), ("hub", "data")])
def test_topics_of_one_half_of_flores_have_its_ids_and_its_order(read, source, folder):
    files = sib(folder=folder) | sib("zho_Hans", folder)
    path = read(files, "sib200", "devtest", ["es", "zh"], source)
    ids, sentences = schema.read_part(path, "es", "sentence")
    assert ids == ["devtest-000000", "devtest-000001", "devtest-000003", "devtest-000008"]
    assert sentences == ["A “quoted” one.", "B.", 'It\'s "here".', '"Run," she said.']
    assert schema.read_part(path, "zh", "topic") == (ids, ["travel", "health", "sports", "sports"])
    dev = read(files, "sib200", "dev", ["es"], source)
    assert schema.read_part(dev, "es", "sentence") == (
        ["dev-000003", "dev-000431"],
        ["Another of dev.", "A dev sentence."],
    )
    assert len(schema.read_part(read(files, "sib200", "devtest", ["es"], source, sentences=2), "es", "topic")[0]) == 2


def test_only_a_text_that_is_quoted_as_a_whole_loses_its_quotation_marks(read):
    texts = {
        '"No, dijo.': '"No, dijo.',
        '"No" dijo.': '"No" dijo.',
        '"""No,"" dijo."': '"No," dijo.',
        '"a\tb"': "a\tb",
        "c\rd": "c\rd",
        "e" * 140_000: "e" * 140_000,
    }
    written = "".join(f"{997 + number}\tsports\t{text}\n" for number, text in enumerate(texts))
    path = read(sib(train=HEADER + written, dev=HEADER, test=HEADER), "sib200", "devtest", ["es"])
    assert schema.read_part(path, "es", "sentence")[1] == list(texts.values())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dev": HEADER + "997\ttravel\ta\tb\n"}, r"dev\.tsv, line 2: 4 fields in place of 3"),
        ({"dev": "id\tcategory\ttext\n"}, r"dev\.tsv: the first line must name the columns index_id, category, text"),
        ({"dev": HEADER + "997\ttravel\n"}, r"dev\.tsv, line 2: 2 fields in place of 3"),
        ({"test": HEADER + "x\tsports\tA.\n"}, r"test\.tsv, line 2: the id 'x' is no number"),
        ({"test": HEADER + "5\ta\tA.\n1005\tsports\tB.\n"}, r"test\.tsv, line 3: the id 1005 is there twice"),
        ({"dev": HEADER + "997\t \tA.\n"}, r"dev\.tsv, line 2: sentence 997 has no topic"),
        ({"dev": HEADER + "997\tsports\t \n"}, r"1 texts are empty \(ids devtest-000000\)"),
    ],
)
def test_a_malformed_file_of_topics_is_refused_with_its_line(read, changed, message):
    with pytest.raises(StudyError, match=message):
        read(sib(**changed), "sib200", "devtest", ["es"])


PUD = "ud-pud/UD_{}-PUD/{}_pud-ud-test.conllu"


@pytest.mark.parametrize(("source", "folder"), [("local", "ud-pud/"), ("hub", "")])
def test_words_of_a_treebank_have_spans_tags_and_heads(read, source, folder):
    names = [
        folder + f"UD_{name}-PUD/{code}_pud-ud-test.conllu" for name, code in (("Spanish", "es"), ("Chinese", "zh"))
    ]
    path = read(dict.fromkeys(names, SPANISH), "ud-pud", "test", ["es", "zh"], source)
    ids, sentences = schema.read_part(path, "zh", "sentence")
    assert (ids, sentences) == (["n1", "n2"], ["La casa del 25 000.", "Sí"])
    spans = schema.read_spans(path, "es", ids)
    assert spans == [[(0, 2), (3, 7), (8, 11), (8, 11), (12, 18), (18, 19)], [(0, 2)]]
    assert [sentences[0][start:end] for start, end in spans[0]] == ["La", "casa", "del", "del", "25 000", "."]
    assert schema.read_labels(path, "es", "tags", ["n2", "n1"]) == ["INTJ", "DET NOUN ADP DET NUM PUNCT"]
    assert schema.read_labels(path, "es", "heads", ["n1"]) == ["2 0 5 5 2 2"]
    with pytest.raises(StudyError, match="no tags of es n3"):
        schema.read_labels(path, "es", "tags", ["n3"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1\tLa\t", "1\tLa ", r"line 4: 9 fields in place of 10"),
        ("2\tcasa", "3\tcasa", r"line 5: the word is numbered 3, not 2"),
        ("NOUN", "Noun", r"line 5: 'Noun' is no universal part of speech"),
        ("NOUN\t_\t_\t0", "NOUN\t_\t_\t_", r"line 5: the head '_' is no number"),
        ("2\tcasa", "2\tcosa", r"line 5: the token 'cosa' is not what the text goes on with, 'casa del"),
        ("3-4\tdel", "3-4\tde", r"line 9: the token '25 000' is not what the text goes on with, 'l 25 000"),
        ("DET\t_\t_\t2", "DET\t_\t_\t0", r"line 1: the heads of sentence n1 are no tree with one root"),
        ("DET\t_\t_\t2", "DET\t_\t_\t9", r"line 1: the heads of sentence n1 are no tree with one root"),
        ("# sent_id = n2\n", "", r"line 13: the sentence that begins here has no comment `# sent_id = …`"),
        ("# text = Sí\n", "", r"line 14: the token 'Sí' is not what the text goes on with, ''"),
        ("text = Sí", "text = Sí, sí", r"line 13: the words of sentence n2 end before its text does, at ', sí'"),
        (
            "1\tSí",
            "1-2\tSí\t_\t_\t_\t_\t_\t_\t_\t_\n1\tSí",
            r"line 13: sentence n2 has no word 2, with which a token ends",
        ),
        ("sent_id = n2", "sent_id = n1", r"the id n1 is there twice"),
    ],
)
def test_a_malformed_treebank_is_refused_with_its_line(read, old, new, message):
    assert old in SPANISH
    name = PUD.format("Spanish", "es")
    with pytest.raises(StudyError, match=message):
        read({name: SPANISH.replace(old, new, 1)}, "ud-pud", "test", ["es"])


def test_treebanks_that_are_not_parallel_are_refused(read):
    files = {PUD.format("Spanish", "es"): SPANISH, PUD.format("German", "de"): SPANISH.replace("= n2", "= n3")}
    with pytest.raises(StudyError, match="must be parallel, but their ids differ, first n2 and n3"):
        read(files, "ud-pud", "test", ["es", "de"])


def test_a_file_that_a_repository_lacks_is_named(read):
    with pytest.raises(StudyError, match=r"there is no file .*UD_German-PUD/de_pud-ud-test\.conllu"):
        read({"UD_Spanish-PUD/es_pud-ud-test.conllu": SPANISH}, "ud-pud", "test", ["es", "de"], "hub")


def test_a_treebank_of_nothing_is_refused(read):
    with pytest.raises(StudyError, match="holds no sentence"):
        read({PUD.format("Spanish", "es"): "\n\n"}, "ud-pud", "test", ["es"])


def test_labels_are_rows_like_any_text(read):
    table = pd.read_parquet(read({PUD.format("Spanish", "es"): SPANISH}, "ud-pud", "test", ["es"]))
    assert table.groupby("part").size().to_dict() == dict.fromkeys(["sentence", "spans", "tags", "heads"], 2)
