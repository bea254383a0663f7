"""Architectures: what kind of model a checkpoint is, what is measured of it, and whether it generates text."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Architecture = Literal["causal", "encoder_decoder", "encoder"]

NAMES: dict[str, str] = {
    "causal": "a causal language model",
    "encoder_decoder": "an encoder-decoder, of which the encoder alone is measured",
    "encoder": "an encoder",
}
# Encoder-decoders whose encoder transformers loads alone, so that no memory is spent on the decoder.
ENCODER_ALONE = ("mt5", "t5", "umt5")


def generates(architecture: Architecture) -> bool:
    """Return whether such a model writes text from left to right, so that it has perplexity and generated sentences."""
    return architecture == "causal"


def architecture_of(config: "PretrainedConfig", loaded_as: str | None = None) -> Architecture:
    """Return the architecture that a model's config.json tells of.

    An encoder is what was trained to fill in masked tokens: transformers would make a causal model of it by new weights
    or a mask that it never saw. Its config may ask for that (`is_decoder`). As encoders are also read decoders whose
    tokens see what comes after them, and those published without an LM head.

    Args:
        config: The model's configuration.
        loaded_as: Name of the class of a model in memory, whose configuration may be of another class.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    classes = [*(getattr(config, "architectures", None) or []), *([loaded_as] if loaded_as else [])]
    if config.is_encoder_decoder or any(name.endswith("T5EncoderModel") for name in classes):
        return "encoder_decoder"
    text = config.get_text_config()
    sees_ahead = getattr(text, "use_bidirectional_attention", None) in (True, "all") or not getattr(
        text, "is_causal", True
    )
    bare = all(name.endswith("Model") and "LMHead" not in name for name in classes)
    makes_head = getattr(text, "tie_word_embeddings", True) or "AutoModelForCausalLM" in (
        getattr(config, "auto_map", None) or {}
    )
    headless = bool(classes) and bare and not makes_head
    fills_masks = any(name.endswith(("ForMaskedLM", "ForPreTraining")) for name in classes)
    known = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    return "encoder" if fills_masks or known or sees_ahead or headless else "causal"


def may_be(config: "PretrainedConfig", architecture: Architecture) -> bool:
    """Return whether a model can be studied as an architecture: as its own, or a causal model as an encoder, without
    its head.
    """
    own = architecture_of(config)
    return architecture == own or (architecture == "encoder" and own == "causal")


def auto_class(config: "PretrainedConfig", architecture: Architecture) -> type:
    """Return the class of transformers that loads what is measured of a model, and of a causal model its LM head."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if architecture == "causal":
        # Language models that are published with a vision tower alone.
        alone = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        return transformers.AutoModelForCausalLM if alone else transformers.AutoModelForImageTextToText
    if architecture == "encoder":
        return transformers.AutoModel
    alone = config.model_type in ENCODER_ALONE
    return transformers.AutoModelForTextEncoding if alone else transformers.AutoModelForSeq2SeqLM
