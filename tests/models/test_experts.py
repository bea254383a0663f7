"""Units of mixtures' experts, against the sums over experts written out token by token (`experts_by_hand`)."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from experts_by_hand import ExpertsByHand
from tiny_architectures import MODELS, save
from transformers import AutoModelForCausalLM, AutoTokenizer

from workflow_scripts import export_model, find_experts
from workflow_scripts.config.models import ModelConfig
from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.hooks import steer, steer_by_row
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import batches, encode
from workflow_scripts.models.describe_model import Spec, describe
from workflow_scripts.models.loading import LanguageModel, load_model
from workflow_scripts.neurons.activation_probabilities import activation_probabilities
from workflow_scripts.neurons.ranking import rank
from workflow_scripts.neurons.responses import ResponseRecorder

TEXTS = ["La casa es muy grande.", "H", "One two"]
MIXTURES = ["Qwen3-MoE", "GPT-OSS"]  # of the first, a text of two tokens leaves two experts and more without a token
TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}


@pytest.fixture
def directory(tmp_path, model_directory):
    """Saves a tiny mixture of experts."""
    return lambda name: save(MODELS[name], tmp_path / "model", model_directory("llama"))


@pytest.fixture
def mixture(directory):
    """Loads a tiny mixture of experts as stages do."""

    def mixture(name) -> LanguageModel:
        where = directory(name)
        model = ModelConfig(label="", path=str(where), k=0, architecture="causal")
        manifest = describe(Spec(name="tiny", model=model, directory=str(where), sites="mlp"))
        assert all(site.experts for site in manifest.sites)
        return load_model(manifest, "cpu")

    return mixture


def alone(model: LanguageModel, text: str, change=None):
    """What a text's experts put out, by module, and its last states [tokens, d]; alone in the model, by hand."""
    modules = dict(model.backbone.named_modules())
    owners = dict.fromkeys(site.module.rpartition(".")[0] for site in model.manifest.sites)
    by_hand = {owner: ExpertsByHand(modules[owner], change and partial(change, owner)) for owner in owners}
    (ids,) = encode(model.tokenizer, [text], 128)
    for each in by_hand.values():
        each.__enter__()
    try:
        with torch.inference_mode():
            states = model.backbone(input_ids=torch.tensor([ids])).last_hidden_state[0]
    finally:
        for each in by_hand.values():
            each.__exit__()
    return by_hand, states


def pooled(model: LanguageModel, by_hand, pool) -> np.ndarray:
    parts = [by_hand[owner].pooled(name, pool, 0, 10**6) for owner in by_hand for name in by_hand[owner].weights]
    assert [len(part) for part in parts] == [site.width for site in model.manifest.sites]
    return torch.cat(parts).numpy()


def forcing(model: LanguageModel, value: float, name: str = "forced", **fields) -> Condition:
    """The condition that forces the first unit of each of the last two experts in every site."""
    sites = []
    for site in model.manifest.sites:
        each = site.width // site.experts
        units = [(site.experts - 2) * each, (site.experts - 1) * each]
        sites.append(Site(module=site.module, width=site.width, units=units, parameters={"value": [value, -value]}))
    return Condition(name=name, model="tiny", method="force", units="expert", k=2 * len(sites), sites=sites, **fields)


def forced_by_hand(model: LanguageModel, value: float, token: int | None = None):
    """The same as a change for `ExpertsByHand`, at all tokens or at one."""
    experts = model.manifest.sites[0].experts

    def change(owner, name, expert, at, output):
        if expert >= experts - 2 and token in (None, at):
            output[0] = value if expert == experts - 2 else -value

    return change


def batch_of(model: LanguageModel):
    (batch,) = batches(encode(model.tokenizer, TEXTS, 128), 1000, model.pad_id)
    return batch


@pytest.mark.parametrize("name", MIXTURES)
def test_units_of_experts_are_pooled_over_the_tokens_that_are_routed_to_the_expert(mixture, name):
    model = mixture(name)
    pools = {"max": lambda outputs: outputs.amax(0), "mean": lambda outputs: outputs.mean(0), "last": lambda it: it[-1]}
    with ResponseRecorder(model, model.manifest.sites, list(pools)) as recorder, torch.inference_mode():
        batch = batch_of(model)
        found = recorder.forward(batch)
    by_text = [alone(model, text)[0] for text in TEXTS]
    for pooling, pool in pools.items():
        expected = np.array([pooled(model, by_hand, pool) for by_hand in by_text])
        np.testing.assert_allclose(found[pooling], expected[batch.rows], **TOLERANCE)
    # An expert that no token of a sentence is routed to adds nothing to the states.
    unread = {expert for _, expert, _ in next(iter(by_text[1].values())).put_out["down_proj"]}
    absent = set(range(model.manifest.sites[0].experts)) - unread
    if name == "Qwen3-MoE":
        assert absent
    width = model.manifest.sites[0].width // model.manifest.sites[0].experts
    row = batch.rows.index(1)
    for expert in absent:
        assert not found["max"][row][expert * width : (expert + 1) * width].any()


