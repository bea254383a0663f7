"""What a model is refused for before it is used, what is said of it, and what makes it read texts otherwise."""

import json
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_architectures import MODELS, VOCABULARY, Tiny, named, save

from workflow_scripts.config.architectures import architecture_of
from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.config.models import ModelConfig
from workflow_scripts.embeddings.sentences import embed
from workflow_scripts.embeddings.words import encode_with_offsets
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import batches, encode, texts_begin_with
from workflow_scripts.models.describe_model import Spec, describe
from workflow_scripts.models.directories import BESIDE_WEIGHTS
from workflow_scripts.models.loading import load_model, load_tokenizer
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons.activation_probabilities import activation_probabilities
from workflow_scripts.neurons.responses import ResponseRecorder


@pytest.fixture
def saved(tmp_path, model_directory):
    """Saves a tiny model of an architecture."""

    def saved(tiny):
        tiny = MODELS[tiny] if isinstance(tiny, str) else tiny
        return save(tiny, tmp_path / "model", model_directory("llama"))

    return saved


def manifest_of(directory, architecture="causal", sites="mlp", languages=(), **options):
    model = ModelConfig(label="", path=str(directory), k=0, architecture=architecture, **options)
    table = {code: LANGUAGES[code] for code in languages}
    return describe(Spec(name="tiny", model=model, directory=str(directory), sites=sites, languages=table))


def change_config(directory, name="config.json", **changed):
    path = directory / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


@pytest.mark.parametrize(
    ("built", "stored", "lost"),
    [
        (named("llama", mlp_bias=True, attention_bias=True), {"mlp_bias": False, "attention_bias": False}, "bias"),
        (named("llama", num_hidden_layers=4), {"num_hidden_layers": 2}, r"model\.layers\.2\."),
        (named("qwen3"), {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, r"self_attn\.k_norm"),
        (named("gemma2"), {"model_type": "gemma", "architectures": ["GemmaForCausalLM"]}, "feedforward_layernorm"),
    ],
    ids=["biases", "layers", "norms of queries", "norms of MLPs"],
)
def test_weights_that_the_model_has_no_place_for_are_refused(saved, built, stored, lost):
    directory = saved(Tiny("", built))
    change_config(directory, **stored)
    with pytest.raises(
        StudyError, match=f"holds .* weights that the model of its config.json has no place for: .*{lost}"
    ):
        load_model(manifest_of(directory), "cpu")


@pytest.mark.parametrize("extra", ["score.weight", "lm_head.bias", "model.vision_tower.patch.weight", "mtp.0.weight"])
def test_heads_and_towers_beside_the_model_are_not_missed(saved, extra):
    directory = saved("Llama")
    weights = load_file(directory / "model.safetensors")
    expected = embed(load_model(manifest_of(directory), "cpu"), ["A sentence."])
    save_file({**weights, extra: torch.zeros(2, 2)}, directory / "model.safetensors", {"format": "pt"})
    np.testing.assert_array_equal(embed(load_model(manifest_of(directory), "cpu"), ["A sentence."]), expected)


def test_a_head_without_its_bias_predicts_nothing(saved):
    directory = saved("Llama")
    load_model(manifest_of(directory), "cpu").require_logits()
    weights = load_file(directory / "model.safetensors")
    save_file({**weights, "lm_head.bias": torch.ones(VOCABULARY)}, directory / "model.safetensors", {"format": "pt"})
    with pytest.raises(StudyError, match=r"holds lm_head\.bias, for which the LM head .* has no place"):
        load_model(manifest_of(directory), "cpu").require_logits()


def test_an_adapter_among_the_weights_is_not_dropped(saved):
    directory = saved("Llama")
    extra = {"base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": torch.zeros(2, 2)}
    weights = load_file(directory / "model.safetensors")
    save_file({**weights, **extra}, directory / "model.safetensors", {"format": "pt"})
    with pytest.raises(StudyError, match=r"has no place for: base_model\..*lora_A\.weight"):
        load_model(manifest_of(directory), "cpu")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: {"weight": weights.to(torch.int8)}, r"mlp\.up_proj\.weight of type I8"),
        (lambda weights: {"weight": weights.to(torch.float8_e4m3fn)}, r"mlp\.up_proj\.weight of type F8_E4M3"),
        (lambda weights: {"qweight": weights.to(torch.int32)}, r"mlp\.up_proj\.qweight of type I32"),
    ],
)
def test_weights_are_known_to_be_quantised_where_the_config_does_not_tell(saved, change, said):
    directory = saved("Llama")
    weights = load_file(directory / "model.safetensors")
    owner = "model.layers.0.mlp.up_proj"
    changed = {f"{owner}.{name}": tensor for name, tensor in change(weights.pop(f"{owner}.weight")).items()}
    save_file({**weights, **changed}, directory / "model.safetensors", {"format": "pt"})
    with pytest.raises(StudyError, match=rf"holds quantised weights \(.*{said}\)"):
        manifest_of(directory)


