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
from workflow_scripts.sweeps.perplexity import Perplexity, Window, measure_perplexity, read_until, rounds, windows
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


def whole(model, token_ids, context, stride, tokens_per_batch) -> Perplexity:
    """Read every window, in their order."""
    found = windows(len(token_ids), context, stride)
    losses = measure_perplexity(model, token_ids, found, tokens_per_batch, "test")
    return Perplexity(losses, np.array([window.scored for window in found]), len(found))


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
            found = whole(model, tokens, context, stride, tokens_per_batch=200)
            expected = plain_recipe(model, tokens, context, stride)
        assert found.log_perplexity == pytest.approx(expected, abs=1e-4)
        assert found.scored.sum() == len(tokens) - 1


def test_logits_never_materialise_for_a_whole_window(load, monkeypatch):
    model = load("llama")
    at_once = whole(model, TOKENS, 64, 32, 128)
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
    in_chunks = whole(model, TOKENS, 64, 32, 128)
    assert largest == 5
    np.testing.assert_allclose(in_chunks.negative_log_likelihood, at_once.negative_log_likelihood, rtol=1e-5)


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
    found = Perplexity(losses, scored, text_windows=1000)
    resampled = [losses[chosen].sum() / scored[chosen].sum() for chosen in generator.integers(0, 400, size=(2000, 400))]
    assert found.log_perplexity_error == pytest.approx(np.std(resampled), rel=0.1)
    assert found.sampling_error == pytest.approx(found.log_perplexity_error * math.sqrt(0.6))
    assert Perplexity(losses, scored, text_windows=400).sampling_error == 0
    assert math.isnan(Perplexity(losses[:1], scored[:1], text_windows=2).log_perplexity_error)


@given(st.integers(1, 2000), st.integers(0, 5))
def test_rounds_read_every_window_once_in_an_order_that_the_seed_alone_decides(count, seed):
    text = [Window(number, number + 2, 1) for number in range(count)]
    found = list(rounds(text, seed))
    read = [window.start for part in found for window in part]
    assert sorted(read) == list(range(count))
    assert [window.start for part in rounds(text, seed) for window in part] == read
    if count > 50:
        assert read != [window.start for part in rounds(text, seed + 1) for window in part]
    sizes = [len(part) for part in found]
    for number, size in enumerate(sizes[1:-1], start=1):
        assert size >= sum(sizes[:number]) / 4 and size >= sizes[0]


def alike_neighbours(generator, count, spread):
    """Draw losses of windows of 10 tokens each: neighbours are alike, and high values lie further out than low ones."""
    noise = generator.normal(size=count + 9)
    alike = np.convolve(noise, np.ones(10) / np.sqrt(10), mode="valid")
    return 10 * (3 + spread * (0.8 * alike + 0.2 * generator.exponential(size=count)))


@pytest.mark.parametrize(("count", "spread"), [(600, 0.4), (600, 1.0), (5000, 0.5)])
def test_the_stated_error_covers_the_whole_texts_perplexity_as_often_as_it_should(count, spread):
    """Read texts until the error is 0.02, again and again: intervals of two errors hold in 95 % of the cases."""
    generator = np.random.default_rng(count)
    scored = np.full(count, 10)
    text = [Window(number, number + 20, 10) for number in range(count)]
    base, changed = (alike_neighbours(generator, count, spread * scale) for scale in (0.5, 1.0))
    exact = changed.mean() / 10, (changed - base).mean() / 10
    repeats, off, read = 1000, [], []
    for seed in range(repeats):
        places = [np.array([window.start for window in part]) for part in rounds(text, seed)]

        def reader(losses, places=places):
            return lambda number: Perplexity(losses[places[number]], scored[places[number]], count)

        found = read_until(0.02, len(places), reader(changed), reader(base))
        assert all(value.sampling_error <= 0.02 for value in found)
        read.append(len(found[0].scored))
        off.append(
            [
                (value.log_perplexity - whole_text) / value.sampling_error
                for value, whole_text in zip(found, exact, strict=True)
            ]
        )
    assert 1.1 * perplexity.FIRST_ROUND < np.mean(read) < 0.9 * count  # reading ended by the error, early
    covered = (np.abs(off) < 1.96).mean(axis=0)
    # Of 1,000 cases, 95 % give or take 3 standard deviations; and what the stopping adds, at most a percent.
    assert (covered > 0.95 - 3 * math.sqrt(0.05 * 0.95 / repeats) - 0.01).all(), covered
    assert (covered < 0.95 + 3 * math.sqrt(0.05 * 0.95 / repeats)).all(), covered


