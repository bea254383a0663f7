"""Texts from the hub, read through `datasets` from local directories laid out like the repositories there."""

import http.server
import json
import threading

import datasets
import huggingface_hub
import huggingface_hub.constants
import pandas as pd
import pytest

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import BUILT_IN, Language
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts import read_texts

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PARAGRAPH = "Ein Absatz, der lang genug ist. " * 4


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """Neither the network nor the user's cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub_cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets_cache")


@pytest.fixture
def read(tmp_path):
    """Runs the stage on a repository, by default `tmp_path / repository`, and reads its parquet."""

    def read(layout, split, codes, repository=None, table=BUILT_IN, **options):
        repository = repository or str(tmp_path / "repository")
        dataset = DatasetConfig(source="hub", layout=layout, split=split, repository=repository, **options)
        table = {code: table[code] for code in codes}
        spec = read_texts.Spec(name="from_hub", dataset=dataset, languages=codes, table=table, data_root=None)
        read_texts.main(["--spec", spec.model_dump_json(), "--texts", str(tmp_path / "out.parquet")])
        return pd.read_parquet(tmp_path / "out.parquet")

    return read


@pytest.fixture
def write(tmp_path):
    """Writes a parquet file of the repository."""

    def write(name, **columns):
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(columns).to_parquet(path)
        return path

    return write


def rows(table, language, part):
    """Ids and texts of one part of one language."""
    chosen = table[(table["lang"] == language) & (table["part"] == part)]
    return list(zip(chosen["id"], chosen["text"], strict=True))


def test_flores_as_parquet_with_one_folder_a_language(read, write):
    for code, text in (("spa_Latn", "Uno."), ("zho_Hans", "一。")):
        write(f"{code}/dev/0000.parquet", id=[1, 2], sentence=[text, f"{text}\u2028{text}"])
        write(f"{code}/devtest/0000.parquet", id=[1], sentence=["another split"])
    table = read("flores200", "dev", ["es", "zh"])
    assert rows(table, "es", "sentence") == [("dev-000000", "Uno."), ("dev-000001", "Uno.\u2028Uno.")]
    assert rows(table, "zh", "sentence")[0] == ("dev-000000", "一。")
    assert rows(read("flores200", "dev", ["es"], sentences=1), "es", "sentence") == [("dev-000000", "Uno.")]


def test_flores_plus_calls_chinese_otherwise(read, write, tmp_path):
    for split in ("dev", "devtest"):
        for code in ("spa_Latn", "cmn_Hans"):
            write(f"{split}/{code}.parquet", id=[0, 1], text=[f"{code} {split}", "x"])
    # What the card declares of other files must not get in the way.
    (tmp_path / "repository/README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: dev\n    path: dev/*.parquet\n"
        "  - split: devtest\n    path: devtest/*.parquet\ndataset_info:\n- config_name: default\n  features:\n"
        "  - name: id\n    dtype: int64\n  - name: text\n    dtype: string\n  splits:\n"
        "  - name: dev\n    num_bytes: 1\n    num_examples: 4\n  - name: devtest\n    num_bytes: 1\n"
        "    num_examples: 4\n  download_size: 1\n  dataset_size: 1\n---\n"
    )
    table = read("flores200", "devtest", ["zh", "es"])
    assert rows(table, "zh", "sentence") == [("devtest-000000", "cmn_Hans devtest"), ("devtest-000001", "x")]
    assert rows(table, "es", "sentence")[0] == ("devtest-000000", "spa_Latn devtest")


def write_flores_plus(repository, name, rows):
    """Writes a file of FLORES+ 4.6, with the columns that it has there."""
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    given = {"iso_639_3": "spa", "glottocode": "stan1288", "variant": "", "domain": "wikinews", "last_updated": "1.0"}
    lines = [json.dumps({"id": number, **given, "text": text}, ensure_ascii=False) for number, text in rows]
    path.write_text("".join(f"{line}\n" for line in lines))


def test_the_original_flores_counts_its_sentences_from_one(read, write):
    for code, text in (("spa_Latn", "Uno"), ("zho_Hans", "一")):
        columns = {"id": [1, 2], "URL": ["u", "u"], "domain": ["d", "d"], "sentence": [text, f"{text}\u2028{text} "]}
        write(f"data/language/{code}/dev-00000-of-00001.parquet", **columns)
        write(f"data/language/{code}/devtest-00000-of-00001.parquet", id=[1], sentence=["another split"])
    table = read("flores200", "dev", ["es", "zh"])
    assert rows(table, "es", "sentence") == [("dev-000000", "Uno"), ("dev-000001", "Uno\u2028Uno")]
    assert rows(table, "zh", "sentence")[0] == ("dev-000000", "一")


def test_flores_plus_in_json_lines_has_names_of_its_own(read, tmp_path):
    repository = tmp_path / "repository"
    for name in ("spa_Latn", "cmn_Hans", "apc_Arab_nort3139", "ekk_Latn"):
        write_flores_plus(repository, f"devtest/{name}.jsonl", [(0, f"{name} 0"), (1, f"{name} 1")])
    table = read("flores200", "devtest", ["es", "zh", "apc", "et"])
    assert rows(table, "es", "sentence") == [("devtest-000000", "spa_Latn 0"), ("devtest-000001", "spa_Latn 1")]
    names = {"zh": "cmn_Hans", "apc": "apc_Arab_nort3139", "et": "ekk_Latn"}
    assert {code: rows(table, code, "sentence")[1][1] for code in names} == {
        code: f"{name} 1" for code, name in names.items()
    }
    # A language that FLORES-200 does not have is named by its code there.
    own = {"ca": Language(name="Valencian", iso639_3="cat", flores="cat_Latn_vale1252")}
    write_flores_plus(repository, "devtest/cat_Latn_vale1252.jsonl", [(0, "Bon dia.")])
    assert rows(read("flores200", "devtest", ["ca"], table=own), "ca", "sentence") == [("devtest-000000", "Bon dia.")]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_rows_are_aligned_by_their_ids_not_by_their_order(read, write, tmp_path, kind):
    def put(name, numbered):
        if kind == "jsonl":
            write_flores_plus(tmp_path / "repository", f"dev/{name}.jsonl", numbered)
        else:
            write(f"dev/{name}.parquet", id=[number for number, _ in numbered], text=[text for _, text in numbered])

    put("spa_Latn", [(2, "tres"), (0, "uno"), (1, "dos")])
    put("eng_Latn", [(0, "one"), (1, "two"), (2, "three")])
    table = read("flores200", "dev", ["es", "en"])
    assert rows(table, "es", "sentence") == [("dev-000000", "uno"), ("dev-000001", "dos"), ("dev-000002", "tres")]
    put("spa_Latn", [(2, "tres"), (0, "uno")])
    with pytest.raises(StudyError, match="must be parallel, but have 2 and 3 sentences"):
        read("flores200", "dev", ["es", "en"])
    put("eng_Latn", [(1, "two"), (2, "three")])
    with pytest.raises(StudyError, match="their ids differ, first dev-000000 and dev-000001"):
        read("flores200", "dev", ["es", "en"])


def test_a_hub_and_local_files_give_the_same_texts(read, write, tmp_path, languages):
    """The original FLORES has blanks at the end of lines that FLORES+ has not; ids are those of SIB-200, too."""
    lines = ["Ένα. ", "Δύο.", " Τρία.\u00a0"]
    write("data/language/ell_Grek/dev-00000-of-00001.parquet", id=[2, 1, 3], sentence=[lines[1], lines[0], lines[2]])
    (tmp_path / "flores200_dataset/dev").mkdir(parents=True)
    (tmp_path / "flores200_dataset/dev/ell_Grek.dev").write_text("\n".join(lines) + "\n")
    spec = read_texts.Spec(
        name="local",
        dataset=DatasetConfig(source="local", layout="flores200", split="dev"),
        languages=["el"],
        table={"el": languages["el"]},
        data_root=str(tmp_path),
    )
    of_local = read_texts.read(spec)
    assert rows(of_local, "el", "sentence") == rows(read("flores200", "dev", ["el"]), "el", "sentence")
    assert [text for _, text in rows(of_local, "el", "sentence")] == ["Ένα.", "Δύο.", "Τρία."]


def test_a_treebank_in_parquet_says_the_same_as_one_in_conllu(read, tmp_path):
    """As commul/universal_dependencies has it: words in lists, tags as numbers, and the tokens of several words."""
    tags = ["NOUN", "ADP", "DET", "VERB", "PUNCT"]
    features = datasets.Features(
        {
            **{name: datasets.Value("string") for name in ("sent_id", "text")},
            **{name: datasets.List(datasets.Value("string")) for name in ("tokens", "head", "xpos")},
            "upos": datasets.List(datasets.ClassLabel(names=tags)),
            "mwt": datasets.List({name: datasets.Value("string") for name in ("id", "form", "feats", "misc")}),
        }
    )
    sentence = {
        "sent_id": "n1",
        "text": "Vi la del rey.",
        "tokens": ["Vi", "la", "de", "el", "rey", "."],
        "upos": ["VERB", "DET", "ADP", "DET", "NOUN", "PUNCT"],
        "head": ["0", "1", "5", "5", "2", "1"],
        "xpos": [None] * 6,
        "mwt": [{"id": "3-4", "form": "del", "feats": None, "misc": None}],
    }
    path = tmp_path / "repository/parquet/es_pud/test.parquet"
    path.parent.mkdir(parents=True)
    datasets.Dataset.from_list([sentence], features=features).to_parquet(path)
    table = read("ud-pud", "test", ["es"])
    assert rows(table, "es", "sentence") == [("n1", "Vi la del rey.")]
    assert rows(table, "es", "spans") == [("n1", "0:2 3:5 6:9 6:9 10:13 13:14")]
    assert rows(table, "es", "tags") == [("n1", "VERB DET ADP DET NOUN PUNCT")]
    assert rows(table, "es", "heads") == [("n1", "0 1 5 5 2 1")]
    broken = {**sentence, "head": ["0", "1"], "xpos": []}
    datasets.Dataset.from_list([broken], features=features).to_parquet(path)
    with pytest.raises(
        StudyError, match=r"es_pud/test\.parquet, row 0: tokens, upos and head must be lists of one length"
    ):
        read("ud-pud", "test", ["es"])


def test_wikipedia_leaves_out_blank_paragraphs_and_articles(read, write, caplog):
    write(
        "20231101.de/train-00000-of-00001.parquet",
        id=["7", "8"],
        text=[f"{' ' * 150}\n{PARAGRAPH}\n{chr(0x200B) * 150}", None],
    )
    with caplog.at_level("INFO"):
        assert rows(read("wikipedia", "train", ["de"]), "de", "paragraph") == [("7-0001", PARAGRAPH.strip())]
    assert "1 paragraphs; left out 0 of less than 100 characters and 3 blank ones" in caplog.text


def test_an_article_without_an_id_is_refused(read, write):
    write("20231101.de/train-00000-of-00001.parquet", id=["7", None], text=[PARAGRAPH, PARAGRAPH])
    with pytest.raises(StudyError, match="de: the column id is empty in row 1"):
        read("wikipedia", "train", ["de"])


def test_paws_of_xtreme_has_labels_that_are_strings(read, write):
    write(
        "PAWS-X.es/test-00000-of-00001.parquet",
        sentence1=["uno", "dos", "NS", "cuatro", None],
        sentence2=["one", "two", "three", "four", "five"],
        label=["1", "0", "1", "1", "1"],
    )
    write("PAWS-X.es/train-00000-of-00001.parquet", sentence1=["x"], sentence2=["y"], label=["1"])
    table = read("paws-x", "test", ["es"])
    assert rows(table, "es", "sentence1") == [("test-000001", "uno"), ("test-000004", "cuatro")]
    assert rows(table, "es", "sentence2") == [("test-000001", "one"), ("test-000004", "four")]


def test_tatoeba_of_xtreme_loses_its_line_ends_and_blanks(read, write):
    write("tatoeba.spa/validation-00000-of-00001.parquet", source_sentence=["Sí. \n"], target_sentence=["Yes.\r\n"])
    table = read("tatoeba", "validation", ["es"])
    assert rows(table, "es", "source") == [("validation-000000", "Sí.")]
    assert rows(table, "es", "target") == [("validation-000000", "Yes.")]


def test_bucc_of_xtreme_is_a_table_of_gold_pairs(read, write):
    write(
        "bucc18.de/test-00000-of-00001.parquet",
        source_id=["de-1", "de-2", "de-3"],
        source_sentence=["Eins.", "Zwei.", "Noch einmal eins."],
        target_id=["en-1", "en-2", "en-1"],
        target_sentence=["One.", "Two.", "One."],
    )
    table = read("bucc2018", "test", ["de"])
    assert rows(table, "de", "query") == [("en-1", "Eins."), ("en-2", "Zwei.")]
    assert rows(table, "de", "candidates") == [("en-1", "One."), ("en-2", "Two.")]


def test_wikipedia_is_streamed_until_there_are_enough_paragraphs(read, write, tmp_path):
    write(
        "20231101.de/train-00000-of-00002.parquet",
        id=["7", "9"],
        text=[f"Titel\n{PARAGRAPH}\n\n{'x' * 99}\n{'y' * 100}", PARAGRAPH],
    )
    table = read("wikipedia", "train", ["de"], sentences=2)
    assert rows(table, "de", "paragraph") == [("7-0001", PARAGRAPH.strip()), ("7-0004", "y" * 100)]
    assert rows(read("wikipedia", "train", ["de"]), "de", "paragraph")[2] == ("9-0000", PARAGRAPH.strip())
    assert not list((tmp_path / "datasets_cache").rglob("*.arrow"))  # nothing was converted


def test_several_files_are_read_in_order(read, write):
    write("spa_Latn/dev/0001.parquet", sentence=["second"])
    write("spa_Latn/dev/0000.parquet", sentence=["first"])
    assert [text for _, text in rows(read("flores200", "dev", ["es"]), "es", "sentence")] == ["first", "second"]


def test_languages_with_ids_and_without_are_not_matched(read, write):
    write("dev/spa_Latn.parquet", id=[1, 0], text=["Dos", "Uno"])
    write("dev/cmn_Hans.parquet", text=["一", "二"])
    for codes in (["es", "zh"], ["zh", "es"]):
        with pytest.raises(StudyError, match="file of zh has no column id, that of es has one"):
            read("flores200", "dev", codes)


def test_text_in_another_encoding_is_refused(read, tmp_path):
    path = tmp_path / "repository/dev/spa_Latn.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes('{"id": 0, "text": "año"}\n'.encode("latin-1"))
    with pytest.raises(StudyError, match="a file is damaged, or its text is not UTF-8"):
        read("flores200", "dev", ["es"])


def test_a_missing_language_names_the_files_looked_for(read, write):
    write("spa_Latn/dev/0000.parquet", sentence=["Uno."])
    with pytest.raises(
        StudyError, match=r"no dev of zh: no file .*zho_Hans.* or dev/cmn_Hans\.parquet\. Leave"
    ) as error:
        read("flores200", "dev", ["es", "zh"])
    assert "None" not in str(error.value)


@pytest.mark.parametrize(
    ("layout", "split", "name", "lacking"),
    [
        ("flores200", "dev", "spa_Latn/dev/0000.parquet", "text"),
        ("paws-x", "test", "PAWS-X.es/test-00000-of-00001.parquet", "sentence1"),
        ("tatoeba", "validation", "tatoeba.spa/validation-00000-of-00001.parquet", "source_sentence"),
        ("bucc2018", "test", "bucc18.es/test-00000-of-00001.parquet", "source_id"),
        ("wikipedia", "train", "20231101.es/train-00000-of-00001.parquet", "text"),
    ],
)
def test_a_missing_column_is_named_beside_those_there(read, write, layout, split, name, lacking):
    write(name, id=["1"], other=["x"])
    with pytest.raises(StudyError, match=f"has no column {lacking}; it has id, other"):
        read(layout, split, ["es"])


@pytest.mark.parametrize(
    ("layout", "name"), [("flores200", "spa_Latn/dev/0.parquet"), ("wikipedia", "20231101.es/dev-0.parquet")]
)
def test_a_damaged_file_is_refused(read, write, layout, name):
    write(name, sentence=["x"]).write_bytes(b"PAR1 and no more")
    with pytest.raises(StudyError, match="is no parquet that can be read"):
        read(layout, "dev", ["es"])


def test_a_missing_directory_is_refused(read, tmp_path):
    with pytest.raises(StudyError, match=r"there is no directory .*/elsewhere; correct the data set's `repository`"):
        read("flores200", "dev", ["es"], repository=str(tmp_path / "elsewhere"))


@pytest.mark.parametrize(("layout", "split"), [("tatoeba", "validation"), ("wikipedia", "train")])
def test_without_network_the_remedy_is_named(read, layout, split):
    with pytest.raises(
        StudyError, match=r"google/xtreme is out of reach .*run `snakemake texts` where there is network"
    ):
        read(layout, split, ["es"], repository="google/xtreme", revision=COMMIT)


@pytest.fixture
def refusing_hub(monkeypatch):
    """A hub on this machine that answers every request with an error code of the real one."""
    servers = []

    def start(status, code):
        class Refuse(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{servers[-1].server_port}"
        for module in (huggingface_hub.constants, datasets.config):
            monkeypatch.setattr(module, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
        template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", endpoint)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "GatedRepo", "gated.*accept its terms on https://huggingface.co/datasets/owner/name and set HF_TOKEN"),
        (401, "RepoNotFound", "owner/name cannot be read: .*doesn't exist"),
        (404, "RevisionNotFound", f"owner/name cannot be read: .*{COMMIT}"),
    ],
)
def test_what_the_hub_refuses_is_explained(read, refusing_hub, status, code, message):
    refusing_hub(status, code)
    with pytest.raises(StudyError, match=message):
        read("flores200", "dev", ["es"], repository="owner/name", revision=COMMIT)


def test_a_file_that_is_no_parquet_is_asked_for_at_the_pinned_commit(read, tmp_path, monkeypatch):
    with pytest.raises(StudyError, match=r"owner/sib is out of reach .*; run `snakemake texts` where there is network"):
        read("sib200", "devtest", ["es"], repository="owner/sib", revision=COMMIT)
    asked = []

    def download(repository, name, repo_type, revision):
        asked.append((repository, name, repo_type, revision))
        path = tmp_path / f"{len(asked)}.tsv"
        number = 997 + len(asked)
        path.write_text(f"index_id\tcategory\ttext\n{number}\tsports\tUno {number}.\n")
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    table = read("sib200", "devtest", ["es"], repository="owner/sib", revision=COMMIT)
    names = [f"data/spa_Latn/{name}.tsv" for name in ("train", "dev", "test")]
    assert asked == [("owner/sib", name, "dataset", COMMIT) for name in names]
    assert rows(table, "es", "sentence")[0] == ("devtest-000001", "Uno 998.")
    assert len(rows(table, "es", "topic")) == 3
