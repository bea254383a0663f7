"""Models: sites are found by rule, responses and embeddings do not depend on the batch, bad checkpoints are refused."""

import h5py
import numpy as np
import pytest
import torch

from workflow_scripts.embeddings.sentences import embed, embed_layers
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import batches, encode, run_halving, tokens_at_once
from workflow_scripts.models.loading import slow_on_this_processor
from workflow_scripts.models.sites import find_sites, neurons_by_name
from workflow_scripts.neurons.extraction import record
from workflow_scripts.neurons.responses import ResponseRecorder

ARCHITECTURES = ["bert", "bloom", "cohere", "gpt2", "llama", "mt5", "xlm-roberta"]
MLP_MODULES = {
    "bert": ["intermediate.dense", "output.dense"],
    "xlm-roberta": ["intermediate.dense", "output.dense"],
    "bloom": ["mlp.dense_h_to_4h", "mlp.dense_4h_to_h"],
    "gpt2": ["mlp.c_fc", "mlp.c_proj"],
    "llama": ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"],
    "cohere": ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"],
    "mt5": ["layer.1.DenseReluDense.wi_0", "layer.1.DenseReluDense.wi_1", "layer.1.DenseReluDense.wo"],
}


def one_by_one(model, texts):
    """Hidden states [tokens, d] of each text, alone in its batch."""
    for token_ids in encode(model.tokenizer, texts, 128):
        (batch,) = batches([token_ids], 10_000, model.pad_id)
        yield model.forward(batch)[0].float().numpy()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_mlp_linears_are_the_sites(load, architecture):
    sites = load(architecture).manifest.sites
    modules = [site.module.split(".1.", 1)[1] for site in sites if site.layer == 1]
    assert modules == MLP_MODULES[architecture]
    assert [site.offset for site in sites] == [sum(site.width for site in sites[:i]) for i in range(len(sites))]


def test_neurons_are_known_of_names_and_shapes_alone_or_said_to_be_unknown():
    mlp = {"model.layers.0.mlp.up_proj.weight": [48, 32], "model.layers.0.mlp.down_proj.weight": [32, 48]}
    assert (
        neurons_by_name({**mlp, "lm_head.weight": [500, 32], "model.layers.0.self_attn.q_proj.weight": [32, 32]}) == 80
    )
    assert neurons_by_name({"h.0.mlp.c_fc.weight": [32, 128], "h.0.mlp.c_fc.bias": [128]}) == 128  # the other way round
    assert neurons_by_name({**mlp, "model.layers.0.mlp.gate_proj.qweight": [4, 48]}) is None
    assert neurons_by_name({"h.0.attention.weight": [32, 32]}) is None


def test_all_linear_layers_and_patterns_can_be_sites(load):
    model = load("bloom")
    assert len(find_sites(model.backbone, "linear")) == 2 * 4
    assert [site.module for site in find_sites(model.backbone, ["*.dense"])] == [
        "h.0.self_attention.dense",
        "h.1.self_attention.dense",
    ]
    with pytest.raises(StudyError, match=r"no linear layer matches '\*\.gate_proj'"):
        find_sites(model.backbone, ["*.gate_proj"])


