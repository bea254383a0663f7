"""Interventions: what a condition does to a model while it is applied, and that nothing remains after."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import OPTConfig, OPTForCausalLM

from workflow_scripts.embeddings.sentences import embed
from workflow_scripts.interventions.conditions import Condition, Site, read_condition, write_condition
from workflow_scripts.interventions.hooks import steer, steer_by_row
from workflow_scripts.interventions.linear_act import transport_line
from workflow_scripts.interventions.method import LayerStatistics, UnitStatistics
from workflow_scripts.interventions.registry import get_method, method_module, methods, parameters_of
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.fingerprint import fingerprint
from workflow_scripts.models.adoption import adopt
from workflow_scripts.models.batching import batches
from workflow_scripts.models.sites import changed_layer, module_of_layer

ROOT = Path(__file__).parents[2]
ARCHITECTURES = ["bloom", "cohere", "gpt2", "llama", "mt5"]


def force(site, units, values, **fields) -> Condition:
    sites = [Site(module=site.module, width=site.width, units=units, parameters={"value": values})]
    return Condition(name="test", model="tiny", method="force", units="expert", k=len(units), sites=sites, **fields)


def by(method, site, units, statistics, strength=1.0, **fields) -> Condition:
    """The condition of a method, its parameters made as the stage makes them."""
    parameters = parameters_of(method, strength, statistics)
    stored = {name: values.tolist() for name, values in parameters.items()}
    sites = [Site(module=site.module, width=site.width, units=units, parameters=stored)]
    return Condition(name="test", model="tiny", method=method, units="expert", k=len(units), sites=sites, **fields)


def outputs(model, module_name, token_ids, condition):
    """What a module puts out, and the model's hidden states, under a condition; the module's hook runs last."""
    kept = []
    (batch,) = batches(token_ids, 1000, model.pad_id)
    module = dict(model.backbone.named_modules())[module_name]
    handle = module.register_forward_hook(lambda *call: kept.append(call[2].clone()))
    with steer(model, condition):
        hidden = model.forward(batch)
    handle.remove()
    return kept[0], hidden


def test_the_last_token_of_a_row_where_a_module_lays_all_rows_out_in_one_dimension():
    sizes = {"hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(0)
    config = OPTConfig(vocab_size=60, word_embed_proj_dim=32, max_position_embeddings=32, pad_token_id=0, **sizes)
    model = OPTForCausalLM(config).eval()
    sentences = [[5, 9, 11, 40], [7, 8], [20, 21, 22]]
    batch = torch.tensor([each + [0] * (4 - len(each)) for each in sentences])
    mask = (batch != 0).long()
    (site,) = [site for site in adopt(model).manifest.sites if site.module == "decoder.layers.0.fc1"]
    condition = force(site, [2, 5], [3.0, -4.0], positions="last")

    def change(module, inputs, output):
        assert output.dim() == 2  # which is what this is about
        output[-1, [2, 5]] = torch.tensor([3.0, -4.0])

    with torch.inference_mode():
        with model.model.decoder.layers[0].fc1.register_forward_hook(change):
            expected = [model(torch.tensor([each])).logits[0] for each in sentences]
        with steer(model, condition):
            found = model(batch, attention_mask=mask).logits
        plain = model(batch, attention_mask=mask).logits
    for row, each in enumerate(expected):
        torch.testing.assert_close(found[row, : len(each)], each, rtol=1e-4, atol=1e-5)
        assert (found[row, len(each) - 1] - plain[row, len(each) - 1]).abs().max() > 1e-3


def test_a_condition_on_a_layer_of_another_width_is_refused(load, texts):
    model = load("llama")
    width = model.manifest.width + 1
    for module in (module_of_layer(model.manifest.blocks, 1), ""):
        site = Site(module=module, width=width, units=list(range(width)), parameters={"shift": [0.0] * width})
        named = dict(name="l", model="tiny", method="mean_difference", units="layer", k=width, sites=[site])
        message = f"changes {width} units of .*made for another model"
        with pytest.raises(StudyError, match=message), steer(model, Condition(**named)):
            embed(model, texts)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_units_is_the_base_model_bit_for_bit(load, texts, architecture):
    model = load(architecture)
    base = embed(model, texts)
    with steer(model, Condition(name="base", model="tiny")):
        assert np.array_equal(embed(model, texts), base)
    with steer(model, force(model.manifest.sites[0], [], [])):
        assert np.array_equal(embed(model, texts), base)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_forced_units_have_their_value_at_every_position_and_others_are_untouched(load, architecture):
    model = load(architecture)
    site, token_ids = model.manifest.sites[0], [[1, 40, 50, 60], [1, 41, 51]]
    before, hidden_before = outputs(model, site.module, token_ids, Condition(name="base", model="tiny"))
    after, hidden_after = outputs(model, site.module, token_ids, force(site, [2, 5], [0.25, -3.0]))
    assert (after[..., 2] == 0.25).all()
    assert (after[..., 5] == -3.0).all()
    others = [unit for unit in range(site.width) if unit not in (2, 5)]
    assert torch.equal(after[..., others], before[..., others])
    assert (hidden_after - hidden_before).abs().max() > 1e-4


def test_the_effect_equals_a_model_whose_weights_force_the_unit(load, texts):
    """Zeroing a unit's weights and putting the value in its bias is the same intervention, done by hand."""
    value = 1.5
    by_hooks = load("gpt2")
    site = by_hooks.manifest.sites[0]
    with steer(by_hooks, force(site, [7], [value])):
        intervened = embed(by_hooks, texts)
    by_hand = load("gpt2")
    layer = by_hand.backbone.h[0].mlp.c_fc
    layer.weight[:, 7], layer.bias[7] = 0, value
    np.testing.assert_allclose(intervened, embed(by_hand, texts), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("positions", ["all", "last"])
def test_a_method_may_build_on_the_old_activations(load, monkeypatch, positions):
    """Dampening, the parameter's part of what was there: the other positions and units stay as they were."""
    monkeypatch.setattr(get_method("force"), "transform", lambda activations, value: activations * value)
    model = load("llama")
    site, token_ids = model.manifest.sites[1], [[1, 40, 50, 60], [1, 41]]
    before, _ = outputs(model, site.module, token_ids, Condition(name="base", model="tiny"))
    after, _ = outputs(model, site.module, token_ids, force(site, [1, 4, 6], [0.5, 0.0, -2.0], positions=positions))
    factors = torch.ones_like(before)
    for unit, factor in [(1, 0.5), (4, 0.0), (6, -2.0)]:
        if positions == "all":
            factors[:, :, unit] = factor
        else:
            factors[0, 3, unit] = factors[1, 1, unit] = factor
    assert torch.equal(after, before * factors)


@pytest.mark.parametrize("positions", ["all", "last"])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 1.7, -1.0])
@pytest.mark.parametrize("method", ["force", "damp", "aura"])
def test_a_method_does_at_any_strength_what_its_formula_says(load, method, strength, positions):
    """Unit by unit and position by position, from the activations without the intervention."""
    model = load("llama")
    site, token_ids, units = model.manifest.sites[1], [[1, 40, 50, 60], [1, 41]], [1, 4, 6]
    statistics = UnitStatistics(expertise=np.array([0.9, 0.5, 0.2]), forced_value=np.array([2.0, -1.0, 0.5]))
    condition = by(method, site, units, statistics, strength, positions=positions)
    before, _ = outputs(model, site.module, token_ids, Condition(name="base", model="tiny"))
    after, _ = outputs(model, site.module, token_ids, condition)
    expected = before.double().numpy()
    for place, unit in enumerate(units):
        auroc, value = statistics.expertise[place], statistics.forced_value[place]
        for row, length in enumerate(map(len, token_ids)):
            for position in range(expected.shape[1]) if positions == "all" else [length - 1]:
                old = expected[row, position, unit]
                alpha = 1 - 2 * (auroc - 0.5) if auroc > 0.5 else 1.0
                new = {"force": value, "damp": 0.0, "aura": alpha * old}[method]
                expected[row, position, unit] = (1 - strength) * old + strength * new
    np.testing.assert_allclose(after.numpy(), expected, rtol=1e-5, atol=1e-6)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32 - 1), st.booleans())
