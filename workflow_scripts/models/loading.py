"""Loading models: causal language models, encoders, and those of encoder-decoders; from a directory or the hub's cache.

No remote code and no pickled weights unless the config says so for that model, and no weight that the checkpoint does
not hold: transformers would fill it with random numbers and only warn. The pooler of an encoder, which comes after the
hidden states, is left out. Nor may the checkpoint hold weights of what is measured that the model has no place for.
That a model reads text as is assumed of it is found out by `workflow_scripts.models.checks` before it is used.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import AutoConfig, AutoTokenizer
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging as transformers_logging

from workflow_scripts.config.architectures import NAMES, Architecture, auto_class, generates
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import refuse_lfs_pointer
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.models.batching import Batch, encode, passing
from workflow_scripts.models.checks import require_sound
from workflow_scripts.models.directories import model_files, require_described, stored_weights
from workflow_scripts.models.experts import compute_openly
from workflow_scripts.models.manifests import ModelManifest
from workflow_scripts.models.sites import output_width
from workflow_scripts.models.structure import options_of

if TYPE_CHECKING:
    # Importing these takes seconds, which a job that finds all in the cache need not spend.
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)
FLOATS = ("F64", "F32", "F16", "BF16")  # data types, as safetensors names them
PACKED = ("qweight", "weight_packed", "qzeros")  # names of weights of several numbers each
# What stands beside the backbone in checkpoints: heads, decoders, towers, predictors of later tokens.
BESIDE = re.compile(
    r"head|pool|decoder|cls|classif|pred|vocab|score|qa_outputs|logits|mtp|nextn|vision|visual|image|img|video|audio|speech"
    r"|multi_modal|projector|connector|aligner|resampler|shared|embed_tokens_extend|summary|generator|discriminator|dense"
)
# What configurations call the bound of logits: Gemma, RecurrentGemma, xLSTM.
CAPS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")
POOLER = "pooler"  # of encoders, which makes one vector of the last hidden states; few checkpoints hold it
transformers_logging.disable_progress_bar()


@dataclass
class LanguageModel:
    """A loaded model: as much of it as is needed, and its backbone (no LM head), which is what is measured."""

    model: "PreTrainedModel"
    backbone: torch.nn.Module
    tokenizer: "PreTrainedTokenizerBase"
    manifest: ModelManifest
    unplaced: list[str] = field(default_factory=list)  # weights beside the backbone that the model has no place for

    @property
    def architecture(self) -> Architecture:
        """Return what kind of model it is."""
        return self.manifest.kind

    @property
    def _causal(self) -> bool:
        """Whether no token is seen by those before it, so that padding on the right needs no mask.

        Without a mask, attention takes kernels that skip what lies ahead. Code from elsewhere may do anything.
        """
        return self.architecture == "causal" and not self.manifest.trust_remote_code

    @property
    def device(self) -> torch.device:
        """Return where the token embeddings lie, so where input goes."""
        return self.backbone.get_input_embeddings().weight.device

    @property
    def pad_id(self) -> int:
        """Return the token that fills batches; masked, so any valid one serves where tokenizer or model has no pad
        token.
        """
        vocabulary = self.backbone.get_input_embeddings().num_embeddings
        given = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id)
        return next((id for id in given if id is not None and id < vocabulary), 0)

    @property
    def max_tokens(self) -> int | None:
        """Return the longest input the positions allow."""
        return self.manifest.context

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the last hidden states, after the final norm: [sentences, tokens, d].

        Raises:
            StudyError: a token id is outside the model's vocabulary.
        """
        return self.forward_layers(batch, [None])[0]

    def forward_layers(self, batch: Batch, layers: Sequence[int | None], gradients: bool = False) -> list[torch.Tensor]:
        """Return the hidden states of some layers, each [sentences, tokens, d], in one pass.

        Args:
            batch: What goes through the model.
            layers: n for the states after n blocks, 0 being the token embeddings; None for the last, after the final
                norm, which are also those of the largest n.
            gradients: Whether derivatives by what hooks add are to be taken; weights have none.

        Raises:
            StudyError: a token id is outside the model's vocabulary, or there is no such layer.
        """
        vocabulary = self.backbone.get_input_embeddings().num_embeddings
        if (largest := int(batch.token_ids.max())) >= vocabulary:
            raise StudyError(
                f"the tokenizer of {self.manifest.name} gives token {largest}, but the model's vocabulary has "
                f"{vocabulary}: tokenizer and weights do not belong together."
            )
        batch = batch.to(self.device)
        with torch.inference_mode(not gradients), passing(batch):
            output = self.backbone(
                input_ids=batch.token_ids,
                attention_mask=None if self._causal else batch.mask.long(),
                output_hidden_states=any(layer is not None for layer in layers),
                **options_of(self.architecture),
            )
        # Longformer pads sentences further, and leaves that on the states of its layers.
        tokens = batch.token_ids.shape[1]
        states = {None: output.last_hidden_state}
        first = self.manifest.first_layer
        if any(layer is not None for layer in layers) and first is not None:
            # The last are those after the final norm. RWKV and Mamba begin with the states after a block and have them
            # before the norm, too.
            numbered = dict(enumerate(output.hidden_states[: -1 - first], start=first))
            states |= numbered | {max(numbered, default=first - 1) + 1: output.last_hidden_state}
        if absent := [layer for layer in layers if layer not in states]:
            there = "no layers that can be told apart"
            if first is not None:
                there = f"layers {first} to {len(states) - 2 + first}"
            raise StudyError(
                f"there is no layer {absent[0]}: {self.manifest.name} has {there}; correct "
                f"models.{self.manifest.name}.layers, or embeddings.layer."
            )
        return [states[layer][:, :tokens] for layer in layers]

    def encode(self, texts: Sequence[str], max_tokens: int, language: str | None = None) -> list[list[int]]:
        """Return the token ids of each text, after the model's text prefix and marked by its language where the
        tokenizer does so.

        Args:
            texts: Of one language.
            max_tokens: Tokens after which a text is cut off, should the model take as many.
            language: Code of the texts' language; None for the language that the tokenizer assumes.

        Raises:
            StudyError: a text gives no token at all, or the prefix leaves no room for a text.
        """
        self.mark_as(language)
        limit = min(max_tokens, self.max_tokens or max_tokens)
        if prefix := self.manifest.text_prefix:
            texts = [prefix + text for text in texts]
            if (alone := len(self.tokenizer(prefix)["input_ids"])) >= limit:
                raise StudyError(
                    f"models.{self.manifest.name}.text_prefix has {alone} tokens with special ones, and texts are cut "
                    f"off after {limit}, so that nothing would be left of them; take a shorter prefix, or a larger "
                    "max_tokens."
                )
        return encode(self.tokenizer, texts, limit)

    def mark_as(self, language: str | None) -> None:
        """Let the tokenizer of a translation model mark texts as of a language."""
        if (tag := self.manifest.tags.get(language)) is not None:
            self.tokenizer.src_lang = tag

    @property
    def vocabulary(self) -> int:
        """Return the number of tokens that the LM head gives logits for."""
        return self.model.get_output_embeddings().weight.shape[0]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the logits [..., vocabulary] of last hidden states [..., d], as the whole model gives them.

        `require_logits` finds out whether this holds for an architecture.
        """
        head = self.model.get_output_embeddings()
        if (before := getattr(self.model, "lm_head", head)) is not head:  # ModernBERT's decoder
            hidden = before(hidden)
        logits = head(hidden)
        config = self.model.config.get_text_config()
        if (scale := getattr(config, "logit_scale", None)) is not None:  # Cohere
            logits = logits * scale
        if (scaling := getattr(config, "logits_scaling", None)) is not None:  # Granite
            logits = logits / scaling
        if (cap := next((cap for name in CAPS if (cap := getattr(config, name, None)) is not None), None)) is not None:
            logits = torch.tanh(logits / cap) * cap
        return logits

    def require_logits(self) -> None:
        """Refuse a model that generates no text, or whose logits are not those of its LM head.

        Raises:
            StudyError: it is no causal model, its head does something that `logits` does not know, or as a whole it
                cannot read a text.
        """
        name = self.manifest.name
        if not generates(self.architecture):
            raise StudyError(
                f"models.{name} is {NAMES[self.architecture]}: it has no perplexity and generates nothing from a "
                f"beginning-of-sentence token; set models.{name}.architecture: {self.architecture}."
            )
        head = self.model.get_output_embeddings()
        inside = next((f"{path}." for path, module in self.model.named_modules() if module is head), "lm_head.")
        if lost := [key for key in self.unplaced if key.startswith(inside)]:
            raise StudyError(
                f"models.{name}: the checkpoint holds {', '.join(lost)}, for which the LM head of the model of its "
                "config.json has no place: its predictions would be those of another model; correct config.json, or "
                f"set models.{name}.architecture: encoder, which has no perplexity and no generation."
            )
        batch = Batch([0], torch.arange(8)[None] % self.vocabulary, torch.tensor([8]), padded=False)
        with torch.inference_mode():
            ours = self.logits(self.forward(batch)).float()
            try:
                theirs = self.model(input_ids=batch.token_ids.to(self.device)).logits.float()
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # whatever the code of an architecture raises, as where it keeps its past
                raise StudyError(
                    f"models.{name}: {type(self.model).__name__} cannot predict tokens of a plain text: "
                    f"{type(error).__name__}: {one_line(error)}; set models.{name}.architecture: encoder, which has no "
                    "perplexity and no generation, or take another model."
                ) from error
        if not theirs.isfinite().all():
            raise StudyError(
                f"models.{name} gives NaN or infinite logits: its weights are damaged, or {self.manifest.dtype} is too "
                "narrow for it (try float32 or bfloat16)."
            )
        # The two paths round alike up to the order of sums; a bound on logits changes small ones but little.
        tolerance = 1e-4 if self.manifest.dtype == "float32" else 1e-2
        close = {"rtol": tolerance, "atol": tolerance * float(theirs.abs().max())}
        if not torch.allclose(ours, theirs.to(ours.device), **close):
            raise StudyError(
                f"models.{name}: the logits of {type(self.model).__name__} are not its LM head's output; teach "
                "LanguageModel.logits in workflow_scripts/models/loading.py what lies between."
            )


def load_model(
    manifest: ModelManifest, device: str, tokenizer: "PreTrainedTokenizerBase | None" = None
) -> LanguageModel:
    """Load a model on a device, in evaluation mode.

    Args:
        manifest: Of the model.
        device: Where its weights go.
        tokenizer: The model's, where it was read before.

    Raises:
        StudyError: weights are missing, newly initialised, of another shape, without a place, or in a format not
            allowed; or the model does not read text as is assumed of its architecture.
    """
    directory = described_directory(manifest)
    require_weights(directory, manifest.pickle_weights, manifest.name)
    config = load_config(directory, manifest.trust_remote_code)
    placement = {"device_map": manifest.device_map} if manifest.device_map else {}
    try:
        with _no_report_of_weights():
            model, loading = auto_class(config, manifest.kind).from_pretrained(
                directory,
                config=config,
                dtype=getattr(torch, manifest.dtype),
                use_safetensors=None if manifest.pickle_weights else True,
                trust_remote_code=manifest.trust_remote_code,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are named in `loading`, and refused
                **placement,
            )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of a damaged index a TypeError, for example
        raise StudyError(
            f"models.{manifest.name}: cannot load {directory}: {one_line(error)}; fetch it again, or take another."
        ) from error
    refuse_new_weights(loading, manifest.name)
    refuse_unplaced_weights(loading["unexpected_keys"], directory, model, manifest)
    if not placement:
        model = model.to(device)
    if slow := slow_on_this_processor(model.device.type, manifest.dtype, torch.cpu.get_capabilities()):
        log.warning("models.%s.dtype: %s", manifest.name, slow)
    loaded = _loaded(model, directory, manifest, tokenizer)
    loaded.unplaced = sorted(loading["unexpected_keys"])
    require_sound(loaded)
    return loaded


def slow_on_this_processor(device: str, dtype: str, capabilities: Mapping[str, object]) -> str | None:
    """Return what is said of a data type that the processor has no products of; None where that does not matter.

    Args:
        device: Type of the device that the model is on.
        dtype: The model's data type.
        capabilities: Those of the processor, as torch names them.
    """
    fast = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # the last two: of ARM
    if device != "cpu" or dtype != "bfloat16" or any(capabilities.get(name) for name in fast):
        return None
    return "this processor has no products of bfloat16 numbers (AVX-512 BF16 or AMX); float32 is faster on it."


def random_model(
    manifest: ModelManifest, device: str, seed: int, tokenizer: "PreTrainedTokenizerBase | None" = None
) -> LanguageModel:
    """Return the same architecture and tokenizer with random weights, as its configuration initialises them before
    training.

    A model that is spread over several devices is made on the CPU. Arguments are those of `load_model`.

    Raises:
        StudyError: its files are missing or cannot be used.
    """
    directory = described_directory(manifest)
    config = load_config(directory, manifest.trust_remote_code)
    torch.manual_seed(seed)
    model = auto_class(config, manifest.kind).from_config(
        config, dtype=getattr(torch, manifest.dtype), trust_remote_code=manifest.trust_remote_code
    )
    return _loaded(model.to("cpu" if manifest.device_map else device), directory, manifest, tokenizer)


def _loaded(
    model: "PreTrainedModel", directory: Path, manifest: ModelManifest, tokenizer: "PreTrainedTokenizerBase | None"
) -> LanguageModel:
    tokenizer = tokenizer or load_tokenizer(directory, manifest.trust_remote_code)
    backbone = backbone_of(model.eval().requires_grad_(False), manifest.kind)
    drop_pooler(backbone, manifest.kind)
    if any(site.experts for site in manifest.sites):
        compute_openly(backbone)  # in the same way with an intervention and without
    return LanguageModel(model, backbone, tokenizer, manifest)


@contextmanager
def _no_report_of_weights() -> Iterator[None]:
    """Keep transformers from listing heads, poolers and decoders, which nothing needs; the rest is refused here."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)