@pytest.mark.parametrize("options", [{}, {"pad": False}, {"padding_side": "left"}, {"bos": False}])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_embedding_does_not_depend_on_its_batch(load, texts, architecture, options):
    model = load(architecture, **options)
    alone = np.array([hidden.mean(axis=0) for hidden in one_by_one(model, texts)])
    together = embed(model, texts)
    assert np.abs(alone - alone[0]).max() > 0.05  # sentences differ, so agreement means something
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_responses_are_the_pooled_outputs_of_the_modules(load, texts, architecture):
    """Against each module's output, kept whole, of one sentence at a time."""
    model = load(architecture)
    kept = {}
    modules = dict(model.backbone.named_modules())
    handles = [
        modules[site.module].register_forward_hook(lambda *call, name=site.module: kept.update({name: call[2][0]}))
        for site in model.manifest.sites
    ]
    expected = {"max": [], "mean": [], "last": []}
    for _ in one_by_one(model, texts):
        outputs = torch.cat([kept[site.module] for site in model.manifest.sites], dim=1)
        expected["max"].append(outputs.amax(0))
        expected["mean"].append(outputs.mean(0))
        expected["last"].append(outputs[-1])
    for handle in handles:
        handle.remove()

    found = {name: np.empty((len(texts), model.manifest.neurons), np.float32) for name in expected}
    with ResponseRecorder(model, model.manifest.sites, list(expected)) as recorder, torch.inference_mode():
        for batch in batches(encode(model.tokenizer, texts, 128), 200, model.pad_id):
            for name, responses in recorder.forward(batch).items():
                found[name][batch.rows] = responses
    for name, rows in expected.items():
        np.testing.assert_allclose(found[name], torch.stack(rows), rtol=1e-4, atol=1e-4)
    assert not any(module._forward_hooks for module in model.backbone.modules())


@pytest.mark.parametrize("tokens_per_batch", [100, 200, 350])
def test_equal_sentences_have_equal_responses_whatever_their_batches(load, tmp_path, tokens_per_batch):
    model = load("llama")
    others = [f"Sentence {number} is {'very ' * (number % 5)}long." for number in range(30)]
    texts = [*others, *["The same one."] * 5, *[f"Other {number}." for number in range(9)], *["The same one."] * 3]
    with h5py.File(tmp_path / "cell.h5", "w") as cell:
        record(cell, model, texts, ["max", "mean"], 128, "float32", tokens_per_batch, "recording")
        rows, tokens = cell["row"][:], cell["tokens"][:]
        responses = {pooling: cell[pooling][:][np.argsort(rows)] for pooling in ("max", "mean")}
    assert sorted(rows) == list(range(len(texts)))
    assert list(tokens) == [len(model.encode([texts[row]], 128)[0]) for row in rows]
    same = [row for row, text in enumerate(texts) if text == "The same one."]
    for of_texts in responses.values():
        assert (of_texts[same] == of_texts[same[0]]).all()
    with ResponseRecorder(model, model.manifest.sites, ["max"]) as recorder, torch.inference_mode():
        for row in (0, 7, same[0], same[-1], 38):
            (batch,) = batches(model.encode([texts[row]], 128), 1000, model.pad_id)
            np.testing.assert_allclose(responses["max"][row], recorder.forward(batch)["max"][0], rtol=1e-4, atol=1e-5)


def test_a_gpt2_mlp_by_hand(load):
    """The recorded response of GPT-2's first MLP layer, from its weights: Conv1D computes x W + b."""
    model = load("gpt2")
    block = model.backbone.h[0]
    token_ids = torch.tensor([[1, 50, 60, 70]])
    with torch.inference_mode():
        x = model.backbone.wte(token_ids) + model.backbone.wpe(torch.arange(4))
        x = x + block.attn(block.ln_1(x))[0]
        by_hand = (block.ln_2(x) @ block.mlp.c_fc.weight + block.mlp.c_fc.bias)[0].amax(0)
        (batch,) = batches(token_ids.tolist(), 100, model.pad_id)
        with ResponseRecorder(model, model.manifest.sites[:1], ["max"]) as recorder:
            recorded = recorder.forward(batch)["max"][0]
    torch.testing.assert_close(recorded, by_hand, rtol=1e-4, atol=1e-4)