def test_without_a_precision_everything_is_read_and_the_perplexity_is_exact():
    losses = np.random.default_rng(0).normal(30, 5, size=500)
    text = [Window(number, number + 20, 10) for number in range(500)]
    parts = [np.array([window.start for window in part]) for part in rounds(text, 0)]

    def read(number):
        return Perplexity(losses[parts[number]], np.full(len(parts[number]), 10), 500)

    for standard_error in (None, 1e-9):
        found, difference = read_until(standard_error, len(parts), read, read)
        assert found.log_perplexity == pytest.approx(losses.mean() / 10)
        assert (found.sampling_error, difference.log_perplexity, difference.log_perplexity_error) == (0, 0, 0)
        assert found.log_perplexity_error == pytest.approx(losses.std(ddof=1) / 10 / math.sqrt(500))


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

SPEC = {
    **{"target": "es", "pooling": "max", "part": "paragraph", "tokens": 150, "context": 64, "stride": 16, "seed": 0},
    "standard_error": None,
}


@pytest.fixture
def study(load, tmp_path):
    model = load("bloom")
    write_manifest(tmp_path / "model.json", model.manifest)
    write_condition(tmp_path / "base.json", Condition(name="base", model="tiny"))
    write_condition(tmp_path / "es.json", forced(model))
    rows = [(f"w-{number}", "es", "paragraph", f"Párrafo número {number}, " * 2) for number in range(12)]
    schema.write(tmp_path / "texts.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    return tmp_path


def run(folder, conditions=None, **changes):
    files = {"model": "model.json", "texts": "texts.parquet", "perplexity": "p.csv", "selection": "s.csv"}
    options = [item for name, path in files.items() for item in (f"--{name}", str(folder / path))]
    running = ["--cache", str(folder / "cache"), "--code", "c", "--device", "cpu", "--tokens-per-batch", "128"]
    conditions = ["--conditions", *(conditions or [str(folder / "base.json"), str(folder / "es.json")])]
    usage = ["--usage", str(folder / "usage.json")]
    stage.main(["--spec", canonical_json({**SPEC, **changes}), *options, *conditions, *running, *usage])
    return pd.read_csv(folder / "p.csv"), pd.read_csv(folder / "s.csv")


def test_the_stage_measures_every_condition_on_the_same_text_and_records_it(study, load):
    found, selection = run(study)
    assert found[["condition", "k", "target", "tokens", "windows"]].to_numpy().tolist() == [
        ["base", 0, "es", 149, 7],
        ["es", 2, "es", 149, 7],
    ]
    assert found[["text_tokens", "text_windows"]].to_numpy().tolist() == [[150, 7]] * 2
    assert found["sampling_error"].tolist() == found["difference_sampling_error"].tolist() == [0, 0]
    assert found["difference"].tolist() == pytest.approx([0, np.ptp(found["log_perplexity"])], abs=1e-6)
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
    assert found["text_tokens"].tolist() == [1 + selection["tokens"].sum()] * 2


def test_what_is_in_the_cache_needs_no_model(study, monkeypatch):
    first, _ = run(study)
    monkeypatch.setattr(loading, "load_model", None)
    second, _ = run(study)
    assert second.equals(first)


def test_a_precision_reads_some_windows_and_others_find_theirs_in_the_cache(study, monkeypatch):
    monkeypatch.setattr(perplexity, "FIRST_ROUND", 4)
    length = {"tokens": 1000, "context": 32, "stride": 8}
    read = []
    measure = stage.measure_perplexity

    def watched(model, token_ids, chosen, *rest):
        read.append(len(chosen))
        return measure(model, token_ids, chosen, *rest)

    monkeypatch.setattr(stage, "measure_perplexity", watched)
    exact, _ = run(study, **length)
    windows_of_all = exact["windows"][0]
    assert sum(read) == 2 * windows_of_all > 100
    (study / "cache").rename(study / "cache-of-all")
    read.clear()
    loose, _ = run(study, **length, standard_error=0.1)
    assert (loose["windows"] < windows_of_all).all() and (loose["sampling_error"] <= 0.1).all()
    assert (loose["difference_sampling_error"] <= 0.1).all()
    off = (loose["log_perplexity"] - exact["log_perplexity"]).abs()
    assert (off > 0).all() and (off < 4 * 0.1).all()
    # Of the unintervened model as many as its widest comparison needs.
    assert sum(read) == loose["windows"].max() + loose["windows"][1]
    # Those that were read are read no more where more is asked for, and the rest gives the whole text's perplexity.
    so_far = sum(read)
    whole_text, _ = run(study, **length)
    assert sum(read) == 2 * windows_of_all and so_far < sum(read)
    pd.testing.assert_frame_equal(whole_text, exact)
    # The unintervened model is read for the differences where the sweep has it not, and each condition ends by itself.
    read.clear()
    conditions = [str(study / "es.json")]
    alone, _ = run(study, **length, standard_error=0.1, conditions=conditions)
    assert read == []
    pd.testing.assert_frame_equal(alone, loose[1:].reset_index(drop=True), check_dtype=False)