def test_linear_transport_is_the_line_through_all_pairs_of_equal_rank(n, m, seed, ties):
    """Each sample repeated until both are of one size, sorted, and a line fitted to the pairs."""
    draw = np.random.default_rng(seed)
    source, target = (draw.integers(0, 3, (size, 2)) if ties else draw.normal(size=(size, 2)) for size in (n, m))
    slope, offset = transport_line(source, target)
    for unit in range(2):
        x, y = np.sort(np.repeat(source[:, unit], m)), np.sort(np.repeat(target[:, unit], n))
        expected = [1.0, y.mean() - x.mean()] if x[0] == x[-1] else np.polyfit(x, y, 1)
        np.testing.assert_allclose([slope[unit], offset[unit]], expected, rtol=1e-7, atol=1e-7)


def test_linear_transport_moves_what_is_in_the_range_of_the_source_alone():
    source, target = np.array([[0.0], [1.0], [2.0]]), np.array([[5.0], [1.0], [3.0]])
    statistics = UnitStatistics(np.zeros(1), np.zeros(1), responses_to_target=target, responses_to_others=source)
    stored = parameters_of("linear_act", 0.5, statistics)
    parameters = {name: torch.tensor(values) for name, values in stored.items()}
    old = torch.tensor([[-0.1], [0.0], [1.5], [2.0], [2.1]], dtype=torch.float64)
    new = get_method("linear_act").apply(old, **parameters)  # half the way to 2a + 1
    np.testing.assert_allclose(new[:, 0], [-0.1, 0.5, 2.75, 3.5, 2.1], atol=1e-12)


