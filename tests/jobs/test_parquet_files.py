"""Tables on disk: what is written is read, and damage is told."""

import pandas as pd
import pytest

from workflow_scripts.jobs.errors import DamagedFile, StudyError
from workflow_scripts.jobs.parquet import read_parquet, write_parquet

FRAME = pd.DataFrame({"id": [f"dev-{number}" for number in range(50)], "value": [number**0.5 for number in range(50)]})


def test_what_is_written_is_read(tmp_path):
    write_parquet(tmp_path / "table.parquet", FRAME)
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "table.parquet").to_pandas(), FRAME)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty"])
def test_a_damaged_file_is_told(tmp_path, damage):
    path = tmp_path / "table.parquet"
    write_parquet(path, FRAME)
    whole = path.read_bytes()
    middle = 200  # of the first page
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"flipped": flipped, "truncated": whole[:middle], "empty": b""}[damage])
    with pytest.raises(DamagedFile, match=r"table\.parquet is damaged"):
        read_parquet(path)


def test_a_missing_file_is_not_called_damaged(tmp_path):
    with pytest.raises(StudyError, match=r"none\.parquet is not there") as told:
        read_parquet(tmp_path / "none.parquet")
    assert not isinstance(told.value, DamagedFile)
