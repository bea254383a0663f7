from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.neurons import activation_files
from workflow_scripts.neurons.activation_files import ResponseWriter
from workflow_scripts.neurons.activation_reader import NeuronReader


def write(path, responses):
    """A file of responses {language: [sentences, neurons]}, pooled by max."""
    with h5py.File(path, "w") as file:
        for language, rows in responses.items():
            cell = file.create_group(f"cell/{language}")
            with ResponseWriter(cell, ["max"], *rows.shape, rows.dtype.name) as writer:
                writer.append({"max": rows})
                writer.finish()
            file[f"max/{language}"] = cell["max"]


def noise(dtype="float16", sentences=(9, 4, 1), neurons=50):
    generator = np.random.default_rng(0)
    return {
        language: generator.normal(size=(count, neurons)).astype(dtype)
        for language, count in zip(["en", "de", "ja"], sentences, strict=False)
    }


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("chunk", [(4, 16), (64, 1024), (1, 1)])
def test_any_block_of_neurons_is_what_hdf5_reads(tmp_path, monkeypatch, dtype, chunk):
    monkeypatch.setattr(activation_files, "CHUNK", chunk)
    responses = noise(dtype)
    write(tmp_path / "responses.h5", responses)
    expected = np.concatenate([responses["ja"], responses["en"]])
    with NeuronReader(tmp_path / "responses.h5", "max", ["ja", "en"]) as reader:
        assert reader.groups.tolist() == [0] + [1] * 9
        assert reader.dtype == dtype
        assert reader.width == min(chunk[1], 50)
        for start, stop in [(0, 50), (0, 16), (16, 32), (48, 50), (3, 4), (15, 33), (7, 49)]:
            np.testing.assert_array_equal(reader.read(start, stop), expected[:, start:stop])


def test_memory_of_an_earlier_block_serves_again(tmp_path):
    responses = noise()
    write(tmp_path / "responses.h5", responses)
    with NeuronReader(tmp_path / "responses.h5", "max", ["de"]) as reader:
        first = reader.read(0, 20)
        assert reader.read(20, 40, first) is first
        np.testing.assert_array_equal(first, responses["de"][:, 20:40])
        last = reader.read(40, 50, first)
    np.testing.assert_array_equal(last, responses["de"][:, 40:])


def test_threads_may_read_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(activation_files, "CHUNK", (4, 16))
    responses = noise(neurons=400)
    write(tmp_path / "responses.h5", responses)
    with NeuronReader(tmp_path / "responses.h5", "max", list(responses)) as reader, ThreadPoolExecutor(4) as pool:
        blocks = list(pool.map(reader.read, range(0, 400, 10), range(10, 401, 10)))
    np.testing.assert_array_equal(np.hstack(blocks), np.concatenate(list(responses.values())))


def test_a_byte_that_changed_is_found(tmp_path):
    path = tmp_path / "responses.h5"
    write(path, noise())
    with h5py.File(path) as file:
        place = file["max/de"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    for changed in (place.byte_offset, place.byte_offset + place.size - 5, place.byte_offset + place.size - 1):
        content[changed] ^= 1
        path.write_bytes(content)
        with (
            NeuronReader(path, "max", ["en", "de"]) as reader,
            pytest.raises(StudyError, match=r"responses\.h5 is dama"),
        ):
            reader.read(0, 50)
        content[changed] ^= 1


def test_a_file_that_was_cut_off_or_is_none_is_damaged(tmp_path):
    path = tmp_path / "responses.h5"
    write(path, noise())
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(StudyError, match="damaged"):
        NeuronReader(path, "max", ["en"])
    path.write_text("no HDF5")
    with pytest.raises(StudyError, match="damaged"):
        NeuronReader(path, "max", ["en"])


def test_a_language_that_is_not_in_the_file_is_named(tmp_path):
    write(tmp_path / "responses.h5", noise())
    with pytest.raises(StudyError, match="lacks max responses of fr, zh"):
        NeuronReader(tmp_path / "responses.h5", "max", ["en", "fr", "zh"])