@pytest.mark.parametrize("key", ["quantization_config", "compression_config"])
def test_the_part_of_a_config_about_text_may_tell_of_quantised_weights(saved, key):
    directory = saved("Gemma 3")
    text = json.loads((directory / "config.json").read_text())["text_config"]
    change_config(directory, text_config={**text, key: {"quant_method": "compressed-tensors"}})
    with pytest.raises(StudyError, match=r"holds quantised weights \(compressed-tensors\)"):
        manifest_of(directory)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_pointer_in_place_of_a_file_is_refused(saved, name):
    directory = saved("Llama")
    (directory / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(StudyError, match=rf"{name} is a Git LFS pointer"):
        manifest_of(directory)


@pytest.mark.parametrize("content", ["[]", '{"version": "1.0", "model": {"type": "New"}}'])
def test_a_tokenizer_of_another_kind_is_refused(saved, content):
    directory = saved("Llama")
    (directory / "tokenizer.json").write_text(content)
    with pytest.raises(StudyError, match="no usable tokenizer"):
        manifest_of(directory)


def test_files_of_all_tokenizers_are_fetched():
    named_in = re.compile(r"\"([\w.-]+\.\w+)\"")
    files = set()
    for path in Path(transformers.__file__).parent.glob("models/*/tokenization_*.py"):
        for names in re.findall(r"VOCAB_FILES_NAMES = \{(.*?)\}", path.read_text(encoding="utf-8"), re.DOTALL):
            files |= set(named_in.findall(names))
    assert {"vocab.txt", "prophetnet.tokenizer"} <= files
    assert [name for name in files if not any(fnmatch(name, pattern) for pattern in BESIDE_WEIGHTS)] == []


def test_a_site_that_no_text_goes_through_is_refused_by_name(saved):
    directory = saved("GIT")
    manifest = manifest_of(directory)
    assert manifest.left_out == ["image_encoder (14 matrices)", "visual_projection"]
    name = "image_encoder.vision_model.encoder.layers.0.mlp.fc1"
    with pytest.raises(StudyError, match=rf"neurons\.sites: {name} does not run when tiny reads text"):
        manifest_of(directory, sites=["image_encoder.*.fc1"])
    model = load_model(manifest, "cpu")
    unread = NeuronSite(module=name, layer=0, width=24, offset=0)
    (batch,) = batches(encode(model.tokenizer, ["A sentence."], 20), 100, model.pad_id)
    with (
        ResponseRecorder(model, [unread], ["max"]) as recorder,
        pytest.raises(StudyError, match=rf"1 of the modules .* do not run when it reads text \({name}\)"),
    ):
        recorder.forward(batch)
    model.manifest.sites.append(unread)
    with pytest.raises(StudyError, match="do not run when it reads text"):
        activation_probabilities(model, ["A sentence."], 20, 100, "")


def test_units_of_experts_can_be_left_out_by_patterns_and_are_listed(saved):
    directory = saved("Jamba")
    whole = manifest_of(directory)
    manifest = manifest_of(directory, sites=[f"layers.*.feed_forward.{name}_proj" for name in ("gate", "up", "down")])
    of_experts = ["layers.1.feed_forward.experts.gate_up_proj", "layers.1.feed_forward.experts.down_proj"]
    assert [site.module for site in whole.sites if site.experts] == of_experts
    dense = [site.module for site in manifest.sites]
    assert dense == [site.module for site in whole.sites if not site.experts]
    assert [left.split()[0] for left in manifest.left_out] == [name.replace(".1.", ".*.") for name in of_experts]


def test_experts_whose_tokens_are_not_known_are_refused_and_the_rest_can_be_asked_for(saved):
    directory = saved("Llama 4")
    with pytest.raises(StudyError, match=r"mlp finds .* MLPs have more weights.*; to study the others") as refused:
        manifest_of(directory)
    patterns = json.loads(str(refused.value)[str(refused.value).index('["') :].rstrip("."))
    manifest = manifest_of(directory, sites=patterns)
    assert manifest.neurons
    assert any("experts" in left for left in manifest.left_out)


def test_a_model_that_sees_ahead_is_an_encoder(saved):
    directory = saved("EmbeddingGemma")
    with pytest.raises(StudyError, match=r"architecture is causal, but .* an encoder .*; set .*: encoder"):
        manifest_of(directory)
    with pytest.raises(StudyError, match=r"models\.tiny is an encoder: it has no perplexity"):
        load_model(manifest_of(directory, "encoder"), "cpu").require_logits()
    directory = saved("BertGeneration")  # causal by transformers' table
    assert load_model(manifest_of(directory, "encoder"), "cpu").architecture == "encoder"


def test_a_model_that_cannot_predict_is_refused_in_a_sentence(saved):
    marian = transformers.MarianConfig(**MARIAN)
    model = load_model(manifest_of(saved(Tiny("", lambda: marian))), "cpu")  # its decoder alone
    with pytest.raises(StudyError, match=r"models\.tiny: MarianForCausalLM cannot predict .*: IndexError: .*: encoder"):
        model.require_logits()


MARIAN = {  # whose past transformers gives as many layers as the encoder has
    **{"vocab_size": VOCABULARY, "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "pad_token_id": 0},
    **{"decoder_ffn_dim": 48, "decoder_attention_heads": 4, "max_position_embeddings": 256},
}


def test_a_causal_model_may_be_studied_without_its_head(saved):
    directory = saved("Llama")
    causal, encoder = (load_model(manifest_of(directory, kind), "cpu") for kind in ("causal", "encoder"))
    np.testing.assert_allclose(embed(encoder, ["A sentence.", "x"]), embed(causal, ["A sentence.", "x"]), atol=1e-5)
    assert encoder.manifest.sites == causal.manifest.sites


def test_remote_code_that_brings_its_head_is_causal():
    config = transformers.MistralConfig(architectures=["OwnModel"], tie_word_embeddings=False)
    assert architecture_of(config) == "encoder"
    config.auto_map = {"AutoModelForCausalLM": "modeling.OwnForGeneration"}
    assert architecture_of(config) == "causal"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, r"holds quantised weights \(gptq\)"),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            r"holds quantised weights \(bitsandbytes\)",
        ),
        ({"rope_parameters": {"rope_type": "unheard-of", "rope_theta": 1e4}}, "unheard-of"),
        ({"attn_implementation": "flash_attention_2", "_attn_implementation": "flash_attention_2"}, "[Ff]lash"),
    ],
    ids=["gptq", "bitsandbytes", "rotary positions", "flash attention"],
)
def test_what_cannot_be_built_is_refused_in_a_sentence(saved, changed, message):
    directory = saved("Llama")
    change_config(directory, **changed)
    with pytest.raises(StudyError, match=message) as refused:
        load_model(manifest_of(directory), "cpu")
    assert "\n" not in str(refused.value)


