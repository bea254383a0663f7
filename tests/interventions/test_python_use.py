"""From Python: any model of transformers is steered, and its experts are found, as the stages do it."""

import doctest
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

import workflow_scripts
from workflow_scripts import embed, export_model, find_experts, read_condition, steer, write_condition
from workflow_scripts.embeddings import sentences
from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.registry import get_method
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.adoption import adopt

ROOT = Path(__file__).parents[2]
TEXTS = {
    "en": ["The house is old.", "She reads a book.", "We are here now.", "It rains in the north."],
    "de": ["Das Haus ist alt.", "Sie liest ein Buch.", "Wir sind jetzt hier.", "Es regnet im Norden."],
    "ja": ["家は古い。", "彼女は本を読む。", "私たちは今ここにいる。"],
}
ARCHITECTURES = ["bloom", "cohere", "gpt2", "llama"]


@pytest.fixture
def plain(model_directory):
    """Loads a tiny model as anyone does, by transformers alone, with its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def plain(architecture):
        directory = model_directory(architecture)
        return AutoModelForCausalLM.from_pretrained(directory), AutoTokenizer.from_pretrained(directory)

    return plain


def forced(module, width, units, values, **fields) -> Condition:
    sites = [Site(module=module, width=width, units=units, parameters={"value": values})]
    return Condition(name="test", model="tiny", method="force", units="expert", k=len(units), sites=sites, **fields)


def test_to_import_the_package_takes_no_library():
    code = (
        "import sys; before = set(sys.modules); import workflow_scripts; assert 'steer' in dir(workflow_scripts);"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(ran.stdout.split()) & {"torch", "transformers", "numpy", "pandas", "pydantic", "h5py", "numba"}
    for name in workflow_scripts.__all__:
        assert getattr(workflow_scripts, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'stear'"):
        workflow_scripts.stear  # noqa: B018


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "mt5", "xlm-roberta", "bert"])
def test_a_model_in_memory_is_described_and_embeds_as_the_stages_have_it(load, texts, architecture):
    staged = load(architecture)
    model = type(staged.model).from_pretrained(staged.manifest.directory).train()
    adopted = adopt(model, staged.tokenizer, sites="mlp")
    same = ("architecture", "context", "width", "sites", "kind", "blocks", "first_layer", "dtype", "trust_remote_code")
    for name in same:
        assert getattr(adopted.manifest, name) == getattr(staged.manifest, name), name
    for layer in (None, 1):
        found = embed(model, staged.tokenizer, texts, layer=layer)
        assert np.array_equal(found, sentences.embed(staged, texts, layer))
    assert model.training and all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("positions", ["all", "last"])
def test_any_model_is_steered_as_those_of_the_stages(load, plain, texts, architecture, positions):
    staged, (model, tokenizer) = load(architecture), plain(architecture)
    site = staged.manifest.sites[1]
    condition = forced(site.module, site.width, [0, 7], [3.0, -2.0], positions=positions)
    before = embed(model, tokenizer, texts)
    with steer(model, condition):
        steered = embed(model, tokenizer, texts)
    with steer(staged, condition):
        assert np.array_equal(steered, sentences.embed(staged, texts))
    assert np.abs(steered - before).max() > 1e-3
    assert np.array_equal(embed(model, tokenizer, texts), before)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def logits_one_by_one(model, token_ids) -> list[torch.Tensor]:
    with torch.inference_mode():
        return [model(torch.tensor([ids])).logits[0] for ids in token_ids]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_last_position_is_that_of_the_mask_on_whichever_side_padding_is(plain, architecture, side):
    """Against each sequence alone, without padding; only positions from the changed one on differ."""
    model, _ = plain(architecture)
    site = adopt(model, sites="mlp").manifest.sites[0]
    condition = forced(site.module, site.width, [3], [9.0], positions="last")
    sequences = [[1, 40, 50, 60, 70], [1, 41, 42]]
    padding = [[0] * (5 - len(ids)) for ids in sequences]
    pairs = list(zip(sequences, padding, strict=True))
    padded = torch.tensor([pad + ids if side == "left" else ids + pad for ids, pad in pairs])
    mask = (padded != 0).long()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    given = {} if architecture == "bloom" else {"position_ids": positions}
    with steer(model, condition), torch.inference_mode():
        alone = logits_one_by_one(model, sequences)
        found = model(padded, attention_mask=mask, **given).logits
    for row, expected in enumerate(alone):
        torch.testing.assert_close(found[row][mask[row] == 1], expected, rtol=1e-4, atol=1e-4)
    unchanged = logits_one_by_one(model, sequences)
    for before, after in zip(unchanged, alone, strict=True):
        torch.testing.assert_close(after[:-1], before[:-1])
        assert (after[-1] - before[-1]).abs().max() > 1e-3


def test_a_mask_that_does_not_tell_the_last_position_is_refused(plain):
    model, _ = plain("llama")
    condition = forced("layers.0.mlp.up_proj", 48, [3], [9.0], positions="last")
    with steer(model, condition), pytest.raises(StudyError, match=r"attention mask of shape \[rows, tokens\]"):
        model(torch.tensor([[1, 40]]), attention_mask=torch.zeros(1, 1, 2, 2))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("positions", ["all", "last"])
def test_generate_is_steered_with_padding_on_the_left_and_a_cache(plain, architecture, positions):
    """Against the most probable token of each sequence alone, computed without a cache; at `last` step by step."""
    model, _ = plain(architecture)
    site = adopt(model, sites="mlp").manifest.sites[-1]
    condition = forced(site.module, site.width, [0, 4], [6.0, -6.0], positions=positions)
    sequences = [[1, 40, 50, 60], [1, 41]]
    padded = torch.tensor([[0] * (4 - len(ids)) + ids for ids in sequences])
    options = dict(max_new_tokens=5, do_sample=False, eos_token_id=None, pad_token_id=0)
    plainly = model.generate(padded, attention_mask=(padded != 0).long(), **options)
    with steer(model, condition):
        found = model.generate(padded, attention_mask=(padded != 0).long(), **options)
        for row, ids in enumerate(sequences):
            cache, written, inputs = None, list(ids), torch.tensor([ids])
            for _ in range(5):
                with torch.inference_mode():
                    output = model(inputs, past_key_values=cache, use_cache=True)
                cache, inputs = output.past_key_values, output.logits[:, -1:].argmax(-1)
                written.append(int(inputs))
            assert found[row, 4 - len(ids) :].tolist() == written
    assert not torch.equal(found, plainly)


def test_gradients_flow_through_a_steered_model(plain):
    """Every unit of the first module is forced, so that nothing before it has a gradient."""
    model, _ = plain("gpt2")
    condition = forced("h.1.mlp.c_fc", 128, list(range(128)), [0.5] * 128)
    with steer(model, condition):
        model(torch.tensor([[1, 40, 50]])).logits.sum().backward()
    assert model.transformer.h[1].mlp.c_fc.weight.grad.abs().max() == 0
    assert model.transformer.h[1].mlp.c_proj.weight.grad.abs().max() > 0


def test_what_is_no_model_of_transformers_is_refused():
    with (
        pytest.raises(StudyError, match="Linear is no model of transformers"),
        steer(torch.nn.Linear(2, 2), Condition(name="base", model="tiny")),
    ):
        pass


@pytest.mark.parametrize("architecture", ["bloom", "llama", "xlm-roberta"])
@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_experts_are_those_of_responses_that_plain_hooks_see(load, architecture, pooling):
    """AUROC by midranks, of responses to one sentence at a time."""
    staged = load(architecture)
    model, tokenizer = type(staged.model).from_pretrained(staged.manifest.directory), staged.tokenizer
    found = find_experts(model, tokenizer, TEXTS, pooling=pooling, storage="float32", threads=1)
    modules, seen = dict(model.base_model.named_modules()), {}
    sites = adopt(model, sites="mlp").manifest.sites
    handles = [
        modules[site.module].register_forward_hook(lambda *call, name=site.module: seen.update({name: call[2][0]}))
        for site in sites
    ]
    responses = []
    for text in [text for of_language in TEXTS.values() for text in of_language]:
        with torch.inference_mode():
            model(**tokenizer(text, return_tensors="pt"))
        whole = torch.cat([seen[site.module] for site in sites], dim=1)
        responses.append((whole.amax(0) if pooling == "max" else whole.mean(0)).numpy())
    for handle in handles:
        handle.remove()
    responses, is_german = np.stack(responses), np.repeat([False, True, False], [4, 4, 3])
    ranks = rankdata(responses, axis=0)[is_german].sum(axis=0)
    auroc = (ranks - 4 * 5 / 2) / (4 * 7)
    table = found.table("de", k=9)
    assert list(table.columns) == ["layer", "module", "unit", "expertise", "mean"]
    assert len(table) == 9 and table.expertise.is_monotonic_decreasing
    np.testing.assert_allclose(table.expertise, np.sort(auroc)[::-1][:9], atol=1e-6)
    by_name = {site.module: site for site in sites}
    places = [by_name[row.module].offset + row.unit for row in table.itertuples()]
    np.testing.assert_allclose(auroc[places], table.expertise, atol=1e-6)
    np.testing.assert_allclose(responses[is_german].mean(axis=0)[places], table["mean"], rtol=1e-4, atol=1e-5)
    assert [by_name[row.module].layer for row in table.itertuples()] == list(table.layer)
    condition = found.condition("de", k=9)
    forced_to = {
        by_name[site.module].offset + unit: value
        for site in condition.sites
        for unit, value in zip(site.units, site.parameters["value"], strict=True)
    }
    assert forced_to == dict(zip(places, table["mean"], strict=True))


def test_conditions_of_experts_by_any_method_survive_their_file_and_steer(plain, tmp_path):
    model, tokenizer = plain("llama")
    experts = find_experts(model, tokenizer, TEXTS, threads=1)
    base = embed(model, tokenizer, TEXTS["de"])
    embeddings = []
    for options in (
        {},
        {"strength": 0.5},
        {"method": "aura"},
        {"method": "linear_act", "settings": {"support": "all"}},
        {"seed": 0},
        {"seed": 1},
        {"forced_value": "median"},
    ):
        condition = experts.condition("de", 20, **options)
        write_condition(tmp_path / "condition.json", condition)
        assert read_condition(tmp_path / "condition.json") == condition
        with steer(model, read_condition(tmp_path / "condition.json")):
            embeddings.append(embed(model, tokenizer, TEXTS["de"]))
    assert len({each.tobytes() for each in [base, *embeddings]}) == 8
    assert experts.condition("de", 20).name == "de-expert-max-k20"
    assert experts.condition("de", 20, seed=3).name == "de-random-max-k20-s3"
    with steer(model, experts.condition("de", 20)):
        expected = embed(model, tokenizer, TEXTS["de"])
    export_model(model, experts.condition("de", 20), tmp_path / "export", tokenizer)
    exported = type(model).from_pretrained(tmp_path / "export")
    np.testing.assert_allclose(embed(exported, tokenizer, TEXTS["de"]), expected, rtol=1e-4, atol=1e-4)


def test_what_experts_cannot_do_is_refused(plain):
    model, tokenizer = plain("bloom")
    with pytest.raises(StudyError, match="give sentences of two or more"):
        find_experts(model, tokenizer, {"en": ["One."]})
    with pytest.raises(StudyError, match="give sentences of two or more"):
        find_experts(model, tokenizer, {"en": ["One."], "de": []})
    experts = find_experts(model, tokenizer, TEXTS, threads=1)
    with pytest.raises(StudyError, match="not for fr"):
        experts.table("fr", k=3)
    with pytest.raises(StudyError, match="mean_difference changes a layer"):
        experts.condition("de", 3, method="mean_difference")
    with pytest.raises(StudyError, match="linear_act_by_layer is fitted by running the model"):
        experts.condition("de", 3, method="linear_act_by_layer")
    with pytest.raises(StudyError, match='pooling="mean"'):
        experts.condition("de", 3, forced_value="token_mean")
    with pytest.raises(StudyError, match="forse is not one of"):
        experts.condition("de", 3, method="forse")
    with pytest.raises(TypeError, match="give a list of sentences"):
        embed(model, tokenizer, "One sentence.")


def test_what_experts_are_kept_in_goes_with_them(plain):
    model, tokenizer = plain("bloom")
    experts = find_experts(model, tokenizer, TEXTS, threads=1)
    folder = experts._ranked.parent
    assert folder.is_dir()
    del experts
    assert not folder.exists()


def test_the_page_of_the_python_functions_is_true(plain, tmp_path, monkeypatch):
    """Its examples, in an empty folder with a tiny model."""
    monkeypatch.chdir(tmp_path)
    model, tokenizer = plain("llama")
    model.save_pretrained("my-model")
    tokenizer.save_pretrained("my-model")
    found = doctest.testfile(str(ROOT / "docs" / "api.md"), module_relative=False)
    assert found.attempted > 10 and found.failed == 0
    assert json.loads((tmp_path / "de.json").read_text())["method"] == "force"
    assert get_method("force")