def backbone_of(model: "PreTrainedModel", architecture: Architecture = "causal") -> torch.nn.Module:
    """Return the transformer that reads text: no LM head, no vision tower; of an encoder-decoder, the encoder."""
    if architecture == "encoder_decoder":
        return model.get_encoder()
    backbone = model.base_model
    if model.config.get_text_config() is not model.config and hasattr(backbone, "get_decoder"):
        backbone = backbone.get_decoder()  # of a model of text and images
    if backbone.get_output_embeddings() is not None and hasattr(backbone, "model"):
        backbone = backbone.model  # Llama 4 and Mllama, which are their own base model
    if hasattr(backbone, "decoder") and not _embeds(backbone):
        backbone = backbone.decoder  # BART's decoder, which is wrapped once more
    return backbone


def drop_pooler(backbone: torch.nn.Module, architecture: Architecture) -> None:
    """Take the pooler out of an encoder, so that it computes nothing from weights that the checkpoint may lack."""
    if architecture == "encoder" and getattr(backbone, POOLER, None) is not None:
        backbone.pooler = torch.nn.Identity()  # some encoders call it without looking


def _embeds(backbone: "PreTrainedModel") -> bool:
    try:
        return backbone.get_input_embeddings() is not None
    except NotImplementedError:
        return False


