"""Writing whole files, hashes, and progress lines."""

import errno

import pytest

from workflow_scripts.jobs.errors import FullDisk
from workflow_scripts.jobs.files import canonical_json, content_hash, file_hash, write_text, written_whole
from workflow_scripts.jobs.progress import Progress


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "folder" / "table.csv"
    write_text(path, "old")
    with pytest.raises(RuntimeError), written_whole(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with written_whole(path) as beside:
        assert beside.suffix == ".csv"
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_by_the_next_one_alone(tmp_path):
    path = tmp_path / "table[1].csv"
    left = [tmp_path / f".table[1].{digits}.partial.csv" for digits in ("0123abcd", "89efabcd")]
    others = [tmp_path / name for name in (".table[1].0123abcd.partial.md", ".table.0123abcd.partial.csv", "x.csv")]
    for each in (*left, *others):
        each.touch()
    with written_whole(path, alone=False) as beside:
        beside.touch()
    assert sorted(tmp_path.iterdir()) == sorted([path, *left, *others])
    write_text(path, "new")
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


class RustError(Exception):
    """As safetensors and tokenizers raise them."""


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RustError("I/O error: No space left on device (os error 28)"),
        RuntimeError("cannot flush (errno = 28, error message = 'No space left on device')"),
    ],
)
def test_a_full_disk_is_told_with_the_path_and_the_remedy(tmp_path, error):
    path = tmp_path / "table.csv"
    with (
        pytest.raises(FullDisk, match=r"no space is left to write .*table\.csv .*Make space there"),
        written_whole(path),
    ):
        raise error
    with pytest.raises(PermissionError), written_whole(path):
        raise PermissionError(errno.EACCES, "No space left on device for you")
    assert list(tmp_path.iterdir()) == []


def test_equal_values_have_one_json_and_one_hash():
    assert canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash({"a": 1, "b": 2}) != content_hash({"a": 2, "b": 1})
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(float("nan"))


def test_the_hash_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_hash(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_progress_says_rate_and_time_left_every_few_seconds(capsys):
    now = [0.0]
    with Progress("embedding fr", total=100, unit="sentence", clock=lambda: now[0]) as progress:
        for _ in range(10):
            now[0] += 2.0
            progress.show(loss="1.5")
            progress.advance(10, tokens=300)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "embedding fr: 30/100 sentences, 5.0 sentences/s, 150 tokens/s, loss 1.5, 00:06 gone, 00:14 left"
    assert lines[-1].endswith("00:20 gone, done")
    assert len(lines) == 4
