"""Word embeddings on tiny models, against one sentence and one word at a time; and the stage that caches them."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.embeddings import embed_words as stage
from workflow_scripts.embeddings.word_files import read_words
from workflow_scripts.embeddings.words import embed_words, token_weights
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.usage import read_usage
from workflow_scripts.models.batching import batches
from workflow_scripts.models.loading import random_model
from workflow_scripts.models.manifests import write_manifest
from workflow_scripts.texts import schema

TEXTS = ["A short one.", "Noch ein Satz, etwas länger als der erste.", "短い文。", "x"]
SPANS = [[(0, 1), (2, 7), (8, 11), (11, 12)], [(0, 4), (5, 8), (5, 8), (9, 13)], [(0, 2), (2, 3), (3, 4)], [(0, 1)]]


@st.composite
def intervals(draw, longest):
    start = draw(st.integers(0, 12))
    return start, start + draw(st.integers(0, longest))


@given(st.lists(intervals(4), max_size=8), st.lists(intervals(6).filter(lambda span: span[0] < span[1]), max_size=5))
def test_a_word_is_the_mean_of_the_tokens_that_share_a_character_with_it(offsets, spans):
    found = token_weights(offsets, spans)
    assert found.shape == (len(spans), len(offsets))
    for row, (start, end) in zip(found, spans, strict=True):
        shares = [bool(set(range(start, end)) & set(range(*offset))) for offset in offsets]
        np.testing.assert_allclose(row, np.array(shares) / max(1, sum(shares)), rtol=1e-6)


@pytest.mark.parametrize("architecture", ["bloom", "llama", "mt5"])
@pytest.mark.parametrize("layer", [None, 1])
def test_words_are_those_of_one_sentence_at_a_time(load, architecture, layer):
    model = load(architecture)
    found = embed_words(model, TEXTS, SPANS, layer=layer, tokens_per_batch=64)
    assert (found.sentences, found.words) == ([0, 1, 2, 3], [4, 4, 3, 1])
    expected = []
    for text, spans in zip(TEXTS, SPANS, strict=True):
        encoded = model.tokenizer(text, return_offsets_mapping=True)
        (batch,) = batches([encoded["input_ids"]], 1000, model.pad_id)
        with torch.inference_mode():
            hidden = model.forward_layers(batch, [layer])[0][0].float().numpy()
        for start, end in spans:
            own = [i for i, (a, b) in enumerate(encoded["offset_mapping"]) if a < b and a < end and b > start]
            expected.append(hidden[own].mean(axis=0))
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(found.vectors[5], found.vectors[6])  # two words that are written as one


def test_a_sentence_with_a_word_without_token_is_left_out(load):
    model = load("bloom")
    cut_off = embed_words(model, TEXTS, SPANS, max_tokens=8)
    assert 1 not in cut_off.sentences
    assert 3 in cut_off.sentences
    assert len(cut_off.vectors) == sum(cut_off.words)
    with pytest.raises(
        StudyError, match=r"no sentence has a token for each of its words within 2 tokens; raise transfer"
    ):
        embed_words(model, TEXTS[:2], SPANS[:2], max_tokens=2)


def test_a_tokenizer_without_offsets_is_refused(load, monkeypatch):
    model = load("bloom")
    monkeypatch.setattr(type(model.tokenizer), "is_fast", False)
    with pytest.raises(StudyError, match="does not tell which characters a token is of"):
        embed_words(model, TEXTS, SPANS)


def test_random_weights_are_drawn_as_the_configuration_says(load):
    manifest = load("bloom").manifest
    one, same, other = (random_model(manifest, "cpu", seed) for seed in (0, 0, 1))
    weights = [model.model.state_dict()["transformer.h.0.mlp.dense_h_to_4h.weight"] for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert float(weights[0].std()) == pytest.approx(one.model.config.initializer_range, rel=0.1)
    assert not any(parameter.requires_grad for parameter in one.model.parameters())


@pytest.fixture
def study(load, tmp_path):
    """A tiny BLOOM, conditions, and a treebank as a parquet."""
    model = load("bloom")
    write_manifest(tmp_path / "model.json", model.manifest)
    write_condition(tmp_path / "base.json", Condition(name="base", model="tiny"))
    site = model.manifest.sites[0]
    forced = Site(module=site.module, width=site.width, units=[0, 3], parameters={"value": [2.0, -2.0]})
    condition = Condition(name="es", model="tiny", method="force", units="expert", k=2, sites=[forced])
    write_condition(tmp_path / "es.json", condition)
    rows = []
    for language in ("en", "de"):
        for number, (text, spans) in enumerate(zip(TEXTS, SPANS, strict=True)):
            written = " ".join(f"{start}:{end}" for start, end in spans)
            rows += [(f"s-{number}", language, "sentence", text), (f"s-{number}", language, "spans", written)]
    schema.write(tmp_path / "texts.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    return model, tmp_path


def run(folder, condition="base", seed=None, languages=("en", "de"), out="words.h5"):
    spec = {"languages": list(languages), "layer": "last", "max_tokens": 100, "random_weights": seed}
    files = {"model": "model.json", "condition": f"{condition}.json", "texts": "texts.parquet", "words": out}
    files |= {"cache": "cache", "usage": "usage.json"}
    options = [item for name, path in files.items() for item in (f"--{name}", str(folder / path))]
    stage.main(["--spec", json.dumps(spec), *options, "--code", "c", "--device", "cpu"])
    return read_words(folder / out, languages[-1]), read_usage(folder / "usage.json")


def test_the_stage_writes_every_sentence_and_finds_finished_languages(study):
    model, folder = study
    _, first = run(folder)
    words, second = run(folder)
    # The sentences of both languages are the same, and so is their cell.
    assert (first.from_cache, second.from_cache, second.sequences) == (1, 2, 0)
    assert words.ids == ["s-0", "s-1", "s-2", "s-3"]
    assert [len(vectors) for vectors in words.vectors] == [4, 4, 3, 1]
    expected = embed_words(model, TEXTS, SPANS).vectors
    np.testing.assert_allclose(np.concatenate(words.vectors), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(StudyError, match="has no words of fr; it has de, en"):
        read_words(folder / "words.h5", "fr")


def test_interventions_and_random_weights_make_other_embeddings(study):
    _, folder = study
    base, es, random, other = (
        np.concatenate(run(folder, condition, seed)[0].vectors)
        for condition, seed in (("base", None), ("es", None), ("base", 0), ("base", 1))
    )
    for one, two in ((base, es), (base, random), (random, other)):
        assert np.abs(one - two).max() > 1e-3
