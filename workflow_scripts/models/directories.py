"""The files of a model in a directory of the user's own: which they are, and whether they are those described.

Nothing keeps such a directory from being overwritten. So a manifest has the hash of each file, with its size and time,
by which a file is known that need not be read again.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import file_hash

if TYPE_CHECKING:
    from workflow_scripts.models.manifests import ModelManifest

# Config and tokenizer, beside the weights: PhoBERT has bpe.codes, Marian *.spm, Qwen *.tiktoken, ProphetNet a
# prophetnet.tokenizer.
BESIDE_WEIGHTS = ["*.json", "*.txt", "*.model", "*.jinja", "*.codes", "*.spm", "*.tiktoken", "*.tokenizer", "*.bpe"]
WEIGHTS = ["*.safetensors", "*.bin"]
CODE = ["*.py"]


@dataclass(frozen=True)
class StoredWeight:
    """What the head of a safetensors file says of a weight."""

    shape: list[int]
    dtype: str  # such as BF16


@dataclass(frozen=True)
class KnownFile:
    """A file whose content is known."""

    size: int  # bytes
    modified: int  # nanoseconds since 1970
    sha256: str


def model_files(directory: Path) -> list[Path]:
    """Return the files of a model, by name; other files in the directory are left aside. None without a directory."""
    patterns = [*BESIDE_WEIGHTS, *WEIGHTS, *CODE]
    return sorted({path for pattern in patterns for path in Path(directory).glob(pattern) if path.is_file()})


def stored_weights(directory: Path) -> dict[str, StoredWeight]:
    """Return the weights in a directory's safetensors files by name, from the heads of the files.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is damaged.
    """
    found = {}
    for path in sorted(Path(directory).glob("*.safetensors")):
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            head = json.loads(file.read(size)) if size <= path.stat().st_size else None
        try:
            weights = {name: value for name, value in head.items() if name != "__metadata__"}
            found |= {name: StoredWeight(value["shape"], value["dtype"]) for name, value in weights.items()}
        except (AttributeError, TypeError, LookupError) as error:
            raise ValueError(f"{path} is no safetensors file") from error
    return found


def known_files(directory: Path) -> dict[str, KnownFile]:
    """Read all files of a model: what is known of each, by its name."""
    return {path.name: KnownFile(*_version(path), file_hash(path)) for path in model_files(directory)}


def directory_hash(files: dict[str, KnownFile]) -> str:
    """Return the hash of the names and contents of a model's files."""
    return hashlib.sha256("\n".join(f"{name} {file.sha256}" for name, file in files.items()).encode()).hexdigest()


def require_described(manifest: "ModelManifest") -> None:
    """Refuse a model whose files are not those that its manifest describes; of one on the hub there is nothing to see.

    A file of the same size and time is taken for the same; any other one is read.

    Raises:
        StudyError: a file has another content, is missing or has come to the others.
    """
    if not manifest.files:
        return
    there = {path.name: path for path in model_files(manifest.directory)}
    for name in sorted({*there, *manifest.files}):
        known, path = manifest.files.get(name), there.get(name)
        if known is None or path is None:
            what = "has come to" if known is None else "is missing from"
        elif _version(path) != (known.size, known.modified) and file_hash(path) != known.sha256:
            what = "has another content in"
        else:
            continue
        raise StudyError(
            f"models.{manifest.name}.path: {name} {what} {manifest.directory} since the model was described, so it is "
            f"another model. Put the former files back; or {f'touch {path} and ' if path else ''}run the same command "
            "again, which makes everything of this model anew."
        )


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
