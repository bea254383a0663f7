"""The stages that run a model, on a tiny one: what they write, and what they need not compute again."""

import random
import re
import shutil
from itertools import combinations

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from workflow_scripts.conditions import fit_by_layer, steer_layer
from workflow_scripts.conditions.layer_means import read_layer
from workflow_scripts.embeddings import average_states, embed_sentences, sentences
from workflow_scripts.embeddings.embedding_files import read_part
from workflow_scripts.interventions.conditions import Condition, Site, read_condition, write_condition
from workflow_scripts.interventions.linear_act import transport_line
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.jobs.usage import Usage, read_usage
from workflow_scripts.measures.retrieval import top1_accuracies
from workflow_scripts.models import loading
from workflow_scripts.models.batching import batches, encode
from workflow_scripts.models.manifests import write_manifest
from workflow_scripts.neurons import activation_files, extraction, rank_neurons, record_responses
from workflow_scripts.neurons.activation_files import read_token_counts
from workflow_scripts.neurons.expert_files import read_language
from workflow_scripts.neurons.responses import ResponseRecorder
from workflow_scripts.texts import schema

TEXTS = {
    "en": ["A short one.", "Another sentence, rather longer than the first.", "x", "we see it", "the end of it"],
    "de": ["Ein kurzer.", "Noch ein Satz, etwas länger als der erste.", "ß", "wir sehen", "das Ende davon"],
    "ja": ["短い文。", "もう一つの文、少し長い。", "字", "見る", "終わり"],
}