def test_embeddings_of_other_kinds(load, texts):
    model = load("llama")
    hidden = list(one_by_one(model, texts))
    np.testing.assert_allclose(embed(model, texts, pooling="last"), [h[-1] for h in hidden], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        embed(model, texts, pooling="mean_without_bos"), [h[1:].mean(0) for h in hidden], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("architecture", ["bloom", "llama", "mt5"])
def test_layers_are_the_states_after_so_many_blocks_in_one_pass(load, texts, architecture, monkeypatch):
    model = load(architecture)
    blocks = {"bloom": "h", "llama": "layers", "mt5": "block"}[architecture]
    states = []
    with torch.inference_mode():
        for ids in encode(model.tokenizer, texts, 100):
            seen = []
            taps = [
                block.register_forward_pre_hook(lambda module, given, seen=seen: seen.append(given[0][0].mean(0)))
                for block in getattr(model.backbone, blocks)
            ]
            (batch,) = batches([ids], 1000, model.pad_id)
            seen.append(model.forward(batch)[0].mean(0))
            states.append([state.numpy() for state in seen])
            for tap in taps:
                tap.remove()
    passes = []
    model.backbone.register_forward_pre_hook(lambda *call: passes.append(call))
    found = embed_layers(model, texts, [1, None, 0], tokens_per_batch=10_000)
    assert len(passes) == 1
    for embeddings, place in zip(found, (1, 2, 0), strict=True):
        np.testing.assert_allclose(embeddings, [sentence[place] for sentence in states], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found[0], embed(model, texts, 1, tokens_per_batch=10_000))
    np.testing.assert_array_equal(
        found[1], embed(model, texts, 2, tokens_per_batch=10_000)
    )  # after the final norm, too
    with pytest.raises(StudyError, match=r"there is no layer 3: tiny has layers 0 to 2; correct models\.tiny\.layers"):
        embed_layers(model, texts, [1, 3])


def test_batches_hold_every_sentence_once_within_the_budget():
    lengths = [3, 50, 7, 7, 1, 20, 64, 5]
    made = list(batches([[9] * length for length in lengths], 64, pad_id=0))
    assert sorted(row for batch in made for row in batch.rows) == list(range(len(lengths)))
    assert all(batch.token_ids.numel() <= 64 for batch in made)
    assert [batch.lengths.max() for batch in made] == sorted((batch.lengths.max() for batch in made), reverse=True)
    assert all(batch.padded == bool((batch.token_ids == 0).any()) for batch in made)
    assert all(batch.shortest == batch.lengths.min() for batch in made)
    assert [len(batch.rows) for batch in batches([[9] * length for length in lengths], 64, 0, 3)] == [1, 1, 3, 3]


def test_a_cpu_is_given_small_batches_and_other_devices_what_is_asked():
    assert tokens_at_once(100, torch.device("cpu")) == 100
    assert 512 <= tokens_at_once(10**9, torch.device("cpu")) < 10**9
    assert tokens_at_once(10**9, torch.device("meta")) == 10**9


def test_out_of_memory_halves_the_batch_and_goes_on():
    (batch,) = batches([[1] * length for length in (4, 3, 3, 2, 1)], 100, pad_id=0)
    seen = []

    def forward(part):
        if len(part.rows) > 2:
            raise torch.OutOfMemoryError("out of memory")
        seen.extend(zip(part.rows, part.lengths.tolist(), strict=True))

    run_halving(forward, batch)
    assert seen == list(zip(batch.rows, batch.lengths.tolist(), strict=True))
    with pytest.raises(StudyError, match="one sentence of 4 tokens does not fit"):
        run_halving(lambda part: (_ for _ in ()).throw(torch.OutOfMemoryError("no")), batch)


@pytest.mark.parametrize(
    ("device", "dtype", "capabilities", "slow"),
    [
        ("cpu", "bfloat16", {"avx2": True, "avx512_bf16": False}, True),
        ("cpu", "bfloat16", {"avx512_f": True, "amx_bf16": True}, False),
        ("cpu", "bfloat16", {"neon": True, "bf16": True}, False),
        ("cpu", "float32", {"avx2": True}, False),
        ("cuda", "bfloat16", {"avx2": True}, False),
    ],
)
def test_a_processor_without_bfloat16_is_said_to_be_faster_in_float32(device, dtype, capabilities, slow):
    said = slow_on_this_processor(device, dtype, capabilities)
    assert (said is not None and "float32 is faster" in said) if slow else said is None
