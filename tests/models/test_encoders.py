"""Encoders, and that of an encoder-decoder, against transformers itself, one sentence at a time without padding."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
import yaml
from safetensors.torch import load_file, save_file
from tiny_encoders import FEED_FORWARD, LAYERS, POSITIONS, WIDTH, save_mt5, save_xlmr

from workflow_scripts.config.architectures import architecture_of
from workflow_scripts.config.models import ModelConfig
from workflow_scripts.embeddings.sentences import embed
from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import batches, encode
from workflow_scripts.models.describe_model import Spec, describe
from workflow_scripts.models.loading import backbone_of, drop_pooler, empty_model, load_model
from workflow_scripts.models.sites import count_neurons, find_sites, module_of_layer
from workflow_scripts.models.structure import context_of
from workflow_scripts.neurons.responses import ResponseRecorder

TEXTS = [
    "A short one.",
    "Ein etwas längerer Satz mit mehr Wörtern.",
    "Une phrase.",
    "x",
    "A sentence rather longer than the others, une phrase plus longue.",
    "Noch ein Satz.",
]
ARCHITECTURES = {"xlm-r": "encoder", "mt5": "encoder_decoder"}
STUDY = Path(__file__).parents[2] / "studies/encoders.yaml"


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders")
    return {"xlm-r": save_xlmr(folder / "xlm-r", TEXTS), "mt5": save_mt5(folder / "mt5", TEXTS)}


def manifest_of(directory, architecture):
    model = ModelConfig(label="", path=str(directory), k=0, architecture=architecture)
    return describe(Spec(name="tiny", model=model, directory=str(directory), sites="mlp"))


@pytest.fixture(params=ARCHITECTURES)
def pair(request, directories):
    """A model as the stages load it, and what transformers makes of its directory: encoder and tokenizer."""
    directory = directories[request.param]
    model = load_model(manifest_of(directory, ARCHITECTURES[request.param]), "cpu")
    if request.param == "mt5":
        reference = transformers.MT5Model.from_pretrained(directory).encoder
    else:
        reference = transformers.XLMRobertaForMaskedLM.from_pretrained(directory).roberta
    return model, reference.eval(), transformers.AutoTokenizer.from_pretrained(directory)


def one_by_one(reference, tokenizer, layer=None, **options):
    """Hidden states [tokens, d] of each text from transformers, with nothing else in the batch."""
    for text in TEXTS:
        with torch.inference_mode():
            output = reference(**tokenizer(text, return_tensors="pt", **options), output_hidden_states=True)
        yield (output.last_hidden_state if layer is None else output.hidden_states[layer])[0]


def means(states):
    return np.array([each.mean(dim=0).numpy() for each in states])


def last_feed_forward(reference):
    """The last layer of the last MLP, and its name inside the encoder."""
    named = {name: module for name, module in reference.named_modules() if isinstance(module, torch.nn.Linear)}
    name = [name for name in named if name.endswith(("output.dense", "wo")) and "attention" not in name][-1]
    return name, named[name]


@pytest.mark.parametrize("layer", [None, 0, 1])
def test_embeddings_are_means_over_the_tokens_of_transformers_alone(pair, layer):
    model, reference, tokenizer = pair
    expected = means(one_by_one(reference, tokenizer, layer))
    assert np.abs(expected - expected[0]).max() > 0.05  # sentences differ, so agreement means something
    found = embed(model, TEXTS, layer=layer)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for tokens in (1, 40):
        smaller = embed(model, TEXTS, layer=layer, tokens_per_batch=tokens)
        np.testing.assert_allclose(smaller, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("positions", ["all", "last"])
def test_an_intervention_is_what_a_hook_of_transformers_does(pair, positions):
    model, reference, tokenizer = pair
    name, module = last_feed_forward(reference)
    units, values = [0, 5, WIDTH - 1], [2.0, -3.0, 0.5]

    def force(module, inputs, output):
        changed = output[:, -1] if positions == "last" else output
        changed[..., units] = torch.tensor(values)

    plain = means(one_by_one(reference, tokenizer))
    with module.register_forward_hook(force):
        expected = means(one_by_one(reference, tokenizer))
    assert np.abs(expected - plain).max() > 0.01
    site = Site(module=name, width=WIDTH, units=units, parameters={"value": values})
    options = {"method": "force", "units": "expert", "k": len(units), "positions": positions}
    with steer(model, Condition(name="forced", model="tiny", sites=[site], **options)):
        found = embed(model, TEXTS)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embed(model, TEXTS), plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [1, "last"])
def test_a_changed_layer_is_what_a_hook_of_transformers_does(pair, layer):
    model, reference, tokenizer = pair
    name = module_of_layer(model.manifest.blocks, layer)
    offset = np.random.default_rng(0).normal(size=WIDTH)

    def add(module, inputs, output):
        states = output if isinstance(output, torch.Tensor) else output[0]
        states += torch.tensor(offset, dtype=torch.float32)

    plain = means(one_by_one(reference, tokenizer))
    with dict(reference.named_modules())[name].register_forward_hook(add):
        expected = means(one_by_one(reference, tokenizer))
    assert np.abs(expected - plain).max() > 0.01
    site = Site(module=name, width=WIDTH, units=list(range(WIDTH)), parameters={"shift": offset.tolist()})
    options = {"method": "mean_difference", "units": "layer", "k": WIDTH}
    with steer(model, Condition(name="moved", model="tiny", sites=[site], **options)):
        found = embed(model, TEXTS)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_responses_leave_padding_out(pair):
    model, reference, tokenizer = pair
    kept = {}
    modules = dict(reference.named_modules())
    for site in model.manifest.sites:
        modules[site.module].register_forward_hook(lambda *call, name=site.module: kept.update({name: call[2][0]}))
    expected = {"max": [], "mean": [], "last": []}
    for _ in one_by_one(reference, tokenizer):
        outputs = torch.cat([kept[site.module] for site in model.manifest.sites], dim=-1)
        for pooling, value in {"max": outputs.amax(0), "mean": outputs.mean(0), "last": outputs[-1]}.items():
            expected[pooling].append(value)
    token_ids = encode(model.tokenizer, TEXTS, 60)
    with ResponseRecorder(model, model.manifest.sites, list(expected)) as recorder:
        (batch,) = batches(token_ids, 1000, model.pad_id)
        found = recorder.forward(batch)
    assert batch.padded
    for pooling, rows in expected.items():
        in_order = torch.stack(rows)[batch.rows]
        np.testing.assert_allclose(found[pooling], in_order, rtol=1e-4, atol=1e-4)


def test_neurons_are_those_of_the_encoder_layers(pair):
    model, reference, _ = pair
    widths = [FEED_FORWARD, FEED_FORWARD, WIDTH] if model.architecture == "encoder_decoder" else [FEED_FORWARD, WIDTH]
    sites = model.manifest.sites
    expected = [(layer, width) for layer in range(LAYERS) for width in widths]
    assert [(site.layer, site.width) for site in sites] == expected
    assert [site.module for site in sites][-1] == last_feed_forward(reference)[0]
    assert not any("attention" in site.module.lower() for site in sites)
    held = {name.split(".")[0] for name, _ in model.model.named_parameters()}
    assert not held & {"decoder", "lm_head", "pooler"}


def test_the_first_token_is_left_out_where_there_is_one(pair, load, texts):
    model, reference, tokenizer = pair
    first = 1 if model.architecture == "encoder" else 0
    expected = means(each[first:] for each in one_by_one(reference, tokenizer))
    np.testing.assert_allclose(embed(model, TEXTS, pooling="mean_without_bos"), expected, rtol=1e-4, atol=1e-5)
    bert = load("bert")
    with_bos = embed(bert, texts, pooling="mean_without_bos")
    bert.tokenizer.bos_token, bert.tokenizer.cls_token = None, "<s>"
    assert bert.tokenizer.bos_token_id is None
    np.testing.assert_array_equal(embed(bert, texts, pooling="mean_without_bos"), with_bos)
    assert np.abs(embed(bert, texts) - with_bos).max() > 0.01


def test_a_sentence_takes_no_more_positions_than_there_are(directories):
    model = load_model(manifest_of(directories["xlm-r"], "encoder"), "cpu")
    assert model.manifest.context == POSITIONS - 2
    long = " ".join(TEXTS * 4)
    cut = model.tokenizer(long, truncation=True, max_length=POSITIONS - 2, return_tensors="pt")
    assert cut["input_ids"].shape[1] == POSITIONS - 2
    reference = transformers.XLMRobertaModel.from_pretrained(directories["xlm-r"]).eval()
    with torch.inference_mode():
        expected = reference(**cut).last_hidden_state[0].mean(dim=0)
    np.testing.assert_allclose(embed(model, [long, "x"])[0], expected, rtol=1e-4, atol=1e-5)
    assert manifest_of(directories["mt5"], "encoder_decoder").context is None


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_nothing_is_said_of_weights_that_nothing_needs(directories, caplog, capfd, name):
    with caplog.at_level("INFO"):
        load_model(manifest_of(directories[name], ARCHITECTURES[name]), "cpu")
    assert "UNEXPECTED" not in caplog.text + "".join(capfd.readouterr())


def test_what_was_saved_without_a_head_is_the_same_encoder(directories, tmp_path):
    plain = save_xlmr(tmp_path / "plain", TEXTS, head=False)
    weights = load_file(directories["xlm-r"] / "model.safetensors")
    kept = {name.removeprefix("roberta."): weight for name, weight in weights.items() if not name.startswith("lm_head")}
    save_file(kept, plain / "model.safetensors", {"format": "pt"})
    assert not any("pooler" in name for name in kept)  # which transformers would make of random numbers
    headless, whole = (load_model(manifest_of(path, "encoder"), "cpu") for path in (plain, directories["xlm-r"]))
    np.testing.assert_array_equal(embed(headless, TEXTS), embed(whole, TEXTS))


@pytest.mark.parametrize(
    ("name", "weight", "lacks"),
    [
        ("xlm-r", "roberta.encoder.layer.1.output.dense.bias", r"encoder\.layer\.1\.output\.dense\.bias"),
        ("mt5", "encoder.block.1.layer.1.DenseReluDense.wo.weight", r"encoder\.block\.1\.layer\.1\.DenseReluDense\.wo"),
        ("xlm-r", "lm_head.dense.weight", None),
        ("mt5", "decoder.block.1.layer.1.EncDecAttention.q.weight", None),
    ],
)
def test_a_weight_may_be_missing_only_where_nothing_needs_it(directories, tmp_path, name, weight, lacks):
    for path in directories[name].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights[weight]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    manifest = manifest_of(tmp_path, ARCHITECTURES[name])
    if lacks:
        with pytest.raises(StudyError, match=rf"lacks 1 weights, which would be random: {lacks}"):
            load_model(manifest, "cpu")
    else:
        assert embed(load_model(manifest, "cpu"), TEXTS).shape == (len(TEXTS), WIDTH)


@pytest.mark.parametrize(("name", "said"), [("xlm-r", "an encoder "), ("mt5", "an encoder-decoder, of which")])
def test_the_architecture_must_be_the_one_the_config_says(directories, name, said):
    message = rf"models\.tiny\.architecture is causal, but .* holds {said}.*set models\.tiny\.architecture: "
    with pytest.raises(StudyError, match=message + ARCHITECTURES[name]):
        manifest_of(directories[name], "causal")


def test_what_repeats_a_layer_is_refused(tmp_path, model_directory):
    sizes = {"hidden_size": 32, "embedding_size": 16, "intermediate_size": 48, "num_attention_heads": 4}
    config = transformers.AlbertConfig(vocab_size=300, num_hidden_layers=3, **sizes)
    transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((model_directory("bert") / name).read_bytes())
    with pytest.raises(StudyError, match="runs more than once in a pass through tiny"):
        manifest_of(tmp_path, "encoder")


@pytest.mark.parametrize(
    ("model_type", "modules"),
    [
        ("bert", ["encoder.layer.0.intermediate.dense", "encoder.layer.0.output.dense"]),
        ("deberta-v2", ["encoder.layer.0.intermediate.dense", "encoder.layer.0.output.dense"]),
        ("distilbert", ["transformer.layer.0.ffn.lin1", "transformer.layer.0.ffn.lin2"]),
        ("modernbert", ["layers.0.mlp.Wi", "layers.0.mlp.Wo"]),
        ("xlm", ["ffns.0.lin1", "ffns.0.lin2"]),
        ("xlm-roberta-xl", ["encoder.layer.0.intermediate.dense", "encoder.layer.0.output.dense"]),
    ],
)
def test_the_neurons_of_other_encoders_are_found(model_type, modules):
    config = transformers.AutoConfig.for_model(model_type)
    assert architecture_of(config) == "encoder"
    sites = find_sites(backbone_of(empty_model(config, False, "encoder"), "encoder"))
    assert [site.module for site in sites if site.layer == 0] == modules
    assert {site.layer for site in sites} == set(range(config.num_hidden_layers))


def test_the_study_of_encoders_knows_their_sizes():
    """Of the two checkpoints on the hub, by what their config.json says."""
    xlmr = {"vocab_size": 250002, "max_position_embeddings": 514, "type_vocab_size": 1}
    mt5 = {"vocab_size": 250112, "d_model": 768, "d_ff": 2048, "d_kv": 64, "num_layers": 12, "num_heads": 12}
    configs = {"xlm-r": transformers.XLMRobertaConfig(**xlmr), "mt5": transformers.MT5Config(**mt5)}
    classes = {"xlm-r": transformers.AutoModel, "mt5": transformers.AutoModelForSeq2SeqLM}
    # The checkpoint of mT5 has an LM head of its own, which transformers ties to the token embeddings on this device.
    beside = {"xlm-r": 0, "mt5": 250112 * 768}
    models = yaml.safe_load(STUDY.read_text())["models"]
    assert set(models) == set(configs)
    for name, config in configs.items():
        assert architecture_of(config) == models[name]["architecture"] == ARCHITECTURES[name]
        with torch.device("meta"):
            whole = classes[name].from_config(config)
        backbone = backbone_of(whole, ARCHITECTURES[name])
        drop_pooler(backbone, ARCHITECTURES[name])
        assert count_neurons(find_sites(backbone)) == models[name]["neurons"]
        parameters = whole.num_parameters() + beside[name]
        assert parameters / 1e9 == pytest.approx(models[name]["billion_parameters"], abs=6e-4)
        assert context_of(backbone) == {"xlm-r": 512, "mt5": None}[name]
