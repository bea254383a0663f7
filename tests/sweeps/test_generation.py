"""Generation under several conditions at once: as transformers does it, whatever the batch."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.interventions.hooks import steer, steer_by_row
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.models.manifests import write_manifest
from workflow_scripts.sweeps import generate_texts as stage
from workflow_scripts.sweeps import generation
from workflow_scripts.sweeps.generation import Sampling, generate, sample, uniform_numbers
from workflow_scripts.texts.schema import write as write_texts

ARCHITECTURES = ["bloom", "cohere", "gpt2", "llama"]
SAMPLING = Sampling(max_tokens=12, temperature=1.0, top_p=0.9, top_k=50)
BASE = Condition(name="base", model="tiny")


def conditions_of(model) -> list[Condition]:
    """The unintervened model, and two that change partly the same units."""
    site, other = model.manifest.sites[0], model.manifest.sites[-1]

    def condition(name, *changed):
        sites = [
            Site(module=place.module, width=place.width, units=units, parameters={"value": values})
            for place, units, values in changed
        ]
        k = sum(len(units) for _, units, _ in changed)
        return Condition(name=name, model="tiny", method="force", units="expert", k=k, sites=sites)

    few = condition("few", (site, [3], [2.0]))
    many = condition("many", (site, [0, 3, 7], [1.0, -2.0, 4.0]), (other, [1, 2], [3.0, -3.0]))
    return [BASE, few, many]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_row_is_as_under_its_condition_alone(load, architecture):
    model = load(architecture)
    conditions = conditions_of(model)
    token_ids = torch.tensor([[1, 40, 50, 60], [1, 41, 51, 61], [1, 42, 52, 62], [1, 40, 50, 60]])
    rows = torch.tensor([1, 2, 0, 2])
    with torch.inference_mode():
        with steer_by_row(model, conditions, rows):
            together = model.model(token_ids).logits
        for row, condition in enumerate(rows.tolist()):
            with steer(model, conditions[condition]):
                alone = model.model(token_ids[row : row + 1]).logits[0]
            torch.testing.assert_close(together[row], alone, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(together[0], together[3])
        # Nothing remains.
        torch.testing.assert_close(model.model(token_ids[2:3]).logits[0], together[2], rtol=1e-4, atol=1e-4)


def test_other_rows_can_follow(load):
    model = load("llama")
    conditions = conditions_of(model)
    token_ids = torch.tensor([[1, 40, 50], [1, 41, 51], [1, 42, 52]])
    rows_in_turn = [[2, 0, 1], [1, 2], [0], [2, 2, 0]]
    with torch.inference_mode():
        with steer_by_row(model, conditions, torch.tensor(rows_in_turn[0])) as set_rows:
            found = []
            for rows in rows_in_turn:
                set_rows(torch.tensor(rows))
                found.append(model.model(token_ids[: len(rows)]).logits)
            with pytest.raises(StudyError, match="rows cannot be told apart"):
                model.model(token_ids[:2])
        for rows, together in zip(rows_in_turn, found, strict=True):
            for row, condition in enumerate(rows):
                with steer(model, conditions[condition]):
                    alone = model.model(token_ids[row : row + 1]).logits[0]
                torch.testing.assert_close(together[row], alone, rtol=1e-4, atol=1e-4)


def test_conditions_by_different_methods_cannot_share_a_batch(load):
    model = load("bloom")
    conditions = conditions_of(model)
    other = replace(conditions[2], method="other")
    with (
        pytest.raises(StudyError, match="different methods"),
        steer_by_row(model, [conditions[1], other], torch.tensor([0, 1])),
    ):
        pass


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_chance_it_is_what_transformers_generates(load, architecture):
    model = load(architecture)
    greedy = Sampling(max_tokens=10, temperature=1.0, top_p=1.0, top_k=1)
    conditions = conditions_of(model)
    sentences = generate(model, conditions, [(0, 0, 0), (1, 0, 0), (2, 0, 0)], greedy, 1000, "test")
    for condition, sentence in zip(conditions, sentences, strict=True):
        with steer(model, condition):
            expected = model.model.generate(
                torch.tensor([[model.tokenizer.bos_token_id]]), max_length=10, do_sample=False
            )
        assert sentence.text == model.tokenizer.decode(expected[0, 1:], skip_special_tokens=True)
        assert sentence.tokens == expected.shape[1] - 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_from_prompts_it_is_what_transformers_goes_on_with(load, monkeypatch, architecture):
    model = load(architecture)
    monkeypatch.setattr(generation, "SENTENCES_AT_ONCE", 7)
    greedy = Sampling(max_tokens=8, temperature=1.0, top_p=1.0, top_k=1)
    conditions, prompts = conditions_of(model), ["A b", "Long one", "Same len"]
    draws = [(condition, 0, number) for number in range(4) for condition in range(3)]
    sentences = generate(model, conditions, draws, greedy, 60, "test", prompts)
    for (condition, _, number), sentence in zip(draws, sentences, strict=True):
        tokens = [
            model.tokenizer.bos_token_id,
            *model.tokenizer(prompts[number % 3], add_special_tokens=False)["input_ids"],
        ]
        with steer(model, conditions[condition]):
            expected = model.model.generate(torch.tensor([tokens]), max_new_tokens=7, do_sample=False)
        assert sentence.text == model.tokenizer.decode(expected[0, len(tokens) :], skip_special_tokens=True)
        assert sentence.tokens == expected.shape[1] - len(tokens)
        for read_by, found in ((BASE, sentence.perplexity), (conditions[condition], sentence.own_perplexity)):
            labels = expected.clone()
            labels[:, : len(tokens)] = -100
            with steer(model, read_by), torch.inference_mode():
                assert found == pytest.approx(math.exp(model.model(expected, labels=labels).loss), rel=1e-3)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.5, 1.0, 1.7]),
    st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    st.integers(0, 12),
)
def test_tokens_are_drawn_from_the_distribution_that_transformers_would_draw_from(seed, temperature, top_p, top_k):
    logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, 10)) * 2)
    expected = TemperatureLogitsWarper(temperature)(None, logits)
    if top_k:
        expected = TopKLogitsWarper(top_k)(None, expected)
    if top_p < 1:
        expected = TopPLogitsWarper(top_p)(None, expected)
    expected = expected.softmax(dim=1)[0].numpy()
    # Numbers spread evenly over [0, 1) draw each token as often as it is probable.
    count = 4000
    numbers = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    drawn = sample(logits, torch.zeros(count, dtype=torch.long), numbers, Sampling(20, temperature, top_p, top_k))
    found = np.bincount(drawn.numpy(), minlength=10) / count
    np.testing.assert_allclose(found, expected, atol=1.5 / count)


@pytest.mark.parametrize(("spread", "top_p"), [(6.0, 0.9), (6.0, 1.0), (0.1, 0.9)])
def test_a_large_vocabulary_is_drawn_from_as_if_sorted_whole(monkeypatch, spread, top_p):
    generator = torch.Generator().manual_seed(0)
    logits = spread * torch.randn(30, 500, generator=generator)
    numbers = torch.rand(30, dtype=torch.float64, generator=generator)
    sampling = Sampling(20, 1.3, top_p, 0)
    whole = sample(logits, torch.arange(30), numbers, sampling)
    largest = []
    topk = torch.topk
    monkeypatch.setattr(generation, "FEW_TOKENS", 100)
    monkeypatch.setattr(torch, "topk", lambda values, k, dim: largest.append(k) or topk(values, k, dim=dim))
    assert torch.equal(sample(logits, torch.arange(30), numbers, sampling), whole)
    # All of them only where a hundred do not reach top_p.
    assert largest == ([100] if (spread, top_p) == (6.0, 0.9) else [100, 500])


def test_the_numbers_of_a_sentence_are_its_own():
    assert np.array_equal(uniform_numbers(3, 7, 5), uniform_numbers(3, 7, 9)[:5])
    drawn = np.concatenate([uniform_numbers(seed, number, 19) for seed in range(20) for number in range(50)])
    assert len(np.unique(drawn)) == len(drawn)
    assert abs(drawn.mean() - 0.5) < 4 / math.sqrt(12 * len(drawn))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sentences_do_not_depend_on_the_batch(load, monkeypatch, architecture):
    model = load(architecture)
    conditions = conditions_of(model)
    draws = [(condition, seed, number) for number in range(6) for seed in (0, 1) for condition in range(3)]
    together = generate(model, conditions, draws, SAMPLING, 10_000, "test")
    monkeypatch.setattr(generation, "SENTENCES_AT_ONCE", 5)
    few = generate(model, conditions, draws, SAMPLING, 5 * SAMPLING.max_tokens, "test")
    assert [sentence.text for sentence in few] == [sentence.text for sentence in together]
    turned = generate(model, conditions, draws[::-1], SAMPLING, 10_000, "test")[::-1]
    assert [sentence.text for sentence in turned] == [sentence.text for sentence in together]
    assert len({sentence.text for sentence in together}) > len(draws) // 2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sentences_that_end_early_leave_the_others_as_they_are(load, monkeypatch, architecture):
    model = load(architecture)
    conditions = conditions_of(model)
    # A third of all tokens ends a sentence.
    monkeypatch.setattr(model.model.generation_config, "eos_token_id", list(range(3, model.vocabulary, 3)))
    draws = [(condition, seed, 0) for seed in range(8) for condition in range(3)]
    rows = rows_of_forward_passes(model, monkeypatch)
    together = generate(model, conditions, draws, SAMPLING, 10_000, "test")
    writing = rows[: max(sentence.tokens for sentence in together)]
    assert len({sentence.tokens for sentence in together}) > 3
    # At the prompt a row a condition, then what is not finished and not the same so far.
    assert writing[0] == 3
    for step in range(1, len(writing)):
        assert writing[step] <= sum(sentence.tokens > step for sentence in together)
    assert max(writing) > 3
    for draw, sentence in zip(draws, together, strict=True):
        (alone,) = generate(model, conditions, [draw], SAMPLING, 10_000, "test")
        assert (alone.text, alone.tokens) == (sentence.text, sentence.tokens)
        assert alone.perplexity == pytest.approx(sentence.perplexity, rel=1e-4)
        assert alone.own_perplexity == pytest.approx(sentence.own_perplexity, rel=1e-4)


def test_what_is_the_same_is_computed_once(load, monkeypatch):
    model = load("llama")
    certain = Sampling(max_tokens=10, temperature=1.0, top_p=1.0, top_k=1)
    rows = rows_of_forward_passes(model, monkeypatch)
    draws = [(condition, 0, number) for number in range(5) for condition in range(3)]
    sentences = generate(model, conditions_of(model), draws, certain, 1000, "test")
    assert max(rows[: max(sentence.tokens for sentence in sentences)]) == 3
    assert len({(draw[0], sentence.text) for draw, sentence in zip(draws, sentences, strict=True)}) == 3


def rows_of_forward_passes(model, monkeypatch) -> list[int]:
    """A list to which the rows of each forward pass are added."""
    rows = []
    embeddings = model.backbone.get_input_embeddings()
    forward = embeddings.forward

    def watched(token_ids):
        rows.append(len(token_ids))
        return forward(token_ids)

    monkeypatch.setattr(embeddings, "forward", watched)
    return rows


def test_perplexities_are_those_of_the_whole_sentence_read_again(load):
    model = load("llama")
    conditions = conditions_of(model)
    draws = [(condition, 0, number) for number in range(4) for condition in range(3)]
    for (condition, _, _), sentence in zip(
        draws, generate(model, conditions, draws, SAMPLING, 1000, "test"), strict=True
    ):
        if condition == 0:
            assert sentence.own_perplexity == pytest.approx(sentence.perplexity, rel=1e-4)
        else:
            assert sentence.own_perplexity != pytest.approx(sentence.perplexity, rel=1e-2)
    # The tokenizer is byte-level, so the tokens can be read off a text that decodes to itself.
    for draw, sentence in zip(draws, generate(model, conditions, draws, SAMPLING, 1000, "test"), strict=True):
        tokens = model.tokenizer(sentence.text)["input_ids"]
        if len(tokens) - 1 == sentence.tokens:
            for condition, expected in ((BASE, sentence.perplexity), (conditions[draw[0]], sentence.own_perplexity)):
                with steer(model, condition), torch.inference_mode():
                    loss = model.model(torch.tensor([tokens]), labels=torch.tensor([tokens])).loss
                assert math.exp(loss) == pytest.approx(expected, rel=1e-3)


def test_a_sentence_ends_at_the_end_of_sentence_token(load):
    model = load("bloom")
    head = model.model.get_output_embeddings()
    ended = Sampling(max_tokens=20, temperature=1.0, top_p=1.0, top_k=1)

    def always_end(module, inputs, output):
        output[..., model.tokenizer.eos_token_id] = 1e4
        return output

    handle = head.register_forward_hook(always_end)
    (sentence,) = generate(model, [BASE], [(0, 0, 0)], ended, 1000, "test")
    handle.remove()
    assert (sentence.text, sentence.tokens) == ("", 1)


def test_a_tokenizer_without_a_beginning_is_refused(load):
    model = load("llama")
    model.tokenizer.bos_token, kept = None, model.tokenizer.bos_token
    model.model.generation_config.bos_token_id = None
    with pytest.raises(StudyError, match="beginning-of-sentence"):
        generate(model, [BASE], [(0, 0, 0)], SAMPLING, 1000, "test")
    model.tokenizer.bos_token = kept


def test_a_beginning_that_the_model_does_not_know_is_refused(load):
    model = load("llama")
    kept = model.tokenizer.bos_token
    model.tokenizer.add_special_tokens({"bos_token": "<begin>"})
    with pytest.raises(StudyError, match="token of tiny is 259, but the model's vocabulary has 259"):
        generate(model, [BASE], [(0, 0, 0)], SAMPLING, 1000, "test")
    model.tokenizer.bos_token = kept


# --- The stage ---

SPEC = {"target": "es", "pooling": "max", "sentences": 3, "seeds": [0, 1], "max_tokens": 8, "temperature": 1.0}
SPEC |= {"top_p": 0.9, "top_k": 50}


@pytest.fixture
def study(load, tmp_path):
    model = load("bloom")
    write_manifest(tmp_path / "model.json", model.manifest)
    for condition in conditions_of(model):
        write_condition(tmp_path / f"{condition.name}.json", condition)
    return tmp_path


def run(folder, names=("base", "few", "many"), further=(), **changes):
    options = ["--model", str(folder / "model.json"), "--generations", str(folder / "generations.parquet")]
    conditions = ["--conditions", *(str(folder / f"{name}.json") for name in names)]
    running = ["--cache", str(folder / "cache"), "--code", "c", "--device", "cpu", "--tokens-per-batch", "128"]
    running += ["--usage", str(folder / "usage.json")]
    stage.main(["--spec", canonical_json({**SPEC, **changes}), *options, *conditions, *running, *further])
    return pd.read_parquet(folder / "generations.parquet")


def test_the_stage_writes_a_row_for_each_sentence_seed_and_condition(study):
    rows = run(study)
    key = ["condition", "sample_seed", "sentence"]
    assert set(map(tuple, rows[key].to_numpy())) == {
        (condition, seed, number) for condition in ("base", "few", "many") for seed in (0, 1) for number in range(3)
    }
    assert len(rows) == 18
    assert set(rows["target"]) == {"es"}
    assert dict(zip(rows["condition"], rows["k"], strict=True)) == {"base": 0, "few": 1, "many": 5}
    assert (rows["tokens"] >= 1).all()
    assert (rows["tokens"] <= 7).all()


def test_prompts_are_the_first_words_of_real_sentences(study, monkeypatch):
    sentences = ["One two three four.", "Five six seven.", "Eight nine ten eleven"]
    rows = {"id": ["0", "1", "2"], "lang": "en", "part": "sentence", "text": sentences}
    write_texts(study / "texts.parquet", pd.DataFrame(rows))
    asked, generated = [], stage.generate
    monkeypatch.setattr(stage, "generate", lambda *given: (asked.append(given[-1]), generated(*given))[1])
    texts = ["--texts", str(study / "texts.parquet")]
    prompts = {"words": 2, "language": "en", "part": "sentence"}
    plain, prompted = run(study), run(study, further=texts, prompts=prompts)
    assert asked == [[]] * 2 + [["One two", "Five six", "Eight nine"]] * 2
    assert len(prompted) == len(plain) and list(prompted) == list(plain)
    assert (prompted["text"] != plain["text"]).any()
    with pytest.raises(StudyError, match=r"prompts\.words: 3, but 'Five six seven\.' has 3 words between blanks"):
        run(study, further=texts, prompts={**prompts, "words": 3})


def test_an_added_condition_or_seed_leaves_the_others_as_they_are(study, monkeypatch):
    before = run(study, names=("base", "few"), seeds=[0])
    made = []
    generate_all = stage.sentences_of

    def watched(model, conditions, seed, *rest):
        made.append((seed, [condition.name for condition in conditions]))
        return generate_all(model, conditions, seed, *rest)

    monkeypatch.setattr(stage, "sentences_of", watched)
    after = run(study)
    assert made == [(0, ["many"]), (1, ["base", "few", "many"])]
    kept = after[(after["sample_seed"] == 0) & (after["condition"] != "many")].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)