@pytest.fixture
def study(load, tmp_path):
    """A tiny BLOOM, its manifest, and the texts as a parquet."""
    model = load("bloom")
    write_manifest(tmp_path / "model.json", model.manifest)
    rows = [
        (f"dev-{number}", language, "sentence", text)
        for language, texts in TEXTS.items()
        for number, text in enumerate(texts)
    ]
    schema.write(tmp_path / "texts.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    write_condition(tmp_path / "base.json", Condition(name="base", model="tiny"))
    site = model.manifest.sites[0]
    forced = Site(module=site.module, width=site.width, units=[0, 3], parameters={"value": [2.0, -2.0]})
    write_condition(
        tmp_path / "es.json", Condition(name="es", model="tiny", method="force", units="expert", k=2, sites=[forced])
    )
    return model, tmp_path


def run(stage, folder, spec, code="c0", tokens_per_batch=64, **paths):
    given = {name: [path] if isinstance(path, str) else path for name, path in paths.items()}
    options = [item for name, some in given.items() for item in (f"--{name}", *(str(folder / path) for path in some))]
    running = [
        "--cache",
        str(folder / "cache"),
        "--code",
        code,
        "--device",
        "cpu",
        "--tokens-per-batch",
        str(tokens_per_batch),
    ]
    running += ["--usage", str(folder / "usage.json")]
    stage.main(["--spec", canonical_json(spec), *options, *(running if stage is not rank_neurons else [])])


def record(folder, languages=("en", "de", "ja"), **changes):
    spec = {"languages": list(languages), "poolings": ["max", "mean"], "max_tokens": 128, "storage": "float32"}
    files = {"model": "model.json", "texts": "texts.parquet", "activations": "activations.h5"}
    run(record_responses, folder, {**spec, **changes}, **files)


def responses(folder, pooling, languages):
    with h5py.File(folder / "activations.h5") as file:
        blocks = [file[f"{pooling}/{code}"][:] for code in languages]
    return np.concatenate(blocks), np.repeat(np.arange(len(languages)), [len(block) for block in blocks])


@pytest.mark.parametrize("batch_bytes", [1, 2**29])  # a sentence a batch, and as many as the tokens allow
def test_recorded_responses_are_those_of_one_sentence_at_a_time(study, monkeypatch, batch_bytes):
    model, folder = study
    monkeypatch.setattr(extraction, "BATCH_BYTES", batch_bytes)
    monkeypatch.setattr(activation_files, "CHUNK", (2, 16))
    record(folder)
    with h5py.File(folder / "activations.h5") as file:
        rows = np.concatenate([file["row/en"][:], 5 + file["row/ja"][:]])
    for pooling in ("max", "mean"):
        found, groups = responses(folder, pooling, ["en", "ja"])
        assert groups.tolist() == [0] * 5 + [1] * 5
        with ResponseRecorder(model, model.manifest.sites, [pooling]) as recorder, torch.inference_mode():
            alone = [
                recorder.forward(batch)[pooling][0].numpy()
                for ids in encode(model.tokenizer, TEXTS["en"] + TEXTS["ja"], 128)
                for batch in batches([ids], 1000, model.pad_id)
            ]
        np.testing.assert_allclose(found, np.array(alone)[rows], rtol=1e-4, atol=1e-4)
    lengths = np.array([len(ids) for ids in encode(model.tokenizer, TEXTS["ja"], 128)])
    assert read_token_counts(folder / "activations.h5", "ja").tolist() == lengths[rows[5:] - 5].tolist()
    assert sorted(rows) == list(range(10))


def test_ranking_reads_what_was_recorded(study):
    model, folder = study
    record(folder)
    spec = {"languages": ["en", "de", "ja"], "pooling": "max", "expertise": "auroc", "token_mean": True}
    run(rank_neurons, folder, spec, model="model.json", activations="activations.h5", experts="experts.h5")
    ranked = read_language(folder / "experts.h5", "ja")
    maxima, groups = responses(folder, "max", ["en", "de", "ja"])
    wins = (maxima[groups == 2][:, None] > maxima[groups != 2][None]).mean(axis=(0, 1))
    ties = (maxima[groups == 2][:, None] == maxima[groups != 2][None]).mean(axis=(0, 1))
    np.testing.assert_allclose(ranked.statistics["expertise"], wins + ties / 2, atol=1e-12)
    np.testing.assert_allclose(ranked.statistics["mean"], maxima[groups == 2].mean(axis=0), rtol=1e-5)
    means, groups = responses(folder, "mean", ["en", "de", "ja"])
    tokens = read_token_counts(folder / "activations.h5", "ja")
    by_token = (means[groups == 2] * tokens[:, None]).sum(axis=0) / tokens.sum()
    np.testing.assert_allclose(ranked.statistics["token_mean"], by_token, rtol=1e-4, atol=1e-6)
    assert ranked.sites == model.manifest.sites


@pytest.mark.parametrize("sizes", [[7], [1, 1, 5], [3, 2, 2], [4, 0, 3]])
def test_responses_are_written_in_whole_chunks_however_they_come(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(activation_files, "CHUNK", (3, 4))
    responses = {name: np.random.default_rng(0).standard_normal((7, 10)).astype("float16") for name in ("max", "mean")}
    with (
        h5py.File(tmp_path / "cell.h5", "w") as cell,
        activation_files.ResponseWriter(cell, list(responses), 7, 10, "float16") as writer,
    ):
        for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
            writer.append({name: rows[stop - size : stop] for name, rows in responses.items()})
        writer.finish()
        for name, rows in responses.items():
            assert cell[name].chunks == (3, 4)
            np.testing.assert_array_equal(cell[name], rows)


def test_what_the_disk_refuses_is_raised(tmp_path):
    with h5py.File(tmp_path / "cell.h5", "w") as cell:
        writer = activation_files.ResponseWriter(cell, ["max"], 100, 10, "float16")
        cell.close()
        with writer, pytest.raises(ValueError, match="dataset"):  # the file is closed
            for _ in range(100):
                writer.append({"max": np.zeros((1, 10), "float16")})
            writer.finish()


def test_activations_that_are_no_numbers_are_refused(study, monkeypatch):
    _, folder = study
    monkeypatch.setattr("workflow_scripts.neurons.responses.pool_tokens", lambda *call: torch.full((1, 1), torch.nan))
    with pytest.raises(StudyError, match="the model gives NaN activations"):
        record(folder)


def test_activations_too_large_for_the_storage_are_refused(study, monkeypatch):
    _, folder = study
    monkeypatch.setattr("workflow_scripts.neurons.responses.pool_tokens", lambda *call: torch.full((1, 1), 1e6))
    with pytest.raises(StudyError, match=r"activations reach 1e\+06, beyond float16; set experts\.storage: float32"):
        record(folder, storage="float16")
    assert not (folder / "activations.h5").exists()


def embed(
    folder,
    languages,
    condition="base",
    layers=("last",),
    parts=("sentence",),
    texts="texts.parquet",
    others=(),
    tokens_per_batch=64,
    **changes,
):
    """Embed into base.h5 and, of further layers, base-2.h5 and so on; with `others`, data sets of the same texts.

    Of each of these, the last layer of its languages goes into base.{name}.h5.
    """
    dataset = {"name": "dev", "languages": languages, "parts": list(parts), "layers": list(layers)}
    datasets = [dataset, *({**dataset, "name": name, "languages": codes, "layers": ["last"]} for name, codes in others)]
    spec = {"datasets": datasets, "pooling": "mean", "max_tokens": 128}
    spaces = [f"{condition}.h5" if layer == "last" else f"{condition}-{layer}.h5" for layer in layers]
    spaces += [f"{condition}.{name}.h5" for name, _ in others]
    files = {"model": "model.json", "condition": f"{condition}.json", "texts": [texts] * len(datasets)}
    run(embed_sentences, folder, {**spec, **changes}, tokens_per_batch=tokens_per_batch, **files, embeddings=spaces)


def count_forwards(monkeypatch):
    embedded = []
    real = sentences.embed_layers

    def counted(*call, **options):
        embedded.append(options["what"])
        return real(*call, **options)

    monkeypatch.setattr(sentences, "embed_layers", counted)
    return embedded


@pytest.mark.parametrize("tokens", [16, 40, 64, 200])
def test_copies_of_a_sentence_have_one_vector_and_tie_at_every_size_of_batches(study, tokens):
    """Every second paraphrase stands three times: three candidates tie for a query, which counts a third."""
    _, folder = study
    draw = random.Random(0)
    words = [
        "the",
        "of",
        "a",
        "river",
        "house",
        "old",
        "small",
        "green",
        "walks",
        "sees",
        "under",
        "over",
        "many",
        "bright",
        "stone",
        "paper",
    ]
    seconds = [" ".join(draw.choices(words, k=2 + number % 5)) for number in range(20)]
    assert len(set(seconds)) == 20
    pairs = [(f"{second} {draw.choice(words)}", second) for second in seconds * 3]
    pairs[7] = (pairs[3][1], pairs[7][1])  # a sentence that is in both parts
    rows = [
        (f"dev-{number:02}", "en", f"sentence{side}", text)
        for number, pair in enumerate(pairs)
        for side, text in enumerate(pair, start=1)
    ]
    schema.write(folder / "pairs.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    embed(folder, ["en"], parts=["sentence1", "sentence2"], texts="pairs.parquet", tokens_per_batch=tokens)
    (_, first), (_, second) = (read_part(folder / "base.h5", "en", part) for part in ("sentence1", "sentence2"))
    np.testing.assert_array_equal(second, np.tile(second[:20], (3, 1)))
    np.testing.assert_array_equal(first[7], second[3])
    # Against cosines in double precision of distinct candidates alone, each standing for its three copies.
    distinct = second[:20].astype(float)
    cosines = first.astype(float) @ distinct.T / np.linalg.norm(distinct, axis=1)
    expected = np.mean(cosines.argmax(axis=1) == np.arange(60) % 20) / 3
    found = top1_accuracies(first, second, np.arange(60), ["cosine"])["cosine"]
    assert found == pytest.approx(expected, abs=1e-12)
    assert read_usage(folder / "usage.json").sequences == len({text for pair in pairs for text in pair})


def test_a_finished_language_is_not_embedded_again(study, monkeypatch):
    _, folder = study
    embedded = count_forwards(monkeypatch)
    embed(folder, ["en", "de"])
    first = (folder / "base.h5").read_bytes()
    (folder / "base.h5").unlink()
    embed(folder, ["en", "de"])
    assert len(embedded) == 2
    assert (folder / "base.h5").read_bytes() == first
    embed(folder, ["en", "de", "ja"])
    assert embedded[2:] == ["base: embedding dev ja"]
    embed(folder, ["en"], max_tokens=4)
    assert len(embedded) == 4


def test_all_data_sets_are_embedded_by_one_model_and_each_has_its_own_file(study, monkeypatch):
    _, folder = study
    loaded = []
    real = loading.load_model
    monkeypatch.setattr(loading, "load_model", lambda *call: loaded.append(call) or real(*call))
    for name, codes in (("dev", ["en", "de"]), ("other", ["ja"])):
        embed(folder, codes)
        (folder / "base.h5").rename(folder / f"{name}.h5")
        shutil.rmtree(folder / "cache")
    loaded.clear()
    embed(folder, ["en", "de"], layers=["last", 1], others=[("other", ["ja"])])
    assert len(loaded) == 1
    assert (folder / "base.h5").read_bytes() == (folder / "dev.h5").read_bytes()
    assert (folder / "base.other.h5").read_bytes() == (folder / "other.h5").read_bytes()


def test_another_list_of_data_sets_embeds_what_is_new_alone(study, monkeypatch):
    """Sentences that two data sets have in common are embedded once, since a cell is found by what was embedded."""
    _, folder = study
    embedded = count_forwards(monkeypatch)
    embed(folder, ["en", "de"])
    first = (folder / "base.h5").read_bytes()
    embedded.clear()
    embed(folder, ["en", "de"], others=[("more", ["ja", "de"])])
    assert embedded == ["base: embedding more ja"]
    assert (folder / "base.h5").read_bytes() == first
    assert read_usage(folder / "usage.json").from_cache == 2 + 1
    embedded.clear()
    embed(folder, ["en", "de"])
    assert embedded == []
    assert (folder / "base.h5").read_bytes() == first


def test_layers_that_are_missing_share_a_pass_and_are_those_embedded_alone(study, monkeypatch):
    _, folder = study
    embedded = count_forwards(monkeypatch)
    embed(folder, ["en", "de"])
    embed(folder, ["en", "de"], layers=[0, "last", 1])
    assert len(embedded) == 2 * 2
    assert read_usage(folder / "usage.json").from_cache == 2
    together = [(folder / f"base-{layer}.h5").read_bytes() for layer in (0, 1)]
    shutil.rmtree(folder / "cache")
    for layer, expected in zip((0, 1), together, strict=True):
        embed(folder, ["en", "de"], layers=[layer])
        assert (folder / f"base-{layer}.h5").read_bytes() == expected
    spaces = [read_part(folder / f"base{name}.h5", "de")[1] for name in ("", "-0", "-1")]
    assert min(np.abs(one - other).max() for one, other in combinations(spaces, 2)) > 1e-2
    for cell in (folder / "cache").rglob("*.h5"):
        flip_a_bit(cell)
    embed(folder, ["en", "de"], layers=[0, 1])
    assert [(folder / f"base-{layer}.h5").read_bytes() for layer in (0, 1)] == together


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def test_out_of_memory_halves_the_batch_says_so_and_gives_the_same(study, monkeypatch, caplog):
    model, folder = study
    embed(folder, ["en", "de"])
    ids, undisturbed = read_part(folder / "base.h5", "de")
    shutil.rmtree(folder / "cache")
    backbone = type(model.backbone)
    real = backbone.forward

    def forward(self, input_ids, *call, **options):
        if len(input_ids) > 2:  # as many as are read when a model is looked at
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(self, input_ids, *call, **options)

    monkeypatch.setattr(backbone, "forward", forward)
    with caplog.at_level("WARNING"):
        embed(folder, ["en", "de"])
    halved = re.findall(r"out of memory with (\d+) sentences of \d+ tokens: halving", caplog.text)
    assert halved
    assert min(map(int, halved)) > 1
    again, halves = read_part(folder / "base.h5", "de")
    assert again == ids
    np.testing.assert_allclose(halves, undisturbed, rtol=1e-4, atol=1e-5)


def test_an_intervention_is_another_cell_and_another_space(study, monkeypatch):
    _, folder = study
    embedded = count_forwards(monkeypatch)
    embed(folder, ["en"])
    embed(folder, ["en"], condition="es")
    assert len(embedded) == 2
    (ids, base), (other_ids, intervened) = (read_part(folder / f"{name}.h5", "en") for name in ("base", "es"))
    assert ids == other_ids == [f"dev-{number}" for number in range(5)]
    assert np.abs(base - intervened).max() > 1e-3


@pytest.mark.parametrize("layer", [1, "middle"])
def test_the_direction_of_a_layer_is_the_difference_of_its_mean_states(study, layer):
    """Against states of one sentence at a time, averaged over tokens, then over sentences; of two blocks."""
    model, folder = study
    spec = {"languages": ["en", "de", "ja"], "layer": layer, "max_tokens": 12}
    run(average_states, folder, spec, model="model.json", texts="texts.parquet", means="means.h5")
    expected = {}
    for language, texts in TEXTS.items():
        states = []
        for token_ids in encode(model.tokenizer, texts, 12):
            (batch,) = batches([token_ids], 100, model.pad_id)
            states.append(model.forward_layers(batch, [1])[0][0].double().mean(dim=0).numpy())
        expected[language] = np.stack(states)
    others = np.concatenate([expected["en"], expected["de"]]).mean(axis=0)
    spec = {"name": "ja-layer-caa", "model": "tiny", "target": "ja", "method": "mean_difference", "layer": layer}
    command = ["--spec", canonical_json({**spec, "strength": 1.0, "positions": "all"})]
    for option, name in {"model": "model.json", "means": "means.h5", "condition": "ja.json"}.items():
        command += [f"--{option}", str(folder / name)]
    steer_layer.main(command)
    condition = read_condition(folder / "ja.json")
    (site,) = condition.sites
    assert (condition.units, condition.k, site.module) == ("layer", model.manifest.width, "h.0")
    np.testing.assert_allclose(site.parameters["shift"], expected["ja"].mean(axis=0) - others, rtol=1e-4, atol=1e-5)


def test_the_covariance_within_languages_is_over_the_sentences_of_all(study):
    """Against states of one sentence at a time; only where it is asked for is it there."""
    model, folder = study
    spec = {"languages": ["en", "ja"], "layer": 1, "max_tokens": 12}
    paths = {"model": "model.json", "texts": "texts.parquet"}
    run(average_states, folder, spec, **paths, means="means.h5")
    run(average_states, folder, {**spec, "covariance": True}, **paths, means="more.h5")
    centred = []
    for language in spec["languages"]:
        batch_of_one = [batches([ids], 100, model.pad_id) for ids in encode(model.tokenizer, TEXTS[language], 12)]
        states = [model.forward_layers(batch, [1])[0][0].double().mean(dim=0).numpy() for (batch,) in batch_of_one]
        centred.append(np.stack(states) - np.mean(states, axis=0))
    expected = np.cov(np.concatenate(centred), rowvar=False, bias=True)
    found = read_layer(folder / "more.h5", "ja")
    np.testing.assert_allclose(found.within, expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(found.target, read_layer(folder / "means.h5", "ja").target)
    assert read_layer(folder / "means.h5", "ja").within is None


def test_the_mean_states_of_a_layer_are_found_in_the_cache(study):
    _, folder = study
    spec = {"languages": ["en", "de"], "layer": 1, "max_tokens": 12}
    paths = {"model": "model.json", "texts": "texts.parquet"}
    run(average_states, folder, spec, **paths, means="means.h5")
    assert read_usage(folder / "usage.json").from_cache == 0
    run(average_states, folder, {**spec, "languages": ["en", "de", "ja"]}, **paths, means="more.h5")
    assert read_usage(folder / "usage.json").from_cache == 2
    run(average_states, folder, {**spec, "layer": "middle"}, **paths, means="more.h5")  # of two blocks
    assert read_usage(folder / "usage.json").from_cache == 2
    with pytest.raises(StudyError, match="no states of ja and other languages"):
        read_layer(folder / "means.h5", "ja")
    with pytest.raises(StudyError, match=r"methods\.\*\.layer: 5"):
        run(average_states, folder, {**spec, "layer": 5}, **paths, means="none.h5")


def test_every_cell_says_what_it_was_made_from(study):
    model, folder = study
    embed(folder, ["en"])
    (cell,) = (folder / "cache").rglob("*.h5")
    with h5py.File(cell) as file:
        assert model.manifest.identity in file.attrs["key"]
        assert '"max_tokens":128' in file.attrs["key"]


def test_usage_counts_what_went_through_the_model_and_what_was_found(study):
    model, folder = study
    lengths = {
        language: [min(len(ids), 9) for ids in encode(model.tokenizer, TEXTS[language], 128)] for language in TEXTS
    }
    embed(folder, ["en", "de"], max_tokens=9)
    first = read_usage(folder / "usage.json")
    assert (first.tokens, first.sequences, first.from_cache) == (sum(lengths["en"] + lengths["de"]), 10, 0)
    assert first.forward_seconds > 0
    assert (first.device, first.devices, first.device_seconds, first.peak_device_memory_bytes) == ("cpu", 0, 0.0, None)
    embed(folder, ["en", "de", "ja"], max_tokens=9)
    second = read_usage(folder / "usage.json")
    assert (second.tokens, second.sequences, second.from_cache) == (sum(lengths["ja"]), 5, 2)
    record(folder, max_tokens=9)
    third = read_usage(folder / "usage.json")
    assert (third.tokens, third.sequences, third.from_cache) == (sum(sum(each) for each in lengths.values()), 15, 0)
    record(folder, max_tokens=9)
    assert read_usage(folder / "usage.json") == Usage(from_cache=3)


def test_maps_are_fitted_layer_after_layer_on_the_model_as_it_is_changed_up_to_there(study):
    """Against models whose earlier modules are changed by hand, a sentence at a time."""
    model, folder = study
    record(folder, poolings=["max"])
    spec = {"languages": ["en", "de", "ja"], "pooling": "max", "expertise": "auroc", "token_mean": False}
    run(rank_neurons, folder, spec, model="model.json", activations="activations.h5", experts="experts.h5")
    spec = {
        **{
            "name": "ja-expert-max-k30-act",
            "model": "tiny",
            "units": "expert",
            "target": "ja",
            "pooling": "max",
            "k": 30,
        },
        **{"selection": "top", "method": "linear_act_by_layer", "forced_value": "mean", "positions": "all"},
        **{"languages": ["en", "de", "ja"], "sentences": 3, "max_tokens": 128},
    }
    paths = {"model": "model.json", "texts": "texts.parquet", "experts": "experts.h5", "activations": "activations.h5"}
    run(fit_by_layer, folder, {**spec, "strength": 1.0}, **paths, condition="act.json")
    condition = read_condition(folder / "act.json")
    assert condition.k == 30 and len(condition.sites) > 2
    modules = dict(model.backbone.named_modules())
    others = [text for language in ("en", "de") for text in TEXTS[language][:3]]
    handles = []

    def pooled(module, units, texts):
        rows = []
        keep = module.register_forward_hook(lambda _, __, output: rows.append(output[0].amax(dim=0)[units].numpy()))
        for token_ids in encode(model.tokenizer, texts, 128):
            (batch,) = batches([token_ids], 100, model.pad_id)
            model.forward(batch)
        keep.remove()
        return np.stack(rows)

    targets = {site.module: pooled(modules[site.module], site.units, TEXTS["ja"]) for site in condition.sites}
    for site in condition.sites:
        module, units = modules[site.module], site.units
        source = pooled(module, units, others)
        slope, offset = transport_line(source, targets[site.module])
        np.testing.assert_allclose(site.parameters["slope"], slope, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(site.parameters["offset"], offset, rtol=1e-3, atol=1e-4)
        low, high = source.min(axis=0), source.max(axis=0)

        def change(_, __, output, units=units, line=(slope, offset, low, high)):
            a, b, least, most = (torch.tensor(each, dtype=torch.float32) for each in line)
            old = output[..., units]
            output[..., units] = torch.where((old >= least) & (old <= most), a * old + b, old)

        handles.append(module.register_forward_hook(change))
    for handle in handles:
        handle.remove()
    # Another strength is the same maps, found in the cache.
    run(fit_by_layer, folder, {**spec, "strength": 0.5}, **paths, condition="half.json")
    assert read_usage(folder / "usage.json").from_cache == 1
    half = read_condition(folder / "half.json")
    for site, weaker in zip(condition.sites, half.sites, strict=True):
        assert weaker.parameters == {**site.parameters, "strength": [0.5] * len(site.units)}
