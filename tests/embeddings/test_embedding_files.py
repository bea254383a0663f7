"""Embeddings on disk: what is written is read; what is damaged or misaligned is refused."""

import h5py
import numpy as np
import pytest

from workflow_scripts.embeddings.embedding_files import copy_language, read_aligned, read_part, write_part
from workflow_scripts.jobs.errors import StudyError

IDS = ["dev-1", "dev-2", "ü-3"]


@pytest.fixture
def path(tmp_path):
    """Two languages, each copied from a cell of its own as the stage does."""
    with h5py.File(tmp_path / "embeddings.h5", "w") as file:
        for number, language in enumerate(["es", "de"]):
            with h5py.File(tmp_path / f"{language}.h5", "w") as cell:
                write_part(cell.create_group("sentence"), IDS, np.full((3, 4), number + 0.5))
            copy_language(tmp_path / f"{language}.h5", file, language)
    return tmp_path / "embeddings.h5"


def test_what_is_written_is_read(path):
    ids, embeddings = read_part(path, "de")
    assert ids == IDS
    assert embeddings.dtype == np.float32
    assert (embeddings == 1.5).all()
    assert (read_aligned(path, ["de", "es"])[:, 0, 0] == [1.5, 0.5]).all()


def test_a_missing_part_is_named(path):
    with pytest.raises(StudyError, match=r"no embeddings of fr/sentence; it has \['de', 'es'\]"):
        read_part(path, "fr")


def test_ids_that_differ_are_refused(path):
    with h5py.File(path, "a") as file:
        file["de/sentence/ids"][1] = "dev-9"
    with pytest.raises(StudyError, match="ids of de differ from those of es"):
        read_aligned(path, ["es", "de"])


def test_values_that_are_not_finite_are_refused(path):
    with h5py.File(path, "a") as file:
        file["de/sentence/embeddings"][1, 2] = np.nan
    with pytest.raises(StudyError, match="NaN or infinite embeddings of de"):
        read_part(path, "de")


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_file_is_never_read_as_data(path, damage):
    whole = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        block = file["de/sentence/embeddings"].id.get_chunk_info(0)
    whole[block.byte_offset + 2] ^= 1
    path.write_bytes(bytes(whole) if damage == "flipped" else bytes(whole)[: len(whole) // 2])
    with pytest.raises(StudyError, match="is damaged"):
        read_part(path, "de")
