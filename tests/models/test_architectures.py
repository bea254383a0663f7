"""Every architecture of the table in docs/architectures.md, tiny and at random: as plain transformers, or refused.

The reference reads one sentence at a time, without padding, by hooks that are written out here. The table is made anew
by `WRITE_DOCS=1 python -m pytest tests/models/test_architectures.py`.
"""

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from experts_by_hand import Change, ExpertsByHand
from tiny_architectures import MODELS, Tiny, save

from workflow_scripts.config.models import ModelConfig
from workflow_scripts.embeddings.sentences import embed, embed_layers
from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import Batch, batches, encode
from workflow_scripts.models.describe_model import Spec, describe
from workflow_scripts.models.directories import stored_weights
from workflow_scripts.models.loading import LanguageModel, load_model
from workflow_scripts.models.sites import module_of_layer, neurons_by_name
from workflow_scripts.neurons.responses import ResponseRecorder
from workflow_scripts.sweeps import generation
from workflow_scripts.sweeps.generation import Sampling, generate
from workflow_scripts.sweeps.perplexity import token_losses

TEXTS = ["La casa es muy grande.", "Hi", "One two"]
PAGE = Path(__file__).parents[2] / "docs/architectures.md"
TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}
UNITS = {0: 3.0, -1: -2.0}  # of each module, forced to these values
rows: dict[str, list[str]] = {}  # of the table, by model


def manifest_of(directory: Path, architecture: str, **options):
    model = ModelConfig(label="", path=str(directory), k=0, architecture=architecture, **options)
    return describe(Spec(name="tiny", model=model, directory=str(directory), sites="mlp"))