def empty_model(
    config: "PretrainedConfig", trust_remote_code: bool, architecture: Architecture = "causal"
) -> "PreTrainedModel":
    """Return the model's modules without memory for weights, to look at its structure.

    In place of each weight stands one zero, repeated, so that a model of any size fits and can still be run.

    Raises:
        StudyError: the architecture is no language model, or its configuration cannot be used.
    """
    try:
        with torch.device("meta"):
            model = auto_class(config, architecture).from_config(config, trust_remote_code=trust_remote_code)
    # Whatever an architecture's code raises: of a type of rotary positions that is unknown, say, a KeyError.
    except Exception as error:
        raise StudyError(
            f"{config.name_or_path}: {config.model_type} is no causal language model, encoder-decoder or encoder that "
            f"transformers can build: {type(error).__name__}: {one_line(error)}"
        ) from error
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                zeros = torch.zeros((), dtype=weight.dtype).expand(weight.shape)
                module._parameters[name] = torch.nn.Parameter(zeros, requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                # Whole numbers that a checkpoint holds may be divisors, as in Qwen4; others are positions or types.
                kept = name not in module._non_persistent_buffers_set and not buffer.is_floating_point()
                module._buffers[name] = torch.full(buffer.shape, int(kept), dtype=buffer.dtype)
        if type(module).forward in (torch.nn.Linear.forward, Conv1D.forward):
            # What zeros give need not be computed, which for billions of weights takes long.
            module.forward = partial(_zeros, output_width(module))
        if hasattr(module, "config"):
            module.config._experts_implementation = "eager"  # others copy the weights of all experts
    return model.eval()


def _zeros(width: int, states: torch.Tensor) -> torch.Tensor:
    return states.new_zeros(*states.shape[:-1], width)


def load_config(directory: Path, trust_remote_code: bool) -> "PretrainedConfig":
    """Return the model's configuration.

    Raises:
        StudyError: it is missing, or its architecture is unknown, needs code that is not allowed, or cannot be used.
    """
    _refuse_code_from_elsewhere(directory)
    try:
        config = AutoConfig.from_pretrained(directory, trust_remote_code=trust_remote_code)
        text = config.get_text_config()
    except Exception as error:  # a KeyError of an unknown type of rotary positions, a ValueError of two models of text
        raise StudyError(f"{directory}: no usable model configuration: {one_line(error)}") from error
    config.return_dict = True  # a few configs on the hub ask for tuples, which have no names
    for part in (config, text):
        for name in ("quantization_config", "compression_config"):
            if (quantised := getattr(part, name, None)) is not None:
                given = quantised if isinstance(quantised, dict) else quantised.to_dict()
                raise _quantised(directory, given.get("quant_method", "by an unknown method"))
    return config


def _quantised(directory: Path, how: str) -> StudyError:
    return StudyError(
        f"{directory} holds quantised weights ({how}), in whose modules units are neither recorded nor changed; take "
        "the model's weights in float32, bfloat16 or float16."
    )


def _refuse_code_from_elsewhere(directory: Path) -> None:
    """Refuse a model whose code lies in another repository, of which no revision is pinned.

    Raises:
        StudyError: a class is named as `owner/name--module.Class`.
    """
    for name in ("config.json", "tokenizer_config.json"):
        try:
            classes = json.loads((directory / name).read_bytes())["auto_map"]
        except (OSError, ValueError, LookupError, TypeError):
            continue  # what is wrong with the file, if anything, transformers says
        if "--" in json.dumps(classes):
            raise StudyError(
                f"{directory / name} takes code from another repository ({classes}), which nothing pins to a revision; "
                "give a repository that holds its code, or a directory with the code beside the weights."
            )


def load_tokenizer(directory: Path, trust_remote_code: bool) -> "PreTrainedTokenizerBase":
    """Return the model's tokenizer.

    Raises:
        StudyError: its files are missing.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=trust_remote_code)
    except Exception as error:  # of a tokenizer.json of another kind a KeyError, for example
        raise StudyError(f"{directory}: no usable tokenizer: {one_line(error)}") from error
    tokenizer.truncation_side = "right"  # a text is cut off at its end, whatever the tokenizer's own use was
    return tokenizer


def described_directory(manifest: ModelManifest) -> Path:
    """Return where the files of a model lie, which are still those that its manifest describes.

    Raises:
        StudyError: they are not there, or they are others.
    """
    require_described(manifest)
    return model_directory(manifest.hub, manifest.revision, manifest.directory)


def model_directory(hub: str | None, revision: str | None, directory: str | None) -> Path:
    """Return where the model's files lie; those of the hub must have been downloaded by the stage `model`.

    Raises:
        StudyError: they are not there.
    """
    if directory is not None:
        return Path(directory)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # Asked for all files, it would miss those that the stage `model` has no use for and left on the hub.
        return Path(snapshot_download(hub, revision=revision, allow_patterns=["config.json"], local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise StudyError(
            f"{hub} at {revision} is not in the Hugging Face cache of this machine; set HF_HOME to the shared cache, "
            "or run the workflow's `models` target where there is network."
        ) from error


def require_weights(directory: Path, pickle_weights: bool, name: str) -> None:
    """Refuse a directory without weights in an allowed format.

    Raises:
        StudyError: there is no safetensors file (nor, where allowed, a .bin file).
    """
    for path in model_files(directory):
        refuse_lfs_pointer(path, f"models.{name}: ")
    adapters = adapters_in(directory)
    if any(path.name not in adapters for path in directory.glob("*.safetensors")):
        _refuse_numbers_of_other_kinds(directory)
        return
    if adapters and all(path.name in adapters for path in directory.glob("*.bin")):
        raise StudyError(
            f"models.{name}: {directory} holds an adapter ({adapters[0]}) and no weights of a model; merge it into the "
            "weights "
            "of the model that it was trained on, as peft's merge_and_unload does, and give the directory of the "
            "result."
        )
    if not any(directory.glob("*.bin")):
        raise StudyError(f"models.{name}: {directory} holds no *.safetensors weights.")
    if not pickle_weights:
        raise StudyError(
            f"models.{name}: {directory} holds only .bin weights, which are pickles; if you trust them, set "
            f"models.{name}.pickle_weights: true."
        )


def adapters_in(directory: Path) -> list[str]:
    """Return the names of files of LoRA weights, as peft, diffusers and others save them."""
    return sorted(
        path.name for path in Path(directory).iterdir() if re.search(r"(adapter|lora).*\.(safetensors|bin)$", path.name)
    )


def _refuse_numbers_of_other_kinds(directory: Path) -> None:
    """Refuse weights that are integers or of 8 bits: quantised ones, of which config.json does not always tell.

    Raises:
        StudyError: there are such weights.
    """
    try:
        stored = stored_weights(directory)
    except (OSError, ValueError):
        return  # a damaged file, of which the stages that load it tell
    for name, weight in stored.items():
        if name.rpartition(".")[2] in PACKED or (name.endswith("weight") and weight.dtype not in FLOATS):
            raise _quantised(directory, f"{name} of type {weight.dtype}")


def refuse_new_weights(loading: dict, name: str) -> None:
    """Refuse a checkpoint that does not fill every weight of the model.

    Raises:
        StudyError: some weights would be newly initialised.
    """
    needed = [key for key in loading["missing_keys"] if POOLER not in key.split(".")]
    other = [
        f"{key} ({' × '.join(map(str, stored))} in the file, {' × '.join(map(str, made))} by config.json)"
        for key, stored, made in sorted(loading["mismatched_keys"])
    ]
    new = sorted(needed) + other
    if new:
        raise StudyError(
            f"models.{name}: the checkpoint lacks {len(new)} weights, which would be random: {', '.join(new[:5])}"
            f"{' and more' if len(new) > 5 else ''}; take another revision, or check that the architecture is right."
        )


def refuse_unplaced_weights(
    unexpected: Iterable[str], directory: Path, model: "PreTrainedModel", manifest: ModelManifest
) -> None:
    """Refuse a checkpoint that holds weights of what is measured for which the model has no place.

    Args:
        unexpected: Names of the checkpoint's weights that were not used.
        directory: Where the checkpoint lies.
        model: That was loaded.
        manifest: The model's.

    Raises:
        StudyError: there are such weights; heads, poolers, decoders and towers beside the backbone are none.
    """
    backbone = backbone_of(model, manifest.kind)
    prefix = next((f"{path}." for path, module in model.named_modules() if module is backbone and path), "")
    children = {path for path, _ in backbone.named_children()}
    whole = f"{model.base_model_prefix}."  # before all names of a model's body, where the file has its head, too
    with_head = any(key.startswith(whole) for key in stored_weights(directory))

    def is_beside(key: str) -> bool:
        if "lora_" in key:
            return False  # of an adapter that is part of the model
        inside = key.removeprefix(prefix)
        first = inside.split(".")[0]
        return first not in children and bool((with_head and not key.startswith(whole)) or BESIDE.search(first))

    if lost := sorted(key for key in unexpected if not is_beside(key)):
        raise StudyError(
            f"models.{manifest.name}: the checkpoint holds {len(lost)} weights that the model of its config.json has "
            f"no place for: {', '.join(lost[:5])}{' and more' if len(lost) > 5 else ''}. Without them it is another "
            "model; correct config.json (its architecture, number of layers, biases), or take another revision."
        )
