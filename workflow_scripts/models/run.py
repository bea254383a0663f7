"""A job's run of a model: its manifest, device, usage and cells of the cache, and the model, loaded when first needed.

with model_run(files, "activations") as run:
    path = run.cell(run.key(language, texts=content_hash(texts)), lambda cell: record(cell, run.model, texts, language))
"""

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import h5py

from workflow_scripts.jobs.cells import CellStore
from workflow_scripts.jobs.usage import Usage, measured
from workflow_scripts.models.devices import take_device
from workflow_scripts.models.manifests import read_manifest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from workflow_scripts.models.loading import LanguageModel

Made = TypeVar("Made")


class ModelRun:
    """What a stage that runs a model shares with all others; made by `model_run`."""

    def __init__(self, files: Namespace, kind: str, usage: Usage, device: str, random_weights: int | None):
        self.manifest = read_manifest(files.model)
        self.tokens_per_batch: int = files.tokens_per_batch
        self._code, self._usage, self._device, self._random_weights = files.code, usage, device, random_weights
        self._store = CellStore(files.cache, kind)

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """Return the model's tokenizer, which is read once and needs no weights.

        Raises:
            StudyError: its files are missing.
        """
        from workflow_scripts.models.loading import described_directory, load_tokenizer

        return load_tokenizer(described_directory(self.manifest), self.manifest.trust_remote_code)

    @cached_property
    def model(self) -> "LanguageModel":
        """Return the model, which is loaded once; a job that finds all in the cache needs none.

        Raises:
            StudyError: its weights are missing or cannot be used.
        """
        # Importing torch and transformers takes seconds, which such a job need not spend.
        from workflow_scripts.models.loading import load_model, random_model

        if self._random_weights is not None:
            return random_model(self.manifest, self._device, self._random_weights, self.tokenizer)
        return load_model(self.manifest, self._device, self.tokenizer)

    @cached_property
    def generating_model(self) -> "LanguageModel":
        """Return the model, which must be able to write text.

        Raises:
            StudyError: it is no causal model, or its logits are not those of its LM head.
        """
        self.model.require_logits()
        return self.model

    def key(self, language: str | None = None, **parts: Any) -> dict[str, Any]:
        """Return the key of a cell: these parts, the model with its data type, and the code of the stage.

        Args:
            language: Code of the language of the texts that the model reads, by which some tokenizers mark them; None
                where it reads none, or texts of several languages.
            parts: What else the cell depends on.
        """
        model = self.manifest.identity_for(language)
        return {"model": model, "dtype": self.manifest.dtype, **parts, "code": self._code}

    def cell(self, key: dict[str, Any], compute: Callable[[h5py.File], None]) -> Path:
        """Return the path of the cell of that key; `compute` fills the file where the cache has none."""
        return self._usage.cell(self._store, key, compute)

    def cells(
        self,
        keys: Sequence[dict[str, Any]],
        make: Callable[[list[int]], Sequence[Made]],
        write: Callable[[h5py.File, Made], None],
    ) -> list[Path]:
        """Return the paths of cells that are computed together, in the order of their keys.

        Args:
            keys: One per cell.
            make: Gives what belongs in the cells of these places, in one pass through the model.
            write: Writes one cell.
        """
        with self._store.reserved(keys):
            missing = [place for place, key in enumerate(keys) if not self._store.holds(key)]
            made: dict[int, Made] = {}

            def compute(cell: h5py.File, place: int) -> None:
                if place not in made:
                    # Cells that the cache lacks share a pass; one that it holds damaged comes alone.
                    together = missing if place in missing else [place]
                    made.update(zip(together, make(together), strict=True))
                write(cell, made[place])

            return [self.cell(key, lambda cell, place=place: compute(cell, place)) for place, key in enumerate(keys)]


@contextmanager
def model_run(files: Namespace, kind: str, random_weights: int | None = None) -> Iterator[ModelRun]:
    """Run a model in the block: hold a device, and write what was used when the block ends well.

    Args:
        files: Of a stage's `model_arguments`, with the option `model`.
        kind: Of the cells of the cache.
        random_weights: Seed of random weights in place of the model's own; None for its own.
    """
    with measured(files.usage) as usage, take_device(files.device) as device:
        yield ModelRun(files, kind, usage, device, random_weights)