def one_by_one(model: LanguageModel, forced: bool = False) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Mean last hidden state and largest outputs of all neurons of each text, alone in the model."""
    modules = dict(model.backbone.named_modules())
    means, responses = [], []
    for ids in encode(model.tokenizer, TEXTS, 128):
        seen: dict[str, torch.Tensor] = {}
        mixtures: dict[str, ExpertsByHand] = {}

        def look(name, tokens, seen, module, inputs, output):
            if forced:
                for unit, value in UNITS.items():
                    output[..., unit] = value
            seen[name] = output.reshape(-1, output.shape[-1])[:tokens].amax(dim=0)

        with ExitStack() as stack, torch.inference_mode():
            for site in model.manifest.sites:
                if site.module in modules:
                    hook = partial(look, site.module, len(ids), seen)
                    stack.callback(modules[site.module].register_forward_hook(hook).remove)
                elif (owner := site.module.rpartition(".")[0]) not in mixtures:
                    by_hand = ExpertsByHand(modules[owner], force_first_and_last(modules[owner]) if forced else None)
                    mixtures[owner] = stack.enter_context(by_hand)
            token_ids = torch.tensor([ids])
            output = model.backbone(input_ids=token_ids, attention_mask=torch.ones_like(token_ids))
        for owner, by_hand in mixtures.items():
            for name in by_hand.weights:
                seen[f"{owner}.{name}"] = by_hand.pooled(name, lambda outputs: outputs.amax(dim=0), 0, len(ids))
        means.append(output.last_hidden_state[0].mean(dim=0).numpy())
        responses.append(torch.cat([seen[site.module] for site in model.manifest.sites]).numpy())
    return means, responses


def force_first_and_last(module: torch.nn.Module) -> Change:
    """Force the first unit of the first expert and the last unit of the last one."""

    def force(name, expert, token, output):
        if expert == 0:
            output[0] = UNITS[0]
        if expert == module.num_experts - 1:
            output[-1] = UNITS[-1]

    return force


def forcing(model: LanguageModel) -> Condition:
    """The condition that forces two units of every module."""
    sites = [
        Site(
            module=site.module, width=site.width, units=[0, site.width - 1], parameters={"value": list(UNITS.values())}
        )
        for site in model.manifest.sites
    ]
    return Condition(name="forced", model="tiny", method="force", units="expert", k=2 * len(sites), sites=sites)


@pytest.mark.parametrize("name", MODELS)
def test_an_architecture_is_read_as_transformers_reads_it_or_refused(name, tmp_path, model_directory):
    tiny = MODELS[name]
    directory = save(tiny, tmp_path / "model", model_directory("llama"))
    if tiny.refused:
        with pytest.raises(StudyError, match=tiny.refused):
            load_model(manifest_of(directory, tiny.architecture), "cpu")
        rows[name] = ["–"] * 4 + [f"refused: {tiny.refused}"]
        return
    model = load_model(manifest_of(directory, tiny.architecture), "cpu")

    by_hand = {module.format(layer): width for layer in range(tiny.layers) for module, width in tiny.neurons.items()}
    assert {site.module: site.width for site in model.manifest.sites} == by_hand
    by_name = neurons_by_name({name: weight.shape for name, weight in stored_weights(directory).items()})
    # So that nothing is refused for lack of neurons that it has.
    assert by_name is None or by_name >= sum(by_hand.values())

    plain, largest = one_by_one(model)
    assert np.abs(np.array(plain) - plain[0]).max() > 0.05  # sentences differ, so agreement means something
    np.testing.assert_allclose(embed(model, TEXTS), plain, **TOLERANCE)
    (batch,) = batches(encode(model.tokenizer, TEXTS, 128), 1000, model.pad_id)
    with ResponseRecorder(model, model.manifest.sites, ["max"]) as recorder, torch.inference_mode():
        np.testing.assert_allclose(recorder.forward(batch)["max"], np.array(largest)[batch.rows], **TOLERANCE)

    moved, _ = one_by_one(model, forced=True)
    assert np.abs(np.array(moved) - plain).max() > 0.05
    with steer(model, forcing(model)):
        np.testing.assert_allclose(embed(model, TEXTS), moved, **TOLERANCE)
    rows[name] = [modules_of(tiny), layers_of(model), *what_is_written(model)]


def modules_of(tiny: Tiny) -> str:
    """The modules whose units are neurons, for the table."""
    return ", ".join(f"`{module.format('*')}`" for module in tiny.neurons)


def layers_of(model: LanguageModel) -> str:
    """Check that a shift of layer 1 shifts the states of layer 1; which layers there are, for the table."""
    try:
        module = module_of_layer(model.manifest.blocks, 1)
    except StudyError:
        return "last"
    before, last = embed_layers(model, TEXTS, [1, None])
    shift = np.linspace(-1, 1, before.shape[1], dtype=np.float32)
    parameters = {"shift": shift.tolist()}
    site = Site(module=module, width=len(shift), units=list(range(len(shift))), parameters=parameters)
    condition = Condition(
        name="moved", model="tiny", method="mean_difference", units="layer", k=len(shift), sites=[site]
    )
    with steer(model, condition):
        after, last_after = embed_layers(model, TEXTS, [1, None])
    np.testing.assert_allclose(after, before + shift, **TOLERANCE)
    assert np.abs(last_after - last).max() > 1e-3
    return "all"


def what_is_written(model: LanguageModel) -> list[str]:
    """Check logits and generation of a causal model, each against passes of the whole model; for the table."""
    if model.architecture != "causal":
        return ["–", "–"]
    model.require_logits()
    ids = torch.tensor(encode(model.tokenizer, TEXTS[:1], 128))
    batch = Batch([0], ids, torch.tensor([ids.shape[1]]), padded=False)
    with torch.inference_mode():
        logits = model.model(input_ids=ids).logits.float()
    expected = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="none")
    torch.testing.assert_close(token_losses(model, batch, torch.ones(1).long())[0], expected, rtol=1e-4, atol=1e-4)

    conditions = [Condition(name="base", model="tiny"), forcing(model)]
    sampling = Sampling(max_tokens=5, temperature=1.0, top_p=1.0, top_k=0)
    draws = [(condition, 0, number) for condition in (0, 1) for number in (0, 1)]
    written = generate(model, conditions, draws, sampling, 1000, "writing")
    # The same without what is kept from step to step.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(generation, "_past_of", lambda _: {})
        again = generate(model, conditions, draws, sampling, 1000, "writing")
    for sentence, other in zip(written, again, strict=True):
        assert (sentence.text, sentence.tokens) == (other.text, other.tokens)
        assert sentence.own_perplexity == pytest.approx(other.own_perplexity, rel=1e-3)
    return ["yes", "yes"]


HEAD = """# Architectures

Made by `tests/models/test_architectures.py` from tiny models with random weights, one of each architecture: what is
measured of each is compared with plain transformers, one sentence at a time without padding. A model of another
architecture is tried when it is loaded: it works, or it is refused in a sentence that says why.

- **Neurons**: the modules whose output units are neurons by `neurons.sites: mlp`, as listed by hand. They are recorded
  and forced as by hooks by hand.
- **Layers** that `methods.*.layer` can change: all but the token embeddings, or the last alone.
- **Perplexity**, **generation**: of causal models.
"""


def test_the_table_of_the_documentation_is_what_was_found():
    if set(rows) != set(MODELS):
        pytest.skip("needs the tests of all architectures")
    lines = [HEAD]
    for family in dict.fromkeys(tiny.family for tiny in MODELS.values()):
        lines += [
            f"## {family}\n",
            "| model | neurons | layers | perplexity | generation |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, tiny in MODELS.items():
            if tiny.family == family:
                cells = [rows[name][-1], "–", "–", "–"] if tiny.refused else rows[name]
                lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    page = "\n".join(lines)
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, f"{PAGE} is old: run this test with WRITE_DOCS=1"
