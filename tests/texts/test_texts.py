"""Texts from local files: every layout is read as it is distributed, and what cannot be trusted is refused."""

import hashlib
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts import read_texts, schema
from workflow_scripts.texts.lines import read_lines


@pytest.fixture
def read(tmp_path, languages):
    """Runs the stage on files below `tmp_path / data` and reads its parquet."""

    def read(layout, split, codes, data_root=tmp_path / "data", **options):
        spec = read_texts.Spec(
            name="made_up",
            dataset=DatasetConfig(source="local", layout=layout, split=split, **options),
            languages=codes,
            table={code: languages[code] for code in codes},
            data_root=data_root and str(data_root),
        )
        out = tmp_path / "out" / "made_up.parquet"
        read_texts.main(["--spec", spec.model_dump_json(), "--texts", str(out)])
        return pd.read_parquet(out)

    return read


@pytest.fixture
def write(tmp_path):
    """Writes a file below `tmp_path / data`, byte by byte."""

    def write(name, content):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def rows(table, language, part):
    """Ids and texts of one part of one language."""
    chosen = table[(table["lang"] == language) & (table["part"] == part)]
    return list(zip(chosen["id"], chosen["text"], strict=True))


def test_flores_is_read_by_its_own_language_codes(read, write):
    write("flores200_dataset/dev/spa_Latn.dev", "Uno.\nDos.\nTres.\n")
    write("flores200_dataset/dev/zho_Hans.dev", "一。\n二。\n三。\n")
    write("flores200_dataset/devtest/spa_Latn.devtest", "Otro.\n")
    table = read("flores200", "dev", ["zh", "es"])
    assert list(table.columns) == ["id", "lang", "part", "text"]
    assert list(table["lang"].unique()) == ["zh", "es"]
    assert rows(table, "es", "sentence") == [("dev-000000", "Uno."), ("dev-000001", "Dos."), ("dev-000002", "Tres.")]
    assert rows(table, "zh", "sentence")[2] == ("dev-000002", "三。")


def test_of_candidates_that_translate_nothing_so_many_are_kept_as_asked_for(read, write):
    write("bucc2018/de-en.dev.de", "de-1\teins\nde-2\tzwei\nde-3\tdrei\n")
    write("bucc2018/de-en.dev.en", "en-1\tfour\nen-2\tone\nen-3\tfive\nen-4\tsix\nen-5\ttwo\n")
    write("bucc2018/de-en.dev.gold", "de-1\ten-2\nde-2\ten-5\n")

    def candidates(**options):
        table = read("bucc2018", "dev", ["de"], **options)
        return list(table[table["part"] == "candidates"]["text"])

    assert candidates() == ["four", "one", "five", "six", "two"]
    assert candidates(distractors=2) == ["four", "one", "five", "two"]
    assert candidates(distractors=0) == ["one", "two"]
    assert candidates(distractors=9) == candidates()
    # A translation of a query that is left out is one that translates nothing.
    assert candidates(sentences=1, distractors=0) == ["one"]


def test_a_limit_keeps_the_first_sentences_under_their_ids(read, write):
    for code in ("en", "de"):
        write(f"own/{code}.txt", "".join(f"{code} {number}\n" for number in range(30)))
    everything = read("lines", "dev", ["en", "de"], path="own")
    limited = read("lines", "dev", ["en", "de"], path="own", sentences=4)
    assert rows(limited, "de", "sentence") == rows(everything, "de", "sentence")[:4]
    assert len(everything) == 60 and len(limited) == 8
    assert len(read("lines", "dev", ["en"], path="own", sentences=100)) == 30


def test_paws_keeps_paraphrases_as_they_are_written(read, write):
    write(
        "paws-x/es/dev_2k.tsv",
        "id\tsentence1\tsentence2\tlabel\n"
        '1\tEl "gran río.\tEl río "gran".\t1\n'
        "2\tDistinto.\tOtra cosa.\t0\n"
        "3\tNS\tSin traducir.\t1\n"
        "4\tSin traducir.\t\t1\n"
        '5\t"Cita"\tLa cita\t1\n',
    )
    table = read("paws-x", "dev_2k", ["es"])
    assert rows(table, "es", "sentence1") == [("dev_2k-000001", 'El "gran río.'), ("dev_2k-000005", '"Cita"')]
    assert rows(table, "es", "sentence2") == [("dev_2k-000001", 'El río "gran".'), ("dev_2k-000005", "La cita")]


