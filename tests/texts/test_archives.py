"""Data sets from a URL: fetched once, known by their hash, and unpacked without leaving their folder."""

import hashlib
import io
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts import archives, read_texts
from workflow_scripts.texts.archives import unpacked

FILES = {"./flores200_dataset/dev/spa_Latn.dev": b"Uno. \nDos.\n", "./flores200_dataset/README": b"read me\n"}


def tar(files, compression="gz"):
    """The bytes of a tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{compression}") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return packed.getvalue()


def zipped(files):
    """The bytes of a zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture
def fetch(tmp_path):
    """Unpacks an archive of these bytes; the folder, which is in the cache."""

    def fetch(content, sha256=None):
        (tmp_path / "packed").write_bytes(content)
        sha256 = sha256 or hashlib.sha256(content).hexdigest()
        return unpacked((tmp_path / "packed").as_uri(), sha256, tmp_path / "cache/archives" / sha256)

    return fetch


@pytest.mark.parametrize("pack", [tar, lambda files: tar(files, "xz"), lambda files: tar(files, ""), zipped])
def test_an_archive_is_unpacked_into_a_folder_with_the_name_of_its_hash(fetch, pack):
    content = pack({name.removeprefix("./"): inner for name, inner in FILES.items()})
    folder = fetch(content)
    assert folder.name == hashlib.sha256(content).hexdigest()
    assert (folder / "flores200_dataset/dev/spa_Latn.dev").read_bytes() == b"Uno. \nDos.\n"
    assert sorted(path.name for path in folder.parent.iterdir()) == sorted([folder.name, "locks"])


def test_what_is_there_is_not_fetched_again(fetch, tmp_path, monkeypatch):
    folder = fetch(tar(FILES))
    monkeypatch.setattr(archives, "_download", None)
    assert unpacked("https://nowhere.invalid/packed", folder.name, folder) == folder


def test_what_a_killed_job_left_is_cleared_away(fetch, tmp_path):
    content = tar(FILES)
    left = tmp_path / f"cache/archives/.{hashlib.sha256(content).hexdigest()}.0123abcd.partial"
    left.mkdir(parents=True)
    assert fetch(content).is_dir() and not left.exists()


@pytest.mark.parametrize(
    ("pack", "files"),
    [
        *((pack, {name: b"x"}) for pack in (tar, zipped) for name in ("../outside", "a/../../outside")),
        (tar, {"link": "../..", "link/outside": b"x"}),
        (tar, {"link": "/etc"}),
        (zipped, {"/outside": b"x"}),
    ],
)
def test_an_archive_may_not_leave_its_folder(fetch, tmp_path, pack, files):
    with pytest.raises(StudyError, match="would lie outside of its folder"):
        fetch(pack(files))
    assert not list(tmp_path.rglob("outside"))
    assert [path.name for path in (tmp_path / "cache/archives").iterdir()] == ["locks"]


def encrypted(files):
    """The bytes of a zip whose first file needs a password, as its head and the list at the end say."""
    content = bytearray(zipped(files))
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def linked(files):
    """The bytes of a tar with a hard link to a file that it lacks."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.LNKTYPE, "nothing"
        archive.addfile(member)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encrypted(FILES), "damaged, or of a kind that is not read: .*password"),
        (linked(FILES), "damaged, or of a kind that is not read: .*'nothing' not found"),
        (tar({"noise": bytes(np.random.default_rng(0).bytes(100_000))})[:-5000], "damaged, or .*ended before"),
        *((pack({"a": b"x", "a/b": b"x"}), "cannot be unpacked here: .*Not a directory") for pack in (tar, zipped)),
        *((pack({"a" * 300: b"x"}), "cannot be unpacked here: .*too long") for pack in (tar, zipped)),
    ],
)
def test_an_archive_that_cannot_be_unpacked_is_refused(fetch, tmp_path, content, message):
    with pytest.raises(StudyError, match=message):
        fetch(content)
    assert [path.name for path in (tmp_path / "cache/archives").iterdir()] == ["locks"]


def test_another_file_than_the_study_names_is_refused(fetch, tmp_path):
    with pytest.raises(
        StudyError, match=rf"has the SHA-256 {hashlib.sha256(b'x').hexdigest()}, not {'0' * 64}; run again"
    ):
        fetch(b"x", "0" * 64)
    with pytest.raises(StudyError, match="is neither a tar archive nor a zip"):
        fetch(b"x")
    with pytest.raises(StudyError, match=r"nothing is out of reach \(.*No such file.*`source: local`"):
        unpacked((tmp_path / "nothing").as_uri(), "0" * 64, tmp_path / "cache" / "0")
    assert [path.name for path in (tmp_path / "cache/archives").iterdir()] == ["locks"]


def test_a_data_set_of_an_archive_is_read_like_local_files(tmp_path):
    content = tar(FILES)
    (tmp_path / "flores200.tar.gz").write_bytes(content)
    url, sha256 = (tmp_path / "flores200.tar.gz").as_uri(), hashlib.sha256(content).hexdigest()
    dataset = DatasetConfig(source="url", layout="flores200", split="dev", url=url, sha256=sha256)

    def read(*codes):
        spec = read_texts.Spec(
            name="packed",
            dataset=dataset,
            languages=list(codes),
            table={code: LANGUAGES[code] for code in codes},
            data_root=dataset.archive_folder(f"{tmp_path}/cache"),
        )
        read_texts.main(["--spec", spec.model_dump_json(), "--texts", str(tmp_path / "out.parquet")])
        return pd.read_parquet(tmp_path / "out.parquet")

    assert list(read("es")["text"]) == ["Uno.", "Dos."]
    lacking = (
        r"has no flores200_dataset/dev/deu_Latn\.dev; its 2 files begin with flores200_dataset/README, flores200_d"
    )
    with pytest.raises(StudyError, match=lacking):
        read("es", "de")
