"""A model in memory is described as the stage describes its files, and stays as it is."""

from argparse import Namespace
from dataclasses import replace

import pytest
import torch
import transformers

from workflow_scripts.models.adoption import adopt
from workflow_scripts.models.manifests import write_manifest
from workflow_scripts.models.run import model_run

CLASSES = {"mt5": transformers.AutoModelForSeq2SeqLM, "bert": transformers.AutoModel}
DECODED = {"mt5": {"decoder_input_ids": torch.ones((1, 2), dtype=torch.long)}}
STRUCTURE = ["architecture", "kind", "context", "width", "sites", "left_out", "blocks", "first_layer"]


@pytest.mark.parametrize("architecture", ["bloom", "gpt2", "llama", "mt5", "bert"])
def test_the_structure_in_memory_is_that_of_the_files(load, model_directory, architecture):
    expected = load(architecture).manifest
    automatic = CLASSES.get(architecture, transformers.AutoModelForCausalLM)
    model = automatic.from_pretrained(model_directory(architecture)).train()
    # The first pass that asks for the states of all layers leaves hooks of transformers' own.
    model(torch.ones((1, 2), dtype=torch.long), output_hidden_states=True, **DECODED.get(architecture, {}))
    hooks = [len(module._forward_hooks) for module in model.modules()]
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    found = adopt(model).manifest
    assert {name: getattr(found, name) for name in STRUCTURE} == {name: getattr(expected, name) for name in STRUCTURE}
    assert all(module.training for module in model.modules())
    assert all(weight.requires_grad for weight in model.parameters())
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert before.keys() == dict(model.named_parameters()).keys()
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


def test_no_neurons_are_looked_for_where_none_are_wanted(model_directory):
    model = transformers.AutoModelForCausalLM.from_pretrained(model_directory("gpt2"))
    found = adopt(model, sites=None).manifest
    assert (found.sites, found.blocks, found.first_layer) == ([], ["h.0"], 0)


def test_a_cell_is_of_a_language_only_where_texts_are_marked_by_it(load, tmp_path):
    files = Namespace(
        model=tmp_path / "model.json", cache=tmp_path, usage=tmp_path / "usage.json", device="cpu",
        tokens_per_batch=8, code="c",
    )  # fmt: skip
    manifest = load("mt5").manifest
    parts = {"dtype": "float32", "texts": "hash", "code": "c"}
    for tags, others in [({}, False), ({"en": "eng_Latn", "es": "spa_Latn"}, True)]:
        write_manifest(files.model, replace(manifest, tags=tags))
        with model_run(files, "kind") as run:
            assert run.key(texts="hash") == {"model": manifest.identity, **parts}
            keys = [run.key(language, texts="hash") for language in ("en", "es")]
        assert (keys[0] != keys[1]) == others
        assert (run.key(texts="hash") in keys) != others