def test_a_unit_of_an_expert_is_active_for_tokens_that_are_routed_to_the_expert_alone(mixture):
    model = mixture("Qwen3-MoE")
    by_text = [alone(model, text) for text in TEXTS]
    active = sum(pooled(model, by_hand, lambda outputs: (outputs > 0).float().sum(0)) for by_hand, _ in by_text)
    tokens = sum(len(states) for _, states in by_text)
    found = activation_probabilities(model, TEXTS, 128, 1000, "")
    np.testing.assert_allclose(found, active / tokens, rtol=1e-6)


@pytest.mark.parametrize("name", MIXTURES)
def test_the_last_position_alone_is_forced(mixture, name):
    model = mixture(name)
    batch = batch_of(model)
    with steer(model, forcing(model, 3.0, positions="last")), torch.inference_mode():
        found = model.forward(batch)
    for row, number in enumerate(batch.rows):
        length = int(batch.lengths[row])
        _, plain = alone(model, TEXTS[number])
        _, expected = alone(model, TEXTS[number], forced_by_hand(model, 3.0, length - 1))
        assert (expected - plain)[-1].abs().max() > 0.01
        torch.testing.assert_close(found[row, :length], expected, **TOLERANCE)


@pytest.mark.parametrize("name", MIXTURES)
def test_each_row_is_changed_by_its_own_condition(mixture, name):
    model = mixture(name)
    batch = batch_of(model)
    conditions = [Condition(name="base", model="tiny"), forcing(model, 3.0), forcing(model, -2.0, "other")]
    changes = [None, forced_by_hand(model, 3.0), forced_by_hand(model, -2.0)]
    with steer_by_row(model, conditions, torch.tensor([0, 1, 2])) as set_rows, torch.inference_mode():
        for of_rows in ([0, 1, 2], [2, 2, 1]):
            set_rows(torch.tensor(of_rows))
            found = model.forward(batch)
            for row, number in enumerate(batch.rows):
                _, expected = alone(model, TEXTS[number], changes[of_rows[row]])
                torch.testing.assert_close(found[row, : batch.lengths[row]], expected, **TOLERANCE)


def test_a_model_of_transformers_computes_its_experts_as_before_when_the_block_ends(directory):
    where = directory("Qwen3-MoE")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(where), AutoTokenizer.from_pretrained(where)
    before = model.config._experts_implementation
    inputs = tokenizer(TEXTS[0], return_tensors="pt")
    site = Site(module="layers.1.mlp.experts.down_proj", width=256, units=[0, 255], parameters={"value": [3.0, -3.0]})
    condition = Condition(name="forced", model="tiny", method="force", units="expert", k=2, sites=[site])

    def states():
        with torch.inference_mode():
            return model.model(**inputs).last_hidden_state[0]

    plain = states()
    with pytest.raises(RuntimeError, match="stopped"), steer(model, condition):
        changed = states()
        raise RuntimeError("stopped")
    assert model.config._experts_implementation == before
    torch.testing.assert_close(states(), plain, rtol=0, atol=0)
    by_hand = ExpertsByHand(model.model.layers[1].mlp.experts, force_two)
    with by_hand:
        torch.testing.assert_close(changed, states(), **TOLERANCE)
    assert (changed - plain).abs().max() > 0.01


def force_two(name, expert, token, output):
    if name == "down_proj" and expert in (0, 7):
        output[0 if expert == 0 else -1] = 3.0 if expert == 0 else -3.0


def test_experts_that_do_more_than_is_known_of_experts_are_refused(mixture):
    model = mixture("GPT-OSS")
    module = dict(model.backbone.named_modules())["layers.0.mlp.experts"]
    torch.nn.init.normal_(module.down_proj_bias)
    module.has_bias = False  # while the module adds one
    whole = deepcopy(model.model)  # of which nothing is known yet
    other = LanguageModel(whole, whole.model, model.tokenizer, model.manifest)
    with pytest.raises(StudyError, match=r"the experts of a GptOssExperts do more than is known of experts"):
        other.forward(batch_of(other))


def test_what_units_of_experts_have_not_is_refused(directory, tmp_path):
    where = directory("Mixtral")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(where), AutoTokenizer.from_pretrained(where)
    texts = {"es": ["La casa.", "El agua.", "Un libro."], "en": ["A house.", "Water."]}
    experts = find_experts(model, tokenizer, texts, pooling="mean")
    with pytest.raises(StudyError, match="forced_value token_mean is not known of these neurons"):
        experts.condition("es", k=20, forced_value="token_mean")
    with pytest.raises(StudyError, match=r"changes units of experts \(layers\.\d\.mlp\.experts"):
        export_model(model, experts.condition("es", k=20), tmp_path / "exported")


def test_a_mean_over_all_tokens_is_refused_of_units_of_experts(mixture, tmp_path):
    model = mixture("Mixtral")
    with pytest.raises(StudyError, match=r"token_mean, but units of experts \(layers\.0\.mlp\.experts\.gate_up_proj\)"):
        rank(tmp_path / "a.h5", tmp_path / "b.h5", model.manifest.sites, ["es"], "mean", token_mean=True)