def test_tuples_in_place_of_named_outputs_are_not_asked_for(saved):
    directory = saved("Llama")
    expected = embed(load_model(manifest_of(directory), "cpu"), ["A sentence."])
    change_config(directory, return_dict=False)
    np.testing.assert_array_equal(embed(load_model(manifest_of(directory), "cpu"), ["A sentence."]), expected)


@pytest.mark.parametrize(("name", "kind"), [("MPT", "causal"), ("LED", "encoder_decoder"), ("GPT-2", "causal")])
def test_the_context_is_found_under_its_other_names(saved, name, kind):
    assert manifest_of(saved(name), kind).context == 256


def test_the_width_is_that_of_the_last_states(saved):
    model = load_model(manifest_of(saved("OPT-350m")), "cpu")
    assert model.manifest.width == 16
    assert [embed(model, ["A sentence."], layer=layer).shape[1] for layer in (0, 1, None)] == [32, 32, 16]


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin", "pytorch_lora_weights.safetensors"])
def test_an_adapter_is_said_and_alone_is_refused(saved, name):
    directory = saved("Llama")
    shutil.copy(directory / "model.safetensors", directory / name)
    assert manifest_of(directory).left_out == [f"{name}, an adapter beside the weights, is not applied"]
    (directory / "model.safetensors").unlink()
    with pytest.raises(StudyError, match=r"holds an adapter .* and no weights of a model; merge it"):
        manifest_of(directory)


def test_a_text_is_cut_off_at_its_end_whatever_the_tokenizer_says(saved):
    directory = saved("Llama")
    change_config(directory, "tokenizer_config.json", truncation_side="left")
    tokenizer = load_tokenizer(directory, trust_remote_code=False)
    assert tokenizer.decode(encode(tokenizer, ["beginning and end"], 10)[0]) == "<s>beginning"


