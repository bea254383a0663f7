"""Transfer scores, against one unit and one sentence at a time, its responses made a little larger and smaller."""

import copy

import numpy as np
import pytest
import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import encode
from workflow_scripts.neurons.transfer_scores import transfer_scores

STEP = 0.02  # of a response; a norm may round to float32, which a smaller one would not rise above


def mean_states(backbone, token_ids, module, changed=None, factor=1.0):
    """The mean over tokens of what a module puts out, float64 [d]; a (module, unit) puts out `factor` times as much."""
    kept = []

    def change(_, __, output):
        output[..., changed[1]] *= factor

    def keep(_, __, output):
        states = output[0] if isinstance(output, tuple) else getattr(output, "last_hidden_state", output)
        kept.append(states[0].mean(dim=0))

    modules = dict(backbone.named_modules())
    handles = [modules[changed[0]].register_forward_hook(change)] if changed else []
    handles.append(modules[module].register_forward_hook(keep))
    with torch.no_grad():
        backbone(input_ids=torch.tensor([token_ids]))
    for handle in handles:
        handle.remove()
    return kept[0].numpy()


def cosine(one, other):
    return one @ other / np.sqrt((one @ one) * (other @ other))


@pytest.mark.parametrize("architecture", ["bloom", "llama", "mt5", "opt"])
def test_a_units_score_is_the_slope_of_the_cosine_with_the_centroid_of_its_layer(load, texts, architecture):
    model = load(architecture)
    found = transfer_scores(model, texts[:4], 12, 40, "test")
    backbone = copy.deepcopy(model.backbone).double()
    sentences = encode(model.tokenizer, texts[:4], 12)
    generator = np.random.default_rng(0)
    sites = model.manifest.sites
    assert len(found) == sum(site.width for site in sites)
    for site in sites:
        first, *others = model.manifest.blocks
        assert not others  # two blocks, of which the last puts out its states through the final norm
        layer = first if site.module.startswith(f"{first}.") else ""
        centroid = np.mean([mean_states(backbone, each, layer) for each in sentences], axis=0)
        for unit in generator.choice(site.width, 2, replace=False):
            slopes = []
            for each in sentences:
                ends = [
                    cosine(mean_states(backbone, each, layer, (site.module, unit), factor), centroid)
                    for factor in (1 + STEP, 1 - STEP)
                ]
                slopes.append((ends[0] - ends[1]) / (2 * STEP))
            assert found[site.offset + unit] == pytest.approx(np.mean(slopes), rel=1e-2, abs=1e-5)
    assert np.abs(found).max() > 1e-3
    assert not any(model.backbone.get_submodule(site.module)._forward_hooks for site in sites)


def test_scores_do_not_depend_on_the_batch(load, texts):
    model = load("llama")
    whole, single = (transfer_scores(model, texts, 12, tokens, "test") for tokens in (1000, 1))
    np.testing.assert_allclose(whole, single, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("times", "said"), [(0, "do not run when it reads text"), (2, "runs more than once in a pass")]
)
def test_a_module_that_does_not_run_once_is_refused(load, texts, times, said):
    model = load("llama")
    mlp = model.backbone.layers[0].mlp
    once = mlp.forward
    mlp.forward = lambda states: sum((once(states) for _ in range(times)), start=torch.zeros_like(states))
    with pytest.raises(StudyError, match=said):
        transfer_scores(model, texts, 12, 40, "test")


def test_tokens_that_the_model_does_not_have_are_refused(load, texts):
    model = load("llama")
    model.tokenizer.add_tokens(["ea"])
    with pytest.raises(StudyError, match="tokenizer and weights do not belong together"):
        transfer_scores(model, ["the sea"], 12, 40, "test")


def test_a_layer_whose_states_no_module_puts_out_alone_is_refused(load, texts):
    model = load("llama")
    model.manifest.blocks[0] = None
    with pytest.raises(StudyError, match=r"puts out the states after layers\.0\..* alone"):
        transfer_scores(model, texts, 12, 40, "test")
