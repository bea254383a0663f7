"""Repositories are checked before a long study reads them: what they lack is said, and how much will be read."""

import http.server
import json
import threading
from contextlib import contextmanager
from pathlib import Path

import datasets
import huggingface_hub.constants
import pandas as pd
import pytest

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import BUILT_IN
from workflow_scripts.texts.repositories import check_repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SIB = "index_id\tcategory\ttext\n{}\tsports\tUno.\n"


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """Neither the network nor the user's cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub_cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets_cache")


@pytest.fixture
def repository(tmp_path) -> Path:
    """An empty directory that is laid out like a repository by the tests."""
    (tmp_path / "repository").mkdir()
    return tmp_path / "repository"


def check(repository, layout, split, codes, **options):
    """What is found of a data set in a directory or on the hub."""
    dataset = DatasetConfig(source="hub", layout=layout, split=split, repository=str(repository), **options)
    return check_repository("own", dataset, codes, BUILT_IN)


def put(repository, name, **columns):
    """Writes a parquet file of the repository; its size in bytes."""
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)
    return path.stat().st_size


def test_a_repository_with_everything_has_no_problem(repository):
    size = sum(
        put(repository, f"data/language/{name}/dev-00000-of-00001.parquet", id=[1, 2], sentence=["a", "b"])
        for name in ("spa_Latn", "zho_Hans")
    )
    put(repository, "data/language/fra_Latn/dev-00000-of-00001.parquet", id=[1, 2], sentence=["a", "b"])
    found = check(repository, "flores200", "dev", ["es", "zh"])
    assert (found.problems, found.files, found.bytes, found.sentences) == ([], 2, size, 2)
    assert (found.dataset, found.repository, found.revision) == ("own", str(repository), None)


def test_languages_that_are_lacking_are_named_and_the_rest_is_checked(repository):
    put(repository, "dev/spa_Latn.parquet", id=[0], text=["a"])
    put(repository, "devtest/deu_Latn.parquet", id=[0], text=["another split"])
    found = check(repository, "flores200", "dev", ["de", "es", "zh"])
    assert [problem.partition(": no file ")[0].rpartition(" of ")[2] for problem in found.problems] == ["de", "zh"]
    assert "dev/cmn_Hans.jsonl" in found.problems[1]
    assert (found.files, found.sentences) == (1, 1)


def test_a_column_that_is_lacking_is_named(repository):
    put(repository, "PAWS-X.es/test-00000-of-00001.parquet", sentence1=["a"], label=["1"])
    found = check(repository, "paws-x", "test", ["es"])
    assert found.problems == [f"{repository} has no column sentence2; it has sentence1, label."]


def test_of_files_in_several_parts_all_are_counted_and_few_are_read(repository):
    size = sum(
        put(repository, f"20231101.es/train-{number:05d}-of-00002.parquet", id=["1", "2"], text=["x" * 200] * 2)
        for number in range(2)
    )
    found = check(repository, "wikipedia", "train", ["es"])
    assert (found.problems, found.files, found.bytes, found.sentences) == ([], 2, size, 3)


def test_a_language_has_all_of_its_files_or_none(repository):
    for part in ("train", "dev"):
        path = repository / f"data/spa_Latn/{part}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SIB.format(997))
    (problem,) = check(repository, "sib200", "devtest", ["es"]).problems
    assert "no file data/spa_Latn/train.tsv and data/spa_Latn/dev.tsv and data/spa_Latn/test.tsv" in problem


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    (problem,) = check(tmp_path / "nowhere", "flores200", "dev", ["es"]).problems
    assert "there is no directory" in problem


@contextmanager
def hub(answers, monkeypatch):
    """A hub on this machine: for the end of a path, a status, the hub's code of an error, and a body."""

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0]
            status, code, body = next(
                (answer for end, answer in answers.items() if path.endswith(end)), (404, "EntryNotFound", b"")
            )
            self.send_response(status)
            headers = {"X-Error-Code": code, "X-Repo-Commit": COMMIT, "ETag": f'"{path.replace("/", "-")}"'}
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
        template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        try:
            yield
        finally:
            server.shutdown()


PINNED = {"layout": "sib200", "split": "devtest", "codes": ["es", "de"], "revision": COMMIT}


def test_a_repository_of_the_hub_is_asked_for_access_files_and_one_language(monkeypatch):
    files = {
        f"data/spa_Latn/{part}.tsv": SIB.format(997 + n).encode() for n, part in enumerate(("train", "dev", "test"))
    }
    tree = [{"type": "file", "path": name, "size": len(body), "oid": "0" * 40} for name, body in files.items()]
    tree.append({"type": "directory", "path": "data", "oid": "0" * 40})
    answers = {
        "/auth-check": (200, "", b"{}"),
        f"/tree/{COMMIT}": (200, "", json.dumps(tree).encode()),
        **{f"/{name}": (200, "", body) for name, body in files.items()},
    }
    with hub(answers, monkeypatch):
        found = check("owner/data", **PINNED)
    (problem,) = found.problems
    assert f"owner/data at {COMMIT} has no devtest of de: no file data/deu_Latn/train.tsv" in problem
    # Of each of three sentences the text and the topic.
    assert (found.files, found.bytes, found.sentences) == (3, sum(map(len, files.values())), 6)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (
            {"/auth-check": (403, "GatedRepo", b"")},
            "owner/data is gated; accept its terms on https://huggingface.co/datasets",
        ),
        ({"/auth-check": (401, "RepoNotFound", b"")}, "owner/data is not on the hub, or not for this account"),
        (
            {"/auth-check": (200, "", b"{}"), f"/tree/{COMMIT}": (404, "RevisionNotFound", b"")},
            f"owner/data has no commit {COMMIT}; pin another one",
        ),
        ({"/auth-check": (418, "", b"")}, "owner/data is out of reach"),
    ],
)
def test_what_the_hub_refuses_is_a_problem_with_its_remedy(monkeypatch, answers, message):
    with hub(answers, monkeypatch):
        (problem,) = check("owner/data", **PINNED).problems
    assert problem.startswith(message)


def test_without_network_it_is_said():
    (problem,) = check("owner/data", **PINNED).problems
    assert problem.startswith("owner/data is out of reach")


def test_a_hub_without_network_is_told_of(monkeypatch):
    """The hub's client lets errors of its HTTP library pass, which are no OSErrors."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    (problem,) = check("owner/name", "sib200", "dev", ["es"], revision=COMMIT).problems
    assert problem.startswith("owner/name is out of reach (")
