"""The lines of a text file, and what makes a file none: a Git LFS pointer, another encoding, ends converted twice."""

import re
from pathlib import Path

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import refuse_lfs_pointer

BYTE_ORDER_MARK = "\ufeff"


def read_lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file without their ends (LF or CRLF) and without a byte order mark at its start.

    Raises:
        StudyError: the file is missing, empty, a Git LFS pointer, not UTF-8 or converted twice, or cannot be read.
    """
    text = read_text(path)
    if "\n" not in text and "\r" in text.removesuffix("\r"):
        raise StudyError(f"the lines of {path} end in CR alone; end them in LF, for example by `tr '\\r' '\\n'`.")
    # Only LF ends a line: str.splitlines would also break at characters that real sentences hold, such as U+2028.
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    for number, line in enumerate(lines, start=1):
        if line.endswith("\r"):
            raise StudyError(
                f"{path}, line {number} ends in CR CR LF, since its line ends were converted twice; end the lines in "
                "LF, for example by `tr -d '\\r'`."
            )
    return lines


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file without a byte order mark at its start.

    Raises:
        StudyError: the file is missing, empty, a Git LFS pointer or not UTF-8, or cannot be read.
    """
    require_file(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{path} is not UTF-8: byte {error.start} cannot be decoded; save it as UTF-8, for example by iconv."
        ) from error
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}.") from error
    if not text:
        raise StudyError(f"{path} is empty; fetch it again, or leave the language out.")
    if text.startswith(BYTE_ORDER_MARK):
        raise StudyError(f"{path} begins with two byte order marks; save it as UTF-8 without any.")
    return text


def require_file(path: Path) -> None:
    """Refuse a path where there is no file, or a Git LFS pointer in place of one.

    Raises:
        StudyError: it is so; where the file is missing, with those beside it.
    """
    if not path.is_file():
        beside = sorted(other.name for other in path.parent.glob("*"))[:8] if path.parent.is_dir() else []
        there = f"; beside it are {', '.join(beside)}, …" if beside else f"; there is no folder {path.parent} either"
        raise StudyError(
            f"there is no file {path}{there}. Set data_root (--config data_root=…) to the folder that holds the data "
            "sets, or leave the language out."
        )
    try:
        refuse_lfs_pointer(path)
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}.") from error


def unquoted(field: str) -> str:
    """Return what a field of a tab-separated file says, free of the quotation marks of one that is quoted as in CSV.

    One that merely begins with a quotation mark is text: `"No", he said.` stays as it is.
    """
    quoted = re.fullmatch(r'"((?:[^"]|"")*)"', field)
    return quoted[1].replace('""', '"') if quoted else field
