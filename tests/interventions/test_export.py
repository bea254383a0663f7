"""A condition as weights: plain transformers gives of the export what the steered model gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from workflow_scripts import embed, export_model, steer, write_condition, write_steering_vector
from workflow_scripts.conditions import export_model as export_stage
from workflow_scripts.interventions.conditions import Condition, Site, read_condition
from workflow_scripts.interventions.method import LayerStatistics, UnitStatistics
from workflow_scripts.interventions.registry import parameters_of
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.adoption import adopt
from workflow_scripts.models.manifests import write_manifest
from workflow_scripts.models.sites import module_of_layer

SMALL = dict(vocab_size=259, pad_token_id=0, bos_token_id=1, eos_token_id=2)
WIDE = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
CONFIGS = {
    "bloom": dict(hidden_size=32, n_layer=2, n_head=4),
    "gpt2": dict(n_embd=32, n_layer=2, n_head=4, n_positions=128),
    "opt": dict(hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=32),
    "gpt_neox": dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4),
    "llama": WIDE,
    "granite": WIDE,
    "cohere": WIDE,
    "gemma": {**WIDE, "head_dim": 8},
    "gemma2": {**WIDE, "head_dim": 8},
    "xlm-roberta": {**WIDE, "max_position_embeddings": 129},
    "mt5": dict(d_model=32, d_ff=48, d_kv=8, num_layers=2, num_heads=4),
}
WITH_BIAS = ["bloom", "gpt2", "opt", "gpt_neox", "llama", "granite", "xlm-roberta"]
TEXTS = ["A short one.", "Ein etwas längerer Satz.", "短い文。"]


@pytest.fixture
def make(model_directory):
    """Makes a model of an architecture with random weights, and gives it with a tokenizer of bytes."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_directory("bloom"))

    def make(architecture, **changes):
        config = transformers.AutoConfig.for_model(architecture, **SMALL, **{**CONFIGS[architecture], **changes})
        auto = {"xlm-roberta": transformers.AutoModelForMaskedLM, "mt5": transformers.AutoModelForSeq2SeqLM}
        torch.manual_seed(0)
        model = auto.get(architecture, transformers.AutoModelForCausalLM).from_config(config)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, *((0.0, 0.2) if weight.dim() > 1 else (1.0, 0.1)))
        return model.eval(), tokenizer

    return make


def by_method(model, method, strength=1.0, settings=None) -> Condition:
    """A condition that changes three units of every site by a method, as the stages make its parameters."""
    draw, sites = np.random.default_rng(0), []
    for site in adopt(model).manifest.sites:
        statistics = UnitStatistics(
            expertise=np.array([0.9, 0.5, 0.7]),
            forced_value=np.array([1.5, -2.0, 0.25]),
            responses_to_target=draw.normal(2, 1, size=(6, 3)),
            responses_to_others=draw.normal(0, 3, size=(8, 3)),
        )
        parameters = parameters_of(method, strength, statistics, settings)
        stored = {name: values.tolist() for name, values in parameters.items()}
        sites.append(Site(module=site.module, width=site.width, units=[0, 5, site.width - 1], parameters=stored))
    return Condition(name="es", model="tiny", method=method, units="expert", k=3 * len(sites), sites=sites)


def on_layer(model, layer, method="mean_difference", strength=1.0) -> Condition:
    adopted, draw = adopt(model), np.random.default_rng(0)
    width = adopted.manifest.width
    target, others, *languages = draw.normal(size=(4, width))
    stored = parameters_of(method, strength, LayerStatistics(target, others, np.stack(languages)))
    site = Site(
        module=module_of_layer(adopted.manifest.blocks, layer), width=width, units=list(range(width)),
        parameters={name: values.tolist() for name, values in stored.items()},
    )  # fmt: skip
    return Condition(name="es-layer", model="tiny", method=method, units="layer", k=width, sites=[site])


