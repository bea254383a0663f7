"""Perplexity: equal to the plain recipe, every token scored once, whatever the batches and the chunks of logits."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.models import loading
from workflow_scripts.models.manifests import write_manifest
from workflow_scripts.sweeps import measure_perplexity as stage
from workflow_scripts.sweeps import perplexity
from workflow_scripts.sweeps.perplexity import measure_perplexity, windows
from workflow_scripts.texts import schema

TOKENS = [1, *np.random.default_rng(0).integers(3, 259, size=200).tolist()]


def plain_recipe(model, token_ids, context, stride):
    """The strided recipe of the transformers documentation: whole logits, a window at a time."""
    total, count, previous = 0.0, 0, 0
    for begin in range(0, len(token_ids), stride):
        end = min(begin + context, len(token_ids))
        scored = end - previous
        inputs = torch.tensor([token_ids[begin:end]])
        labels = inputs.clone()
        labels[:, :-scored] = -100
        with torch.no_grad():
            loss = model.model(inputs, labels=labels).loss
        valid = int((labels[:, 1:] != -100).sum())
        total, count = total + loss.item() * valid, count + valid
        previous = end
        if end == len(token_ids):
            break
    return total / count


def forced(model) -> Condition:
    site = model.manifest.sites[1]
    changed = Site(module=site.module, width=site.width, units=[0, 5], parameters={"value": [3.0, -3.0]})
    return Condition(name="es", model="tiny", method="force", units="expert", k=2, sites=[changed])


@pytest.mark.parametrize("architecture", ["bloom", "cohere", "gpt2", "llama"])
@pytest.mark.parametrize(("context", "stride"), [(64, 16), (64, 63), (50, 7), (300, 100)])
def test_it_equals_the_plain_recipe(load, architecture, context, stride):
    model = load(architecture)
    tokens = TOKENS[: 120 if architecture == "gpt2" else None]  # which has 128 positions
    if context > 128 and architecture == "gpt2":
        context = 128
    for condition in (Condition(name="base", model="tiny"), forced(model)):
        with steer(model, condition):
            found = measure_perplexity(model, tokens, context, stride, tokens_per_batch=200, what="test")
            expected = plain_recipe(model, tokens, context, stride)
        assert found.log_perplexity == pytest.approx(expected, abs=1e-4)
        assert found.scored.sum() == len(tokens) - 1


def test_logits_never_materialise_for_a_whole_window(load, monkeypatch):
    model = load("llama")
    whole = measure_perplexity(model, TOKENS, 64, 32, 128, "test")
    monkeypatch.setattr(perplexity, "LOGIT_BYTES", 4 * model.vocabulary * 5)
    monkeypatch.setattr(perplexity, "LOGIT_ROWS", 4)
    monkeypatch.setattr(perplexity, "SLICE_BYTES", 4 * model.vocabulary * 2)
    largest = 0
    logits = type(model).logits

    def watched(self, hidden):
        nonlocal largest
        largest = max(largest, len(hidden))
        return logits(self, hidden)

    monkeypatch.setattr(type(model), "logits", watched)
    in_chunks = measure_perplexity(model, TOKENS, 64, 32, 128, "test")
    assert largest == 5
    np.testing.assert_allclose(in_chunks.negative_log_likelihood, whole.negative_log_likelihood, rtol=1e-5)


@given(st.integers(2, 500), st.integers(2, 60), st.data())
def test_every_token_but_the_first_is_scored_once_with_context_enough(tokens, context, data):
    stride = data.draw(st.integers(1, context - 1))
    scored = []
    for window in windows(tokens, context, stride):
        assert 0 < window.end - window.start <= context
        assert window.scored < window.end - window.start
        first = window.end - window.scored
        scored += range(first, window.end)
        assert first - window.start >= min(context - stride, first)
    assert scored == list(range(1, tokens))


def test_its_error_is_that_of_a_ratio_of_sums():
    generator = np.random.default_rng(0)
    scored = generator.integers(1, 20, size=400)
    losses = scored * generator.normal(3, 0.3, size=400)
    found = perplexity.Perplexity(losses, scored)
    resampled = [losses[chosen].sum() / scored[chosen].sum() for chosen in generator.integers(0, 400, size=(2000, 400))]
    assert found.log_perplexity_error == pytest.approx(np.std(resampled), rel=0.1)
    assert math.isnan(perplexity.Perplexity(losses[:1], scored[:1]).log_perplexity_error)


@pytest.mark.parametrize(("tokens", "context", "stride"), [(1, 10, 5), (100, 10, 10), (100, 10, 0)])
def test_windows_that_cannot_be_are_refused(tokens, context, stride):
    with pytest.raises(StudyError):
        windows(tokens, context, stride)


def test_an_encoder_decoder_is_refused(load):
    with pytest.raises(StudyError, match="encoder-decoder"):
        load("mt5").require_logits()


def test_a_head_that_does_more_is_refused(load, monkeypatch):
    model = load("cohere")
    model.require_logits()
    monkeypatch.setattr(model.model.config, "logit_scale", 1.0)
    with pytest.raises(StudyError, match="not its LM head's output"):
        model.require_logits()


# --- The stage ---

SPEC = {"target": "es", "pooling": "max", "part": "paragraph", "tokens": 150, "context": 64, "stride": 16, "seed": 0}


@pytest.fixture
def study(load, tmp_path):
    model = load("bloom")
    write_manifest(tmp_path / "model.json", model.manifest)
    write_condition(tmp_path / "base.json", Condition(name="base", model="tiny"))
    write_condition(tmp_path / "es.json", forced(model))
    rows = [(f"w-{number}", "es", "paragraph", f"Párrafo número {number}, " * 2) for number in range(12)]
    schema.write(tmp_path / "texts.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    return tmp_path


def run(folder, **changes):
    files = {"model": "model.json", "texts": "texts.parquet", "perplexity": "p.csv", "selection": "s.csv"}
    options = [item for name, path in files.items() for item in (f"--{name}", str(folder / path))]
    running = ["--cache", str(folder / "cache"), "--code", "c", "--device", "cpu", "--tokens-per-batch", "128"]
    conditions = ["--conditions", str(folder / "base.json"), str(folder / "es.json")]
    usage = ["--usage", str(folder / "usage.json")]
    stage.main(["--spec", canonical_json({**SPEC, **changes}), *options, *conditions, *running, *usage])
    return pd.read_csv(folder / "p.csv"), pd.read_csv(folder / "s.csv")


def test_the_stage_measures_every_condition_on_the_same_text_and_records_it(study, load):
    found, selection = run(study)
    assert found[["condition", "k", "target", "tokens"]].to_numpy().tolist() == [
        ["base", 0, "es", 150],
        ["es", 2, "es", 150],
    ]
    assert found["log_perplexity"].nunique() == 2
    # The text, made again from what was recorded.
    model = load("bloom")
    paragraphs = dict(zip(*schema.read_part(study / "texts.parquet", "es", "paragraph"), strict=True))
    tokens = [1]
    for row in selection.itertuples():
        tokens += model.tokenizer(paragraphs[row.id] + "\n", add_special_tokens=False)["input_ids"][: row.tokens]
    assert len(tokens) == 150
    assert found["log_perplexity"][0] == pytest.approx(plain_recipe(model, tokens, 64, 16), abs=1e-4)


def test_the_selection_is_seeded(study):
    assert run(study)[1].equals(run(study)[1])
    assert not run(study)[1].equals(run(study, seed=1)[1])


def test_fewer_tokens_than_asked_for_are_all_taken(study):
    found, selection = run(study, tokens=10**6)
    assert len(selection) == 12
    assert found["tokens"].tolist() == [1 + selection["tokens"].sum()] * 2


def test_what_is_in_the_cache_needs_no_model(study, monkeypatch):
    first, _ = run(study)
    monkeypatch.setattr(loading, "load_model", None)
    second, _ = run(study)
    assert second.equals(first)
