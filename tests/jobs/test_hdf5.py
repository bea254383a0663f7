"""HDF5 files: whatever byte changes, what is read is what was written or the file is told to be damaged."""

import errno
import random
import subprocess
import sys

import numpy as np
import pytest

from workflow_scripts.embeddings.embedding_files import read_part, write_part
from workflow_scripts.jobs.cells import CellStore
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


WRITER = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); sys.stdin.read()"


@pytest.mark.parametrize("of_the_cache", [True, False])
def test_a_file_that_another_program_writes_to_is_told_as_locked_and_is_not_taken_for_damaged(tmp_path, of_the_cache):
    store, key = CellStore(tmp_path, "kind"), {"a": 1}
    path = store.get(key, lambda file: file.create_dataset("x", data=[1, 2]))
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(StudyError, match=r"\.h5 is locked: another program.*Close it there") as refused:
            if of_the_cache:
                store.get(key, lambda file: pytest.fail("computed again"))
            else:
                with opened(path):
                    pytest.fail("read")
        assert not isinstance(refused.value, DamagedFile)
        writer.stdin.close()
    assert store.get(key, lambda file: pytest.fail("computed again")) == path


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