def outputs(model) -> torch.Tensor:
    """Logits of a batch by the model itself, padded as a tokenizer pads."""
    ids = torch.tensor([[1, 40, 50, 60, 70], [1, 41, 51, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    decoder = {"decoder_input_ids": ids[:, :2]} if model.config.is_encoder_decoder else {}
    with torch.inference_mode():
        logits = model(input_ids=ids, attention_mask=mask, **decoder).logits
    return logits if decoder else logits[mask == 1]


def assert_exported(model, tokenizer, condition, directory) -> None:
    """That plain transformers makes of the directory what the hooks make of the model, whose own weights stay."""
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    config = model.config.to_dict()
    before = outputs(model)
    with steer(model, condition):
        logits, embeddings = outputs(model), embed(model, tokenizer, TEXTS)
    assert (logits - before).abs().max() > 1e-2
    export_model(model, condition, directory, tokenizer)
    assert torch.equal(outputs(model), before)
    assert model.config.to_dict() == config and model.state_dict().keys() == weights.keys()
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    exported, loading = type(model).from_pretrained(directory, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    scale = float(logits.abs().max())
    torch.testing.assert_close(outputs(exported), logits, rtol=1e-4, atol=1e-5 * scale)
    own_tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    np.testing.assert_allclose(embed(exported, own_tokenizer, TEXTS), embeddings, rtol=1e-4, atol=1e-4)
    assert read_condition(directory / "condition.json") == condition


@pytest.mark.parametrize(
    ("method", "strength", "settings"),
    [
        ("force", 1.0, None),
        ("force", 0.6, None),
        ("damp", 0.5, None),
        ("aura", 1.0, None),
        ("linear_act", 1.0, {"support": "all"}),
        ("linear_act", 1.5, {"support": "all"}),
    ],
)
@pytest.mark.parametrize("architecture", WITH_BIAS)
def test_the_export_is_the_steered_model(make, tmp_path, architecture, method, strength, settings):
    model, tokenizer = make(architecture)
    assert_exported(model, tokenizer, by_method(model, method, strength, settings), tmp_path / "export")


@pytest.mark.parametrize("layer", [1, "last"])
@pytest.mark.parametrize("architecture", ["bloom", "gpt2", "opt", "gpt_neox", "llama", "xlm-roberta"])
def test_a_mean_difference_is_a_bias_of_what_the_layer_computes_last(make, tmp_path, architecture, layer):
    model, tokenizer = make(architecture)
    condition = on_layer(model, layer, strength=2.5)
    if (architecture, layer) == ("llama", "last"):
        with pytest.raises(StudyError, match="ends its last layer with norm, a LlamaRMSNorm without bias"):
            export_model(model, condition, tmp_path / "export")
        return
    assert_exported(model, tokenizer, condition, tmp_path / "export")


@pytest.mark.parametrize("architecture", ["cohere", "gemma", "mt5"])
def test_where_there_is_no_bias_scaling_alone_is_exported(make, tmp_path, architecture):
    model, tokenizer = make(architecture)
    assert_exported(model, tokenizer, by_method(model, "aura"), tmp_path / "aura")
    for condition in (by_method(model, "force"), by_method(model, "linear_act", settings={"support": "all"})):
        with pytest.raises(StudyError, match="have no bias there, nor does its config give them any"):
            export_model(model, condition, tmp_path / "export")
    with pytest.raises(StudyError, match="have no bias there"):
        export_model(model, on_layer(model, 1), tmp_path / "export")
    assert [path.name for path in tmp_path.iterdir()] == ["aura"]


def test_a_layer_that_does_more_than_add_is_refused(make, tmp_path):
    """Gemma 2 norms what its MLP puts out; Granite, here, scales it by 0.1 before it is added."""
    gemma, _ = make("gemma2")
    with pytest.raises(StudyError, match="post_feedforward_layernorm, a Gemma2RMSNorm without bias"):
        export_model(gemma, on_layer(gemma, 1), tmp_path / "export")
    granite, _ = make("granite", residual_multiplier=0.1)
    with pytest.raises(StudyError, match="does more with what these layers put out than to add it"):
        export_model(granite, on_layer(granite, 1), tmp_path / "export")
    assert not list(tmp_path.iterdir())


def test_what_weights_cannot_do_is_refused(make, tmp_path):
    model, _ = make("bloom")
    last = replace(by_method(model, "force"), positions="last")
    with pytest.raises(StudyError, match="changes the last position alone"):
        export_model(model, last, tmp_path / "export")
    with pytest.raises(StudyError, match=r"linear_act does not map each unit .* by one line.*support: all"):
        export_model(model, by_method(model, "linear_act"), tmp_path / "export")
    with pytest.raises(StudyError, match="language_projection does not map each unit of the last layer by one line"):
        export_model(model, on_layer(model, "last", "language_projection"), tmp_path / "export")
    other, _ = make("llama")
    with pytest.raises(StudyError, match="made for another model"):
        export_model(model, by_method(other, "force"), tmp_path / "export")
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "notes.txt").write_text("mine")
    with pytest.raises(StudyError, match="export is there already"):
        export_model(model, by_method(model, "force"), tmp_path / "export")
    assert [path.name for path in tmp_path.rglob("*")] == ["export", "notes.txt"]


def test_half_precision_is_exported_up_to_its_rounding(make, tmp_path):
    model, tokenizer = make("llama")
    model = model.to(torch.bfloat16)
    condition = by_method(model, "force")
    with steer(model, condition):
        steered = embed(model, tokenizer, TEXTS)
    export_model(model, condition, tmp_path / "export", tokenizer)
    exported = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "export")
    assert exported.dtype == torch.bfloat16 and exported.config.mlp_bias
    np.testing.assert_allclose(embed(exported, tokenizer, TEXTS), steered, atol=0.02 * np.abs(steered).max())


def test_the_base_condition_is_exported_as_the_model_itself(make, tmp_path):
    model, _ = make("llama")
    export_model(model, Condition(name="base", model="tiny"), tmp_path / "export")
    exported = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "export")
    assert torch.equal(outputs(exported), outputs(model))


def test_the_stage_writes_what_the_function_writes(load, tmp_path):
    loaded = load("gpt2")
    condition = by_method(loaded.model, "force")
    write_manifest(tmp_path / "model.json", loaded.manifest)
    write_condition(tmp_path / "condition.json", condition)
    files = ["--model", str(tmp_path / "model.json"), "--condition", str(tmp_path / "condition.json")]
    export_stage.main(["--spec", "{}", *files, "--checkpoint", str(tmp_path / "export")])
    exported = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "export")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "export")
    with steer(loaded.model, condition):
        expected = embed(loaded.model, loaded.tokenizer, TEXTS)
    np.testing.assert_allclose(embed(exported, tokenizer, TEXTS), expected, rtol=1e-4, atol=1e-4)


def test_a_steering_vector_does_in_a_hook_that_adds_what_the_condition_does(make, tmp_path):
    """The file of lm-evaluation-harness: hook points by module name of `base_model`, read with weights_only."""
    model, _ = make("gemma")
    condition = on_layer(model, 1, strength=2.5)
    write_steering_vector(condition, tmp_path / "es.pt")
    held = torch.load(tmp_path / "es.pt", weights_only=True)
    ((name, told),) = held.items()
    assert name == "layers.0" and told["action"] == "add" and told["bias"] is None
    with steer(model, condition):
        expected = outputs(model)

    def add(module, inputs, output):
        return output + told["steering_coefficient"] * told["steering_vector"]

    with dict(model.base_model.named_modules())[name].register_forward_hook(add):
        torch.testing.assert_close(outputs(model), expected)
    for other in (by_method(model, "force"), on_layer(model, "last"), replace(condition, positions="last")):
        with pytest.raises(StudyError, match=r"does not add a vector to one layer|last position alone"):
            write_steering_vector(other, tmp_path / "other.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["es.pt"]
