"""HDF5 files: whatever byte changes, what is read is what was written or the file is told to be damaged."""

import errno
import random

import numpy as np
import pytest

from workflow_scripts.embeddings.embedding_files import read_part, write_part
from workflow_scripts.jobs.errors import DamagedFile, StudyError
from workflow_scripts.jobs.hdf5 import created, opened, read_strings, write_strings
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons import expert_files
from workflow_scripts.neurons.activation_files import read_token_counts
from workflow_scripts.neurons.expert_files import read_language

STRINGS = ["dev-1", "", "ü-3", "字", "with\\u0000 escape"]


def write_embeddings(path):
    with created(path) as file:
        write_part(file.create_group("es/sentence"), STRINGS, np.arange(40).reshape(5, 8) / 7)


def write_experts(path):
    with created(path) as file:
        sites = [NeuronSite(module="h.0.mlp", width=30, layer=0, offset=0)]
        statistics = expert_files.create(file, ["en", "es"], sites, ["expertise", "gap"])
        for number, dataset in enumerate(statistics.values()):
            dataset[:] = np.arange(60).reshape(2, 30) / 7 + number


def write_tokens(path):
    with created(path) as file:
        file.create_dataset("tokens/es", data=np.arange(50, dtype=np.int32), chunks=(50,), fletcher32=True)


def embeddings(path):
    ids, values = read_part(path, "es")
    return ids, values.tolist()


def experts(path):
    found = read_language(path, "es")
    return found.sites, {name: values.tolist() for name, values in found.statistics.items()}


def tokens(path):
    return read_token_counts(path, "es").tolist()


READERS = {
    "embeddings": (write_embeddings, embeddings),
    "experts": (write_experts, experts),
    "tokens": (write_tokens, tokens),
}


@pytest.mark.parametrize("kind", READERS)
def test_no_byte_that_changes_goes_unnoticed(tmp_path, kind):
    write, read = READERS[kind]
    write(tmp_path / "file.h5")
    expected, whole = read(tmp_path / "file.h5"), (tmp_path / "file.h5").read_bytes()
    changed = tmp_path / "changed.h5"
    told = 0
    for place in random.Random(0).sample(range(len(whole)), 400):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        changed.write_bytes(flipped)
        try:
            assert read(changed) == expected  # a byte that nothing is stored in
        except DamagedFile as error:
            assert str(error).startswith(f"{changed} is damaged")
            told += 1
    assert told > 50


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_damaged(tmp_path, kind, share):
    write, read = READERS[kind]
    write(tmp_path / "file.h5")
    whole = (tmp_path / "file.h5").read_bytes()
    (tmp_path / "file.h5").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DamagedFile, match="is damaged"):
        read(tmp_path / "file.h5")


@pytest.mark.parametrize("strings", [STRINGS, [], [""]])
def test_strings_are_read_as_they_were_written(tmp_path, strings):
    with created(tmp_path / "file.h5") as file:
        write_strings(file, "strings", strings)
    with opened(tmp_path / "file.h5") as file:
        assert read_strings(file["strings"]) == strings


def test_a_missing_file_is_not_called_damaged(tmp_path):
    with pytest.raises(StudyError, match=r"none\.h5 is not there") as told, opened(tmp_path / "none.h5"):
        pass
    assert not isinstance(told.value, DamagedFile)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_what_the_system_refuses_is_not_called_damaged(tmp_path, number):
    with created(tmp_path / "file.h5"):
        pass
    for error in (OSError(number, "no"), OSError(f"cannot read (errno = {number}, error message = 'no')")):
        with pytest.raises(OSError, match="no"), opened(tmp_path / "file.h5"):
            raise error
