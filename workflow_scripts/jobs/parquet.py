"""Parquet files that the workflow makes and reads, with a checksum for each page."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.jobs.errors import DamagedFile, StudyError
from workflow_scripts.jobs.files import written_whole

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow


def write_parquet(path: Path, frame: "pd.DataFrame") -> None:
    """Write a table whole, without its index."""
    with written_whole(path) as beside:
        frame.to_parquet(beside, index=False, write_page_checksum=True)


def read_parquet(path: Path, **options: Any) -> "pyarrow.Table":
    """Read a table that `write_parquet` wrote; the options are those of `pyarrow.parquet.read_table`.

    Raises:
        DamagedFile: the file is cut off, or one of its checksums is wrong.
        StudyError: it is not there.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.read_table(path, page_checksum_verification=True, **options)
    except FileNotFoundError as error:
        raise StudyError(f"{path} is not there (any more); run the same command again, which makes it.") from error
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise DamagedFile(path, error) from error
