"""Tiny configurations of many architectures, with the modules whose units are their neurons, listed by hand."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers as t

VOCABULARY, WIDTH, HIDDEN, LAYERS = 259, 32, 48, 2
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


@dataclass(frozen=True)
class Tiny:
    """A tiny model of an architecture."""

    family: str  # heading in the table of the documentation
    config: Callable[[], t.PreTrainedConfig]
    neurons: dict[str, int] = field(default_factory=dict)  # widths by module, `{}` for the number of a layer
    layers: int = LAYERS
    auto: str = "AutoModelForCausalLM"
    architecture: str = "causal"
    refused: str | None = None  # what is said, where the model is refused


def save(tiny: Tiny, directory: Path, tokenizer: Path) -> Path:
    """Save a model with random weights, large enough for sentences to differ."""
    config = tiny.config()
    auto = getattr(t, tiny.auto)
    torch.manual_seed(0)
    model = auto.from_config(config)
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and (weight.dim() > 1 or "bias" in name):
            torch.nn.init.normal_(weight, std=0.1 if weight.dim() > 1 else 0.02)
    model.save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, directory / name)
    return directory


def named(model_type: str, **changed: Any) -> Callable[[], t.PreTrainedConfig]:
    """A configuration by the names that most architectures use."""
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 256,
        **SPECIAL,
    }
    kept = {name: value for name, value in {**sizes, **changed}.items() if value is not None}
    return lambda: t.AutoConfig.for_model(model_type, **kept)


def gpt(model_type: str, **changed: Any) -> Callable[[], t.PreTrainedConfig]:
    """A configuration by the names of GPT-2."""
    sizes = {"vocab_size": VOCABULARY, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_positions": 256, **SPECIAL}
    return lambda: t.AutoConfig.for_model(model_type, **{**sizes, **changed})


def encoder(model_type: str, **changed: Any) -> Callable[[], t.PreTrainedConfig]:
    """A configuration by the names of BERT."""
    return named(model_type, num_key_value_heads=None, head_dim=None, **changed)


def translator(model_type: str, **changed: Any) -> Callable[[], t.PreTrainedConfig]:
    """A configuration by the names of BART."""
    sizes = {
        "vocab_size": VOCABULARY,
        "d_model": WIDTH,
        "max_position_embeddings": 256,
        **{f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in BART_SIDE.items()},
        **SPECIAL,
    }
    return lambda: t.AutoConfig.for_model(model_type, **{**sizes, **changed})


BART_SIDE = {"layers": LAYERS, "ffn_dim": HIDDEN, "attention_heads": 4}


def t5(model_type: str, **changed: Any) -> Callable[[], t.PreTrainedConfig]:
    """A configuration by the names of T5."""
    sizes = {
        "vocab_size": VOCABULARY,
        "d_model": WIDTH,
        "d_ff": HIDDEN,
        "d_kv": 8,
        "num_layers": LAYERS,
        "num_heads": 4,
    }
    rest = {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0}
    return lambda: t.AutoConfig.for_model(model_type, **{**sizes, **rest, **changed})


def text_config(**changed: Any) -> dict[str, Any]:
    """The part of a nested configuration that is about text."""
    return {**{name: value for name, value in named("llama")().to_dict().items() if name in TEXT_KEYS}, **changed}


TEXT_KEYS = {
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "max_position_embeddings", "pad_token_id", "bos_token_id", "eos_token_id"),
}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 16,
    "patch_size": 8,
}


def widths(prefix: str, up: str, down: str, gate: str | None = None, hidden: int = HIDDEN) -> dict[str, int]:
    """The modules of an MLP and the number of their units."""
    return {f"{prefix}{name}": hidden for name in (gate, up) if name} | {f"{prefix}{down}": WIDTH}


def experts(prefix: str, count: int, hidden: int = HIDDEN) -> dict[str, int]:
    """The weights of the experts of a layer and the number of their units."""
    return {f"{prefix}gate_up_proj": 2 * count * hidden, f"{prefix}down_proj": count * WIDTH}


def in_layer(layer: int, neurons: dict[str, int]) -> dict[str, int]:
    """The same modules, of one layer alone."""
    return {module.format(layer): width for module, width in neurons.items()}


def _mllama() -> t.PreTrainedConfig:
    vision = {"num_hidden_layers": 1, "num_global_layers": 1, "attention_heads": 2, "vision_output_dim": 32}
    text = text_config(num_hidden_layers=3, cross_attention_layers=[1])
    text.pop("head_dim")
    shape = {"hidden_size": 16, "intermediate_size": 24, "image_size": 16, "patch_size": 8}
    return t.MllamaConfig(text_config=text, vision_config={**shape, **vision, "intermediate_layers_indices": [0]})


def _llama4() -> t.PreTrainedConfig:
    vision = {"vision_output_dim": 16, "projector_input_dim": 16, "projector_output_dim": 16}
    text = text_config(intermediate_size_mlp=HIDDEN, interleave_moe_layer_step=2, num_local_experts=4)
    return t.Llama4Config(text_config=text, vision_config={**VISION, **vision})


def _phi4() -> t.PreTrainedConfig:
    audio = {"hidden_size": 16, "intermediate_size": 24, "num_blocks": 1, "num_attention_heads": 2, "audio_token_id": 6}
    audio |= dict.fromkeys(["depthwise_separable_out_channel", "ext_pw_out_channel", "nemo_conv_channels"], 16)
    text = text_config()
    text.pop("head_dim")
    vision = {**VISION, "crop_size": 16, "image_token_id": 5}
    return t.Phi4MultimodalConfig(vision_config=vision, audio_config=audio, **text)


def _t5gemma() -> t.PreTrainedConfig:
    side = text_config(sliding_window=64)
    return t.T5GemmaConfig(encoder=side, decoder=side, vocab_size=VOCABULARY)


MLA = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}
GATED = widths("layers.{}.mlp.", "up_proj", "down_proj", "gate_proj")
# One MLP in the first layer; in the second eight experts, and those that read every token.
FIRST_DENSE = (
    in_layer(0, GATED)
    | in_layer(1, experts("layers.{}.mlp.experts.", 8, 16))
    | in_layer(1, widths("layers.{}.mlp.shared_experts.", "up_proj", "down_proj", "gate_proj", hidden=16))
)
TWO = widths("layers.{}.mlp.", "fc1", "fc2")
BERT = widths("encoder.layer.{}.", "intermediate.dense", "output.dense")
GPT = {"h.{}.mlp.c_fc": 4 * WIDTH, "h.{}.mlp.c_proj": WIDTH}
GPTJ = {"h.{}.mlp.fc_in": 4 * WIDTH, "h.{}.mlp.fc_out": WIDTH}
BART = widths("layers.{}.", "fc1", "fc2")
T5_PLAIN = widths("block.{}.layer.1.DenseReluDense.", "wi", "wo")
T5_GATED = widths("block.{}.layer.1.DenseReluDense.", "wi_1", "wo", "wi_0")
UNKNOWN_EXPERTS = "its MLPs have more weights, which are no linear layers that read every token"
PADDING = "the padding beside a shorter sentence changes the sentence's states"
SEES_AHEAD = "see those that come after them, so the model is not causal"
NO_OUTPUT = "does not put out a number for each sentence, token and unit"
NO_LANGUAGE = "cannot read a plain sentence: ValueError: Input language unknown"
REPEATS = "runs more than once in a pass"
MASKED = {"auto": "AutoModelForMaskedLM", "architecture": "encoder"}
TO_SEQUENCE = {"auto": "AutoModelForSeq2SeqLM", "architecture": "encoder_decoder"}
IMAGES = {"auto": "AutoModelForImageTextToText"}

CAUSAL, HYBRID, MIXTURE, MULTIMODAL, ENCODER, TWO_SIDED = (
    "Causal",
    "Hybrid and recurrent",
    "Mixture of experts",
    "Text and images",
    "Encoder",
    "Encoder of an encoder-decoder",
)
MODELS: dict[str, Tiny] = {
    "Llama": Tiny(CAUSAL, named("llama"), GATED),
    "Mistral": Tiny(CAUSAL, named("mistral"), GATED),
    "Qwen3": Tiny(CAUSAL, named("qwen3"), GATED),
    "Gemma 2": Tiny(CAUSAL, named("gemma2"), GATED),
    "Gemma 3 (text)": Tiny(CAUSAL, named("gemma3_text"), GATED),
    "Cohere": Tiny(CAUSAL, named("cohere", head_dim=None), GATED),
    "Phi": Tiny(CAUSAL, named("phi", head_dim=None), TWO),
    "Phi-3": Tiny(
        CAUSAL,
        named("phi3", head_dim=None),
        {"layers.{}.mlp.gate_up_proj": 2 * HIDDEN, "layers.{}.mlp.down_proj": WIDTH},
    ),
    "StarCoder 2": Tiny(CAUSAL, named("starcoder2", head_dim=None), widths("layers.{}.mlp.", "c_fc", "c_proj")),
    "Nemotron": Tiny(CAUSAL, named("nemotron"), widths("layers.{}.mlp.", "up_proj", "down_proj")),
    "GPT-NeoX": Tiny(
        CAUSAL,
        named("gpt_neox", num_key_value_heads=None, head_dim=None),
        widths("layers.{}.mlp.", "dense_h_to_4h", "dense_4h_to_h"),
    ),
    "GPT-1": Tiny(CAUSAL, gpt("openai-gpt"), GPT),
    "GPT-2": Tiny(CAUSAL, gpt("gpt2"), GPT),
    "GPT-J": Tiny(CAUSAL, gpt("gptj", rotary_dim=4), GPTJ),
    "GPT-Neo": Tiny(
        CAUSAL,
        lambda: t.GPTNeoConfig(
            vocab_size=VOCABULARY,
            hidden_size=WIDTH,
            num_layers=LAYERS,
            num_heads=4,
            attention_types=[[["global", "local"], 1]],
            max_position_embeddings=256,
            window_size=8,
            **SPECIAL,
        ),
        GPT,
    ),
    "GPT-BigCode": Tiny(CAUSAL, gpt("gpt_bigcode"), GPT),
    "CTRL": Tiny(CAUSAL, gpt("ctrl", dff=HIDDEN), widths("h.{}.ffn.", "0", "2")),
    "BLOOM": Tiny(
        CAUSAL,
        lambda: t.BloomConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, n_layer=LAYERS, n_head=4, **SPECIAL),
        {"h.{}.mlp.dense_h_to_4h": 4 * WIDTH, "h.{}.mlp.dense_4h_to_h": WIDTH},
    ),
    "Falcon": Tiny(
        CAUSAL,
        lambda: t.FalconConfig(
            vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=4, **SPECIAL
        ),
        {"h.{}.mlp.dense_h_to_4h": 4 * WIDTH, "h.{}.mlp.dense_4h_to_h": WIDTH},
    ),
    "MPT": Tiny(
        CAUSAL,
        lambda: t.MptConfig(
            vocab_size=VOCABULARY, d_model=WIDTH, n_layers=LAYERS, n_heads=4, max_seq_len=256, **SPECIAL
        ),
        {"blocks.{}.ffn.up_proj": 4 * WIDTH, "blocks.{}.ffn.down_proj": WIDTH},
    ),
    "OPT": Tiny(
        CAUSAL, named("opt", ffn_dim=HIDDEN, word_embed_proj_dim=WIDTH), widths("decoder.layers.{}.", "fc1", "fc2")
    ),
    "OPT-350m": Tiny(
        CAUSAL,
        named("opt", ffn_dim=HIDDEN, word_embed_proj_dim=16, do_layer_norm_before=False),
        widths("decoder.layers.{}.", "fc1", "fc2"),
    ),
    "XGLM": Tiny(CAUSAL, named("xglm", d_model=WIDTH, ffn_dim=HIDDEN, num_layers=LAYERS, attention_heads=4), BART),
    "BioGPT": Tiny(CAUSAL, named("biogpt"), BART),
    "BART's decoder": Tiny(CAUSAL, translator("bart", is_encoder_decoder=False, is_decoder=True), BART),
    "ModernBERT's decoder": Tiny(
        CAUSAL,
        encoder("modernbert-decoder", cls_token_id=1, sep_token_id=2),
        {"layers.{}.mlp.Wi": 2 * HIDDEN, "layers.{}.mlp.Wo": WIDTH},
    ),
    "BertGeneration": Tiny(CAUSAL, encoder("bert-generation"), refused=SEES_AHEAD),
    "XLNet": Tiny(
        CAUSAL,
        lambda: t.XLNetConfig(vocab_size=VOCABULARY, d_model=WIDTH, n_layer=LAYERS, n_head=4, d_inner=HIDDEN),
        refused=NO_OUTPUT,
    ),
    "LFM2": Tiny(
        HYBRID,
        named("lfm2", layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False),
        widths("layers.{}.feed_forward.", "w3", "w2", "w1"),
    ),
    "Qwen3.5 (text)": Tiny(
        HYBRID,
        named(
            "qwen3_5_text",
            layer_types=["linear_attention", "full_attention"],
            **{f"linear_num_{name}_heads": 2 for name in ("key", "value")},
            **{f"linear_{name}_head_dim": 8 for name in ("key", "value")},
        ),
        GATED,
    ),
    "LFM3": Tiny(
        HYBRID,
        named("lfm3", layer_types=["conv", "full_attention"]),
        widths("layers.{}.feed_forward.", "w3", "w2", "w1"),
    ),
    "RecurrentGemma": Tiny(
        HYBRID,
        named("recurrent_gemma", num_hidden_layers=3, lru_width=WIDTH),
        widths("layers.{}.mlp_block.", "up_proj", "down_proj", "gate_proj", HIDDEN // 2),
        layers=3,
    ),
    "xLSTM": Tiny(
        HYBRID,
        lambda: t.xLSTMConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            num_hidden_layers=LAYERS,
            num_heads=2,
            qk_dim_factor=1.0,
            chunk_size=16,
            ffn_round_up_to_multiple_of=16,
            **SPECIAL,
        ),
        {"blocks.{}.ffn.proj_up_gate": 176, "blocks.{}.ffn.proj_up": 176, "blocks.{}.ffn.proj_down": 64},
    ),
    "Nemotron-H": Tiny(
        HYBRID,
        named(
            "nemotron_h",
            num_hidden_layers=None,
            layers_block_type=["mamba", "mlp", "attention", "mlp"],
            ssm_state_size=8,
            mamba_num_heads=4,
            mamba_head_dim=16,
            n_groups=2,
            chunk_size=16,
        ),
        {
            **in_layer(1, widths("layers.{}.mixer.", "up_proj", "down_proj")),
            **in_layer(3, widths("layers.{}.mixer.", "up_proj", "down_proj")),
        },
    ),
    "RWKV": Tiny(
        HYBRID,
        lambda: t.RwkvConfig(
            vocab_size=VOCABULARY,
            hidden_size=WIDTH,
            attention_hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            intermediate_size=HIDDEN,
            **SPECIAL,
        ),
        {
            "blocks.{}.feed_forward.key": HIDDEN,
            "blocks.{}.feed_forward.receptance": WIDTH,
            "blocks.{}.feed_forward.value": WIDTH,
        },
    ),
    "Mamba": Tiny(HYBRID, named("mamba"), refused="no mlp layers were found by name"),
    "Jamba": Tiny(
        HYBRID,
        named("jamba", head_dim=None, num_experts=4, attn_layer_period=2, attn_layer_offset=1),
        in_layer(0, widths("layers.{}.feed_forward.", "up_proj", "down_proj", "gate_proj"))
        | in_layer(1, experts("layers.{}.feed_forward.experts.", 4)),
    ),
    "Mixtral": Tiny(MIXTURE, named("mixtral", num_local_experts=4), experts("layers.{}.mlp.experts.", 4)),
    "Qwen3-MoE": Tiny(
        MIXTURE,
        named("qwen3_moe", num_experts=8, moe_intermediate_size=16, num_experts_per_tok=3),
        experts("layers.{}.mlp.experts.", 8, 16),
    ),
    "OLMoE": Tiny(
        MIXTURE,
        named("olmoe", head_dim=None, num_experts=4, num_experts_per_tok=2),
        experts("layers.{}.mlp.experts.", 4),
    ),
    "GPT-OSS": Tiny(MIXTURE, named("gpt_oss", num_local_experts=4), experts("layers.{}.mlp.experts.", 4)),
    "DeepSeek-V3": Tiny(
        MIXTURE,
        named(
            "deepseek_v3",
            head_dim=None,
            num_key_value_heads=4,
            n_routed_experts=8,
            n_group=2,
            topk_group=1,
            num_experts_per_tok=2,
            first_k_dense_replace=1,
            moe_intermediate_size=16,
            **MLA,
        ),
        FIRST_DENSE,
    ),
    "Kimi Linear": Tiny(
        MIXTURE,
        named(
            "kimi_linear",
            head_dim=None,
            num_key_value_heads=4,
            layer_types=["linear_attention", "full_attention"],
            linear_head_dim=8,
            linear_num_heads=4,
            num_experts=8,
            num_experts_per_token=2,
            moe_intermediate_size=16,
            **{name: size for name, size in MLA.items() if name != "q_lora_rank"},
        ),
        FIRST_DENSE,
    ),
    "Qwen4 (text)": Tiny(
        MIXTURE,
        named(
            "qwen4_exp_text",
            intermediate_size=None,
            layer_types=["linear_attention", "full_attention"],
            linear_num_key_heads=2,
            linear_num_value_heads=4,
            linear_key_head_dim=8,
            linear_value_head_dim=8,
            indexer_n_heads=2,
            indexer_kv_heads=1,
            indexer_head_dim=8,
            indexer_budget=16,
            indexer_compress_ratio=2,
            hc_count=2,
            hc_lowrank=8,
            ple_layer_ids=[1],
            ple_embed_dim=32,
            heads_per_ngram=2,
            ngram_vocab_size_base=50,
            make_ngram_vocab_size_divisible_by=2,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=16,
            shared_expert_intermediate_size=24,
        ),
        experts("layers.{}.mlp.experts.", 4, 16)
        | widths("layers.{}.mlp.shared_expert.", "up_proj", "down_proj", "gate_proj", hidden=24),
    ),
    "Nemotron-H with experts": Tiny(
        MIXTURE,
        named(
            "nemotron_h",
            num_hidden_layers=None,
            layers_block_type=["moe", "attention"],
            n_routed_experts=8,
            n_group=1,
            topk_group=1,
            num_experts_per_tok=2,
            moe_intermediate_size=16,
            moe_shared_expert_intermediate_size=24,
            moe_latent_size=20,
        ),
        {
            "layers.0.mixer.fc1_latent_proj": 20,
            "layers.0.mixer.experts.up_proj": 8 * 16,
            "layers.0.mixer.experts.down_proj": 8 * 20,
            "layers.0.mixer.fc2_latent_proj": WIDTH,
            **in_layer(0, widths("layers.{}.mixer.shared_experts.", "up_proj", "down_proj", hidden=24)),
        },
    ),
    "MiniMax M3": Tiny(
        MULTIMODAL,
        lambda: t.AutoConfig.for_model(
            "minimax_m3_vl",
            text_config=text_config(
                num_local_experts=4,
                num_experts_per_tok=2,
                dense_intermediate_size=40,
                shared_intermediate_size=24,
                mlp_layer_types=["dense", "sparse"],
                layer_types=["full_attention", "minimax_m3_sparse"],
                rotary_dim=8,
                index_n_heads=2,
                index_head_dim=8,
                index_block_size=4,
                index_topk_blocks=2,
            ),
            vision_config={**VISION, "hidden_size": 32},
            projector_hidden_size=16,
        ),
        {
            **in_layer(0, {"layers.{}.mlp.gate_up_proj": 80, "layers.{}.mlp.down_proj": WIDTH}),
            **in_layer(1, experts("layers.{}.mlp.experts.", 4)),
            **in_layer(1, {"layers.{}.mlp.shared_experts.gate_up_proj": 48}),
            **in_layer(1, {"layers.{}.mlp.shared_experts.down_proj": WIDTH}),
        },
        **IMAGES,
    ),
    "GIT": Tiny(
        MULTIMODAL,
        lambda: t.GitConfig(
            vision_config=VISION,
            **{name: each for name, each in text_config().items() if name not in ("num_key_value_heads", "head_dim")},
        ),
        BERT,
    ),
    "Gemma 3": Tiny(
        MULTIMODAL,
        lambda: t.Gemma3Config(text_config=text_config(), vision_config=VISION, mm_tokens_per_image=4),
        GATED,
        **IMAGES,
    ),
    "Mistral 3": Tiny(
        MULTIMODAL,
        lambda: t.Mistral3Config(
            text_config={"model_type": "mistral", **text_config()}, vision_config={"model_type": "pixtral", **VISION}
        ),
        GATED,
        **IMAGES,
    ),
    "Phi-4 multimodal": Tiny(
        MULTIMODAL, _phi4, {"layers.{}.mlp.gate_up_proj": 2 * HIDDEN, "layers.{}.mlp.down_proj": WIDTH}
    ),
    "Fuyu": Tiny(
        MULTIMODAL,
        lambda: t.FuyuConfig(
            **{name: each for name, each in text_config().items() if name not in ("num_key_value_heads", "head_dim")}
        ),
        widths("layers.{}.mlp.", "dense_h_to_4h", "dense_4h_to_h"),
    ),
    "Llama 3.2 Vision": Tiny(
        MULTIMODAL,
        _mllama,
        {name.format(layer): width for layer in (0, 2) for name, width in GATED.items()},  # 1 looks at images alone
        auto="AutoModelForImageTextToText",
    ),
    "Llama 4": Tiny(MULTIMODAL, _llama4, auto="AutoModelForImageTextToText", refused=UNKNOWN_EXPERTS),
    "BERT": Tiny(ENCODER, encoder("bert"), BERT, **MASKED),
    "XLM-RoBERTa": Tiny(ENCODER, encoder("xlm-roberta"), BERT, **MASKED),
    "DeBERTa-v2": Tiny(
        ENCODER,
        encoder("deberta-v2", relative_attention=True, position_buckets=16, pos_att_type=["c2p", "p2c"]),
        BERT,
        **MASKED,
    ),
    "ModernBERT": Tiny(
        ENCODER,
        encoder("modernbert", local_attention=8, cls_token_id=1, sep_token_id=2),
        {"layers.{}.mlp.Wi": 2 * HIDDEN, "layers.{}.mlp.Wo": WIDTH},
        **MASKED,
    ),
    "DistilBERT": Tiny(
        ENCODER,
        lambda: t.DistilBertConfig(vocab_size=VOCABULARY, dim=WIDTH, hidden_dim=HIDDEN, n_layers=LAYERS, n_heads=4),
        widths("transformer.layer.{}.ffn.", "lin1", "lin2"),
        **MASKED,
    ),
    "ELECTRA": Tiny(ENCODER, encoder("electra", embedding_size=16), BERT, **MASKED),
    "MPNet": Tiny(ENCODER, encoder("mpnet", pad_token_id=1), BERT, **MASKED),
    "XLM": Tiny(
        ENCODER,
        lambda: t.XLMConfig(
            vocab_size=VOCABULARY, emb_dim=WIDTH, n_layers=LAYERS, n_heads=4, max_position_embeddings=256
        ),
        {"ffns.{}.lin1": 4 * WIDTH, "ffns.{}.lin2": WIDTH},
        **MASKED,
    ),
    "Longformer": Tiny(ENCODER, encoder("longformer", pad_token_id=1, attention_window=[16, 16]), BERT, **MASKED),
    "EmbeddingGemma": Tiny(
        ENCODER,
        named("gemma3_text", use_bidirectional_attention=True, sliding_window=64),
        GATED,
        auto="AutoModel",
        architecture="encoder",
    ),
    "Mistral without a head": Tiny(
        ENCODER, named("mistral", tie_word_embeddings=False), GATED, auto="AutoModel", architecture="encoder"
    ),
    "X-MOD": Tiny(ENCODER, encoder("xmod", languages=["en_XX", "es_XX"]), **MASKED, refused=NO_LANGUAGE),
    "ALBERT": Tiny(ENCODER, encoder("albert", embedding_size=16), **MASKED, refused=REPEATS),
    "FNet": Tiny(ENCODER, encoder("fnet", num_attention_heads=None), **MASKED, refused=PADDING),
    "ConvBERT": Tiny(ENCODER, encoder("convbert", embedding_size=WIDTH), **MASKED, refused=PADDING),
    "T5": Tiny(TWO_SIDED, t5("t5"), T5_PLAIN, **TO_SEQUENCE),
    "mT5": Tiny(TWO_SIDED, t5("mt5"), T5_GATED, **TO_SEQUENCE),
    "LongT5": Tiny(TWO_SIDED, t5("longt5", local_radius=4), T5_PLAIN, **TO_SEQUENCE),
    "BART": Tiny(TWO_SIDED, translator("bart"), BART, **TO_SEQUENCE),
    "mBART": Tiny(TWO_SIDED, translator("mbart"), BART, **TO_SEQUENCE),
    "M2M100, NLLB": Tiny(TWO_SIDED, translator("m2m_100"), BART, **TO_SEQUENCE),
    "LED": Tiny(
        TWO_SIDED,
        translator(
            "led", attention_window=16, max_encoder_position_embeddings=256, max_decoder_position_embeddings=256
        ),
        BART,
        **TO_SEQUENCE,
    ),
    "T5Gemma": Tiny(TWO_SIDED, _t5gemma, GATED, **TO_SEQUENCE),
    "NLLB-MoE": Tiny(
        TWO_SIDED,
        translator("nllb-moe", num_experts=4, encoder_sparse_step=2, decoder_sparse_step=2),
        **TO_SEQUENCE,
        refused=UNKNOWN_EXPERTS,
    ),
    "Switch": Tiny(
        TWO_SIDED,
        t5("switch_transformers", num_experts=4, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1),
        **TO_SEQUENCE,
        refused=UNKNOWN_EXPERTS,
    ),
}