def test_a_carriage_return_within_a_line_of_paws_is_text(read, write):
    write("paws-x/en/test.tsv", b"id\tsentence1\tsentence2\tlabel\r\n1\ta\rb\tc\t1\r\n")
    assert rows(read("paws-x", "test", ["en"]), "en", "sentence1") == [("test-000001", "a\rb")]


def test_tatoeba_pairs_a_language_with_english(read, write):
    write("tatoeba/tatoeba.pes-eng.pes", "سلام.\nبله.\n")
    write("tatoeba/tatoeba.pes-eng.eng", "Hello.\nYes.\n")
    table = read("tatoeba", "validation", ["fa"])
    assert rows(table, "fa", "source") == [("validation-000000", "سلام."), ("validation-000001", "بله.")]
    assert rows(table, "fa", "target") == [("validation-000000", "Hello."), ("validation-000001", "Yes.")]


def test_queries_of_bucc_have_the_id_of_their_first_gold(read, write):
    write("bucc2018/de-en.dev.de", "de-1\tEins.\nde-2\tZwei.\nde-3\tDrei.\nde-4\tVier.\n")
    write("bucc2018/de-en.dev.en", "en-9\tNine.\nen-1\tOne.\nen-2\tTwo.\nen-3\tTwo again.\n")
    # de-2 has two golds, en-1 is the gold of two sentences, de-4 has none.
    write("bucc2018/de-en.dev.gold", "de-1\ten-1\nde-2\ten-2\nde-2\ten-3\nde-3\ten-1\n")
    table = read("bucc2018", "dev", ["de"])
    assert rows(table, "de", "query") == [("en-1", "Eins."), ("en-2", "Zwei.")]
    assert [id for id, _ in rows(table, "de", "candidates")] == ["en-9", "en-1", "en-2", "en-3"]
    limited = read("bucc2018", "dev", ["de"], sentences=1)
    assert rows(limited, "de", "query") == [("en-1", "Eins.")]
    assert len(rows(limited, "de", "candidates")) == 4


def test_wikipedia_keeps_paragraphs_of_a_hundred_characters(read, write):
    write("wikipedia/fr.txt", "\n".join(["Titre", "a" * 99, "é" * 100, "b" * 101]) + "\n")
    table = read("wikipedia", "train", ["fr"])
    assert rows(table, "fr", "paragraph") == [("train-000002", "é" * 100), ("train-000003", "b" * 101)]


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\ufeff", exclude_categories=["Cs"])), min_size=1))
def test_lines_survive_being_written(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "".join(line + "\r\n" for line in lines).encode())
    assert read_lines(path) == lines


def test_a_missing_language_is_looked_for_aloud(read, write, tmp_path):
    write("flores200_dataset/dev/spa_Latn.dev", "Uno.\n")
    write("flores200_dataset/dev/fra_Latn.dev", "Un.\n")
    with pytest.raises(StudyError) as error:
        read("flores200", "dev", ["es", "de"])
    message = str(error.value)
    assert str(tmp_path / "data/flores200_dataset/dev/deu_Latn.dev") in message
    assert "fra_Latn.dev, spa_Latn.dev" in message
    assert "data_root" in message


def test_a_blank_paragraph_is_left_out_and_counted(read, write, caplog):
    write("wikipedia/es.txt", f"{'a b ' * 40}\n{' ' * 150}\n{'c d ' * 40}\n{'e' * 99}{' ' * 20}\n")
    with caplog.at_level("INFO"):
        table = read("wikipedia", "train", ["es"])
    assert rows(table, "es", "paragraph") == [
        ("train-000000", ("a b " * 40).strip()),
        ("train-000002", ("c d " * 40).strip()),
    ]
    assert "2 paragraphs; left out 1 of less than 100 characters and 1 blank ones" in caplog.text


def test_blanks_at_the_ends_of_texts_are_taken_off_and_counted(read, write, caplog):
    write("el.txt", "ένα \nδύο\n\u3000τρία\u00a0\n")
    write("th.txt", "หนึ่ง\n\ufeffสอง\nสาม\n")
    with caplog.at_level("INFO"):
        table = read("lines", "dev", ["el", "th"])
    assert list(table["text"]) == ["ένα", "δύο", "τρία", "หนึ่ง", "สอง", "สาม"]
    assert "blanks at their ends, which are taken off, by language: el 2, th 1" in caplog.text


