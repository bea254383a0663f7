"""Data sets from a URL: a tar or zip archive, known by its SHA-256, unpacked once into a folder named by that hash."""

import hashlib
import logging
import shutil
import tarfile
import urllib.request
import uuid
import zipfile
from pathlib import Path, PurePosixPath

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import is_full, written
from workflow_scripts.jobs.locks import Locks
from workflow_scripts.jobs.messages import one_line

log = logging.getLogger(__name__)
BLOCK = 1 << 20  # bytes read at once
SECONDS = 60  # without an answer


def unpacked(url: str, sha256: str, folder: Path) -> Path:
    """Return the folder of an archive's files; download and unpack it first where it is not there yet.

    Args:
        url: Of a tar archive, compressed or not, or of a zip; https, http or file.
        sha256: Hash of the archive, hexadecimal.
        folder: Where its files belong, all or none of them.

    Raises:
        StudyError: the URL is out of reach, its file has another hash, is no archive, or would leave the folder.
        FullDisk: there is no space.
    """
    with Locks(folder.parent / "locks").held([sha256], f"the archive {url}"):
        if folder.is_dir():
            return folder
        for left in folder.parent.glob(f".{folder.name}.*.partial"):  # by a job that was killed
            shutil.rmtree(left, ignore_errors=True)
        beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
        try:
            with written(folder):
                beside.mkdir(parents=True)
                _download(url, sha256, beside / "archive")
                _unpack(beside / "archive", url, beside / "files")
                (beside / "files").rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return folder


def _download(url: str, sha256: str, path: Path) -> None:
    found, size = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer, path.open("wb") as file:
            while block := answer.read(BLOCK):
                found.update(block)
                size += file.write(block)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.filename == str(path):
            raise
        raise StudyError(
            f"{url} is out of reach ({one_line(error)}); run `snakemake texts` where there is network, or unpack the "
            "archive yourself and take the data set as `source: local` (docs/adding.md)."
        ) from error
    log.info("%s: %.1f MB downloaded", url, size / 1e6)
    if found.hexdigest() != sha256:
        raise StudyError(
            f"{url}: the file has the SHA-256 {found.hexdigest()}, not {sha256}; run again if the download was cut "
            "off, else the file is another one than the study's."
        )


def _unpack(archive: Path, url: str, folder: Path) -> None:
    folder.mkdir()
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        elif zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                for name in packed.namelist():
                    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                        raise StudyError(f"{url}: the archive's file {name} would lie outside of its folder.")
                packed.extractall(folder)
        else:
            raise StudyError(f"{url} is neither a tar archive nor a zip.")
    except tarfile.FilterError as error:
        raise StudyError(f"{url}: the archive's file {error.tarinfo.name} would lie outside of its folder.") from error
    except OSError as error:
        if is_full(error):
            raise
        # A name that is too long, or that of a file and of a folder.
        raise StudyError(f"{url}: the archive cannot be unpacked here: {one_line(error)}") from error
    except StudyError:
        raise
    # Beside their own errors the modules raise those of the compression, and others: of a zip with a password a
    # RuntimeError, of a link to a file that is not there a KeyError.
    except Exception as error:
        raise StudyError(f"{url}: the archive is damaged, or of a kind that is not read: {one_line(error)}") from error


def missing_file(folder: Path, file: str, url: str) -> StudyError:
    """Return what is to be said of a file that an archive lacks, with the first of those that it has."""
    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    files = f"its {len(there)} files begin with {', '.join(there[:5])}" if there else "it holds no file"
    return StudyError(
        f"the archive {url} has no {file}; {files}. Set the data set's `path` to its folder there, or leave the "
        "language out."
    )