def test_a_prefix_is_put_before_each_text_and_makes_another_model(saved):
    directory = saved("BERT")
    plain = load_model(manifest_of(directory, "encoder"), "cpu")
    prefixed = load_model(manifest_of(directory, "encoder", text_prefix="query: "), "cpu")
    assert prefixed.manifest.identity != plain.manifest.identity
    assert manifest_of(directory, "encoder").identity == plain.manifest.identity
    np.testing.assert_array_equal(embed(prefixed, ["One.", "Two."]), embed(plain, ["query: One.", "query: Two."]))
    _, (offsets,) = encode_with_offsets(prefixed, ["ab"], 20)
    assert offsets == [(0, 0)] * 8 + [(0, 1), (1, 2)]  # <s> and the prefix are of no character
    with pytest.raises(StudyError, match=r"models\.tiny\.text_prefix has \d+ tokens .*cut off after 8"):
        prefixed.encode(["One.", "Two."], 8)


@pytest.fixture
def translator(saved):
    """The directory of a tiny NLLB, whose tokenizer marks each text by its language."""
    directory = saved("M2M100, NLLB")
    for path in directory.glob("tokenizer*"):
        path.unlink()
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz.ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    tokenizer = transformers.NllbTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[])
    tokenizer.save_pretrained(directory)
    weights = load_file(directory / "model.safetensors")
    tables = {name: weight for name, weight in weights.items() if weight.shape == (VOCABULARY, 32)}
    grown = {name: torch.randn(len(tokenizer), 32, generator=torch.Generator().manual_seed(0)) for name in tables}
    save_file({**weights, **grown}, directory / "model.safetensors", {"format": "pt"})
    change_config(directory, vocab_size=len(tokenizer))
    return directory


def test_texts_are_marked_by_their_language(translator):
    plain = load_model(manifest_of(translator, "encoder_decoder"), "cpu")
    manifest = manifest_of(translator, "encoder_decoder", languages=["en", "es", "zh"])
    assert manifest.tags == {"en": "eng_Latn", "es": "spa_Latn", "zh": "zho_Hans"}
    model = load_model(manifest, "cpu")
    reference = transformers.AutoTokenizer.from_pretrained(translator)
    for language, tag in manifest.tags.items():
        reference.src_lang = tag
        assert model.encode(["Una casa."], 20, language) == [reference("Una casa.")["input_ids"]]
    english, spanish = (embed(model, ["Una casa."], language=language) for language in ("en", "es"))
    np.testing.assert_array_equal(english, embed(plain, ["Una casa."]))
    assert np.abs(spanish - english).max() > 1e-3
    assert (
        len({manifest.identity, manifest.identity_for("en"), manifest.identity_for("es"), plain.manifest.identity}) == 4
    )


def test_a_language_that_the_tokenizer_cannot_mark_is_refused(translator):
    unknown = LANGUAGES["en"].model_copy(update={"flores": "xxx_Latn", "iso639_3": "xxx"})
    model = ModelConfig(label="", path=str(translator), k=0, architecture="encoder_decoder")
    spec = Spec(name="tiny", model=model, directory=str(translator), sites="mlp", languages={"xx": unknown})
    with pytest.raises(StudyError, match="marks each text by its language and has no tag for xx"):
        describe(spec)


@pytest.mark.parametrize("first", ["<s>", "</s>"])
def test_what_stands_before_a_text_is_found_whatever_it_is_called(saved, first):
    """OPT and XGLM begin texts with what others end them with."""
    tokenizer_file = saved("XGLM") / "tokenizer.json"
    told = json.loads(tokenizer_file.read_text())
    told["post_processor"]["single"][0]["SpecialToken"]["id"] = first
    number = {"<s>": 1, "</s>": 2}[first]
    told["post_processor"]["special_tokens"] = {first: {"id": first, "ids": [number], "tokens": [first]}}
    tokenizer_file.write_text(json.dumps(told))
    model = load_model(manifest_of(tokenizer_file.parent), "cpu")
    assert texts_begin_with(model.tokenizer) == [number]
    (batch,) = batches(encode(model.tokenizer, ["A sentence."], 30), 100, model.pad_id)
    without = model.forward(batch)[0, 1:].mean(dim=0)
    np.testing.assert_allclose(embed(model, ["A sentence."], pooling="mean_without_bos")[0], without, atol=1e-5)