TABLE = {"en": ["One.", 'She said "two".', "Three,\tfour."], "es": ["Uno.", "Dijo «dos».", '"Tres", cuatro.']}


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_has_a_column_a_language(read, write, kind):
    frame = pd.DataFrame({"note": ["", "x", ""], **TABLE})
    if kind == "parquet":
        frame.to_parquet(write(f"own.{kind}", ""))
    elif kind == "jsonl":
        write(f"own.{kind}", frame.to_json(orient="records", lines=True, force_ascii=False))
    else:
        write(f"own.{kind}", frame.to_csv(index=False, sep="\t" if kind == "tsv" else ","))
    if kind == "tsv":  # a field that is not quoted as a whole is text
        write("own.tsv", 'es\ten\nUno.\tOne.\nDijo «dos».\tShe said "two".\n"""Tres"", cuatro."\tThree, four.\n')
    table = read("table", "dev", ["es", "en"], path=f"own.{kind}")
    expected = TABLE if kind != "tsv" else {**TABLE, "en": [*TABLE["en"][:2], "Three, four."]}
    for code in ("es", "en"):
        numbered = [(f"dev-{number:06d}", text) for number, text in enumerate(expected[code])]
        assert rows(table, code, "sentence") == numbered


def test_a_cell_of_a_csv_may_be_long_and_have_lines(read, write):
    write("own.csv", f'en,es\n"one\ntwo",{"x" * 140_000}\n')
    table = read("table", "dev", ["en", "es"], path="own.csv")
    assert list(table["text"]) == ["one\ntwo", "x" * 140_000]


def table_of(*rows):
    """A table of texts."""
    return pd.DataFrame(rows, columns=["id", "lang", "part", "text"])


def test_a_table_with_differing_or_repeated_ids_is_refused():
    good = table_of(("a", "en", "sentence", "x"), ("b", "en", "sentence", "x"), ("a", "de", "sentence", "y"))
    swapped = pd.concat([good, table_of(("c", "de", "sentence", "y"))], ignore_index=True)
    with pytest.raises(StudyError, match="ids differ, first b and c"):
        schema.validate(swapped, "parallel", ["en", "de"], "here")
    with pytest.raises(StudyError, match="here, en sentence: the id a is there twice"):
        schema.validate(
            table_of(("a", "en", "sentence", "x"), ("a", "en", "sentence", "x")), "parallel", ["en"], "here"
        )


def test_the_file_is_the_same_every_time(read, write, tmp_path):
    write("en.txt", "one\ntwo\n")
    write("de.txt", "eins\nzwei\n")
    hashes = set()
    for _ in range(2):
        read("lines", "dev", ["en", "de"])
        hashes.add(hashlib.sha256((tmp_path / "out/made_up.parquet").read_bytes()).hexdigest())
    assert len(hashes) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["made_up.parquet"]


def test_a_part_is_read_back(read, write, tmp_path):
    write("en.txt", "one\u2028more\ntwo\n")
    read("lines", "dev", ["en"])
    path = tmp_path / "out/made_up.parquet"
    assert schema.read_part(path, "en", "sentence") == (["dev-000000", "dev-000001"], ["one\u2028more", "two"])
    with pytest.raises(StudyError, match="holds no sentence of de"):
        schema.read_part(path, "de", "sentence")


def test_generated_texts_come_through_the_same_stage(tmp_path, languages):
    spec = {
        "name": "generated",
        "dataset": {"source": "cldr", "layout": "bucc2018", "split": "bucc", "sentences": 5, "distractors": 20},
        "languages": ["ja", "zh"],
        "table": {code: languages[code].model_dump() for code in ("ja", "zh")},
        "data_root": None,
    }
    read_texts.main(["--spec", json.dumps(spec), "--texts", str(tmp_path / "generated.parquet")])
    table = pd.read_parquet(tmp_path / "generated.parquet")
    assert table.groupby(["lang", "part"]).size().to_dict() == {
        ("ja", "candidates"): 25,
        ("ja", "query"): 5,
        ("zh", "candidates"): 25,
        ("zh", "query"): 5,
    }


def test_a_stage_does_not_run_on_a_dataset_that_the_config_would_refuse():
    with pytest.raises(ValidationError, match="needs repository"):
        read_texts.Spec.model_validate_json(
            '{"name": "x", "dataset": {"source": "hub", "layout": "tatoeba", "split": "test"}, "languages": [],'
            ' "table": {}, "data_root": null}'
        )