def test_damping_silences_a_perfect_expert_and_leaves_one_at_chance():
    statistics = UnitStatistics(expertise=np.array([1.0, 0.75, 0.5, 0.0]), forced_value=np.zeros(4))
    assert parameters_of("aura", 1.0, statistics)["factor"].tolist() == [0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("method", ["damp", "aura"])
def test_rows_under_damping_conditions_are_changed_as_each_alone(load, method):
    model = load("bloom")
    site, token_ids = model.manifest.sites[0], [[1, 40, 50], [1, 41, 52], [1, 42, 51]]
    base = Condition(name="base", model="tiny")
    statistics = UnitStatistics(expertise=np.array([0.9, 0.7]), forced_value=np.zeros(2))
    conditions = [base, *(by(method, site, units, statistics, 0.5) for units in ([1, 4], [4, 9]))]
    (batch,) = batches(token_ids, 1000, model.pad_id)
    with steer_by_row(model, conditions, torch.tensor([2, 0, 1])):
        together = model.forward(batch)
    for row, condition in enumerate([conditions[2], conditions[0], conditions[1]]):
        with steer(model, condition):
            torch.testing.assert_close(together[row], model.forward(batch)[row], rtol=1e-5, atol=1e-6)


def test_rows_share_a_batch_at_several_strengths(load):
    model = load("bloom")
    statistics = UnitStatistics(expertise=np.array([0.9]), forced_value=np.zeros(1))
    conditions = [by("damp", model.manifest.sites[0], [1], statistics, strength) for strength in (1.0, 0.5)]
    (batch,) = batches([[1, 40, 50], [1, 41, 52]], 1000, model.pad_id)
    with steer_by_row(model, conditions, torch.tensor([0, 1])):
        together = model.forward(batch)
    for row, condition in enumerate(conditions):
        with steer(model, condition):
            torch.testing.assert_close(together[row], model.forward(batch)[row], rtol=1e-5, atol=1e-6)


def test_conditions_with_other_parameters_cannot_share_a_batch(load):
    model = load("bloom")
    site = model.manifest.sites[0]
    conditions = [
        Condition(
            name="test", model="tiny", method="force", units="expert", k=1,
            sites=[Site(module=site.module, width=site.width, units=[1], parameters={name: [0.0]})],
        )
        for name in ("value", "other")
    ]  # fmt: skip
    with (
        pytest.raises(StudyError, match="other parameters cannot share a batch"),
        steer_by_row(model, conditions, torch.tensor([0, 1])),
    ):
        pass


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_projection_of_the_last_layer_projects_embeddings_and_makes_language_means_one(load, architecture):
    """Against a least-squares fit of each embedding by the differences of the means, subtracted."""
    model, draw = load(architecture), np.random.default_rng(0)
    (batch,) = batches([[1, 40, 50, 60], [1, 41, 51], [1, 42]], 1000, model.pad_id)
    before = model.forward(batch).double().numpy()
    means = draw.normal(size=(3, model.manifest.width))
    statistics = LayerStatistics(means[0], means[1:].mean(axis=0), means)
    stored = parameters_of("language_projection", 1.0, statistics)
    assert len(stored) == 2
    width = model.manifest.width
    site = Site(
        module=module_of_layer(model.manifest.blocks, "last"), width=width, units=list(range(width)),
        parameters={name: values.tolist() for name, values in stored.items()},
    )  # fmt: skip
    named = dict(name="es-layer-p", model="tiny", method="language_projection", units="layer", k=width)
    condition = Condition(**named, sites=[site])
    with steer(model, condition):
        after = model.forward(batch).double().numpy()
    with steer_by_row(model, [Condition(name="base", model="tiny"), condition], torch.tensor([1, 0, 1])):
        by_row = model.forward(batch).double().numpy()
    differences = (means[1:] - means[0]).T
    fitted = differences @ np.linalg.lstsq(differences, before.reshape(-1, width).T)[0]
    expected = before - fitted.T.reshape(before.shape)
    np.testing.assert_allclose(after, expected, atol=1e-5)
    for row, whole in enumerate([after, before, after]):
        length = int(batch.lengths[row])
        np.testing.assert_allclose(by_row[row, :length], whole[row, :length], atol=1e-6)
    projected = get_method("language_projection").apply(
        torch.tensor(means), **{name: torch.tensor(values) for name, values in stored.items()}
    )
    np.testing.assert_allclose(projected[1:], projected[:1].expand(2, -1), atol=1e-9)


@pytest.mark.parametrize("positions", ["all", "last"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_mean_difference_moves_the_states_of_a_layer_and_of_no_layer_before(load, architecture, positions):
    model = load(architecture)
    (batch,) = batches([[1, 40, 50, 60], [1, 41, 51]], 1000, model.pad_id)
    draw = np.random.default_rng(0)
    target, others, *languages = draw.normal(size=(5, model.manifest.width))
    statistics = LayerStatistics(target, others, np.stack(languages))
    parameters = {name: values.tolist() for name, values in parameters_of("mean_difference", 2.5, statistics).items()}
    width, module = model.manifest.width, module_of_layer(model.manifest.blocks, 1)
    site = Site(module=module, width=width, units=list(range(width)), parameters=parameters)
    named = dict(name="es-layer-caa", model="tiny", method="mean_difference", units="layer", k=width)
    condition = Condition(**named, positions=positions, sites=[site])
    before = model.forward_layers(batch, [0, 1, None])
    with steer(model, condition):
        after = model.forward_layers(batch, [0, 1, None])
    assert torch.equal(after[0], before[0])
    expected = before[1].double().numpy()
    for row, length in enumerate(batch.lengths.tolist()):
        for position in range(expected.shape[1]) if positions == "all" else [length - 1]:
            expected[row, position] += 2.5 * (statistics.target - statistics.others)
    np.testing.assert_allclose(after[1].numpy(), expected, rtol=1e-5, atol=1e-5)
    assert (after[2] - before[2]).abs().max() > 1e-4
    with steer_by_row(model, [condition, Condition(name="base", model="tiny")], torch.tensor([1, 0])) as _:
        (by_row,) = model.forward_layers(batch, [1])
    torch.testing.assert_close(by_row[0], before[1][0])
    if positions == "all":
        torch.testing.assert_close(by_row[1], after[1][1])


@pytest.mark.parametrize("layer", [0, 2, 3])
def test_a_layer_that_is_not_there_or_the_last_is_refused(load, layer):
    with pytest.raises(StudyError, match=rf"methods\.\*\.layer: {layer}, but .* are 1 to 1"):
        module_of_layer(load("gpt2").manifest.blocks, layer)


@pytest.mark.parametrize(("all_blocks", "middle"), [(1, "last"), (2, 1), (4, 2), (5, 2), (18, 9)])
def test_the_middle_layer_is_after_half_of_the_blocks(all_blocks, middle):
    blocks = [f"h.{number}" for number in range(all_blocks - 1)]  # the last is not among them
    assert changed_layer(blocks, "middle") == middle
    assert changed_layer(blocks, 3) == 3
    assert changed_layer(blocks, "last") == "last"


def test_the_last_position_alone_can_be_changed(load):
    model = load("gpt2")
    site, token_ids = model.manifest.sites[0], [[1, 40, 50, 60], [1, 41]]
    before, _ = outputs(model, site.module, token_ids, Condition(name="base", model="tiny"))
    after, _ = outputs(model, site.module, token_ids, force(site, [3], [9.0], positions="last"))
    changed = (after != before).nonzero().tolist()
    assert changed == [[0, 3, 3], [1, 1, 3]]


def test_generation_is_intervened_on_at_every_step(load):
    model = load("bloom")
    site = model.manifest.sites[-1]
    seen = []
    module = dict(model.backbone.named_modules())[site.module]
    with steer(model, force(site, [0], [2.0])):
        handle = module.register_forward_hook(lambda *call: seen.append(call[2][..., 0].clone()))
        model.model.generate(torch.tensor([[1]]), max_new_tokens=4, do_sample=False, eos_token_id=None)
        handle.remove()
    assert len(seen) == 4
    assert all((step == 2.0).all() for step in seen)


def test_nothing_remains_after_the_block_even_when_it_fails(load, texts):
    model = load("llama")
    base = embed(model, texts)
    with pytest.raises(RuntimeError, match="inside"), steer(model, force(model.manifest.sites[0], [1], [5.0])):
        raise RuntimeError("inside")
    assert not any(module._forward_hooks for module in model.model.modules())
    assert np.array_equal(embed(model, texts), base)


def test_a_condition_of_another_model_is_refused_and_leaves_no_hook(load):
    bloom, llama = load("bloom"), load("llama")
    condition = force(llama.manifest.sites[0], [1], [5.0])
    with pytest.raises(StudyError, match="made for another model"), steer(bloom, condition):
        pass
    assert not any(module._forward_hooks for module in bloom.model.modules())


def test_methods_are_found_by_the_name_of_their_file():
    assert get_method("force") is methods()["force"]
    assert {name: type(method).__module__ for name, method in methods().items()} == {
        name: method_module(name) for name in methods()
    }
    assert {"force", "damp", "aura", "linear_act", "linear_act_by_layer", "mean_difference"} <= set(methods())
    for name in ("forse", "hooks", "method", "registry"):
        with pytest.raises(StudyError, match=rf"intervention\.method: {name} is not one of .*force"):
            get_method(name)


def test_a_method_in_a_file_of_its_own_is_found_and_enters_no_fingerprint_but_its_own(tmp_path, monkeypatch):
    """A copy of the package, to which files are added."""
    root = tmp_path / "workflow_scripts"
    shutil.copytree(ROOT / "workflow_scripts", root, ignore=shutil.ignore_patterns("__pycache__"))
    stages = ["embeddings.embed_sentences", "conditions.choose_units", "sweeps.generate_texts"]

    def fingerprints(**options) -> list[str]:
        return [fingerprint(f"workflow_scripts.{stage}", root, **options) for stage in stages]

    before, by_force = fingerprints(), fingerprints(also=[method_module("force")])
    by_layer = fingerprints(also=[method_module("linear_act_by_layer")])
    (root / "interventions" / "clamp.py").write_text(CLAMP)
    assert fingerprints() == before
    assert fingerprints(also=[method_module("force")]) == by_force
    assert not set(fingerprints(also=[method_module("clamp")])) & {*before, *by_force}
    # A method that builds on another one depends on its file.
    parent = root / "interventions" / "linear_act.py"
    parent.write_text(parent.read_text().replace("activations * slope + offset", "activations * slope - offset"))
    assert fingerprints() == before
    assert not set(fingerprints(also=[method_module("linear_act_by_layer")])) & set(by_layer)
    code = """
import numpy, torch
from workflow_scripts.interventions.method import UnitStatistics
from workflow_scripts.interventions.registry import get_method, parameters_of
statistics = UnitStatistics(numpy.ones(2), numpy.array([1.0, 3.0]))
stored = parameters_of("clamp", 1.0, statistics, {"share": "0.5"})
print(get_method("clamp").apply(torch.full((1, 2), 9.0), **{name: torch.tensor(stored[name]) for name in stored}))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout == "tensor([[0.5000, 1.5000]], dtype=torch.float64)\n", ran.stderr


CLAMP = """
from dataclasses import dataclass
from workflow_scripts.interventions.method import Method, Settings


@dataclass(frozen=True, kw_only=True)
class ClampSettings(Settings):
    share: float = 1.0


class Clamp(Method):
    settings = ClampSettings

    def parameters(self, statistics, settings, generator):
        return {"most": settings.share * statistics.forced_value}

    def transform(self, activations, most):
        return activations.minimum(most)
"""


def test_a_condition_survives_its_file(tmp_path, load):
    condition = force(load("bloom").manifest.sites[1], [0, 3], [0.1, 1e-30], target="es", pooling="max")
    write_condition(tmp_path / "condition.json", condition)
    assert read_condition(tmp_path / "condition.json") == condition


@pytest.mark.parametrize(
    ("units", "values", "message"),
    [
        ([3, 1], [0.0, 0.0], "ascending"),
        ([1, 1], [0.0, 0.0], "ascending"),
        ([1, 99], [0.0, 0.0], "below 10"),
        ([1, 2], [0.0], "1 values of 'value' for 2 units"),
    ],
)
def test_impossible_sites_are_refused(units, values, message):
    with pytest.raises(ValueError, match=message):
        Site(module="m", width=10, units=units, parameters={"value": values})


def test_a_damaged_condition_file_is_refused(tmp_path):
    path = tmp_path / "condition.json"
    path.write_text('{"name": "es-expert')
    with pytest.raises(StudyError, match="not a valid condition"):
        read_condition(path)
