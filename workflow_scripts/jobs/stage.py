"""What every stage's command line shares: its arguments, its log and how it fails."""

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from workflow_scripts.jobs.errors import DamagedFile, FullDisk, StudyError
from workflow_scripts.jobs.files import is_full
from workflow_scripts.jobs.messages import DiscreetStream
from workflow_scripts.jobs.spec import Spec

log = logging.getLogger("stage")


AnySpec = TypeVar("AnySpec", bound=Spec)


def arguments(
    spec: type[AnySpec],
    description: str,
    inputs: dict[str, str],
    outputs: dict[str, str],
    command: list[str] | None = None,
) -> tuple[AnySpec, argparse.Namespace]:
    """Parse a stage's command line: `--spec JSON` and one option for each input and output file.

    `inputs` and `outputs` map an option's name to its help; a name that ends in `...` takes one or more paths,
    one that ends in `[...]` any number of them, or none, and may be left out.
    """
    parser = _parser(description, inputs, outputs)
    parsed = parser.parse_args(command)
    return spec.model_validate_json(parsed.spec), parsed


def model_arguments(
    spec: type[AnySpec],
    description: str,
    inputs: dict[str, str],
    outputs: dict[str, str],
    command: list[str] | None = None,
) -> tuple[AnySpec, argparse.Namespace]:
    """Parse a command line as `arguments` does, with the options of every stage that runs a model."""
    parser = _parser(description, inputs, outputs)
    group = parser.add_argument_group("running a model")
    group.add_argument("--cache", type=Path, required=True, help="folder of finished languages")
    group.add_argument("--code", required=True, help="fingerprint of the code, part of the cache's keys")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    group.add_argument("--tokens-per-batch", type=int, default=8192, help="tokens in one forward pass, with padding")
    group.add_argument("--usage", type=Path, required=True, help="written: device, time and tokens of the run (JSON)")
    parsed = parser.parse_args(command)
    return spec.model_validate_json(parsed.spec), parsed


def _parser(description: str, inputs: dict[str, str], outputs: dict[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spec", required=True, help="JSON of the config that the stage depends on")
    for title, options in (("inputs", inputs), ("outputs", outputs)):
        group = parser.add_argument_group(title)
        for name, text in options.items():
            many: dict[str, Any] = {"required": True}
            if name.endswith("[...]"):
                many = {"nargs": "*", "default": []}
            elif name.endswith("..."):
                many["nargs"] = "+"
            option = name.removesuffix("[...]").removesuffix("...")
            group.add_argument(f"--{option}", type=Path, help=text, **many)
    return parser


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main`; end with the cause on the last line of the log and exit status 1 if it fails."""
    sys.stderr = DiscreetStream(sys.stderr)  # libraries log the URLs that they ask, and what they were given
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every table of every font in a PDF
    try:
        main()
    except DamagedFile as error:
        _fail(error.put_aside())
    except StudyError as error:
        _fail(str(error))
    except Exception as error:
        if is_full(error):
            _fail(str(FullDisk(None)))
        traceback.print_exc()
        _fail(f"{type(error).__name__}: {error}")


def _fail(message: str) -> NoReturn:
    with suppress(OSError):  # the disk of the log may be full
        print(f"\nerror: {message}", file=sys.stderr, flush=True)
    # At once: HDF5 crashes when Python frees a file that could not be written for lack of space.
    os._exit(1)
