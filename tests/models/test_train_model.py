"""Training the small model: it learns, it is deterministic, and it loads like any other."""

import pytest
import torch

from workflow_scripts.config.models import ModelConfig, TrainingSource
from workflow_scripts.models import train_tokenizer
from workflow_scripts.models.batching import encode
from workflow_scripts.models.describe_model import Spec as ModelSpec
from workflow_scripts.models.describe_model import describe
from workflow_scripts.models.loading import load_model
from workflow_scripts.models.train_model import Spec, main, mixed_batches
from workflow_scripts.sweeps.evaluate_model import identify, perplexity, unigram_perplexity
from workflow_scripts.texts import schema

SENTENCES = [
    f"{subject} {verb} {thing}."
    for subject in ["we", "they", "you"]
    for verb in ["see", "take", "like"]
    for thing in ["bread", "water", "houses", "trees"]
]
SOURCE = dict(
    dataset="a", held_out="b", languages=["en"], vocabulary=320, layers=1, width=32, heads=2, tokens_per_batch=256
)


@pytest.fixture
def texts(tmp_path):
    import pandas as pd

    rows = [(f"train-{number}", "en", "sentence", text) for number, text in enumerate(SENTENCES)]
    schema.write(tmp_path / "texts.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    return tmp_path / "texts.parquet"


def tokenizer_of(texts, languages):
    tokenizer = texts.parent / f"tokenizer-{'-'.join(languages)}" / "tokenizer.json"
    if not tokenizer.exists():
        spec = train_tokenizer.Spec(languages=languages, vocabulary=SOURCE["vocabulary"], part="sentence")
        train_tokenizer.main(["--spec", spec.model_dump_json(), "--texts", str(texts), "--tokenizer", str(tokenizer)])
    return tokenizer


def trained(texts, folder, **settings):
    spec = Spec(train=TrainingSource(**{**SOURCE, **settings}), part="sentence")
    options = {
        "texts": texts,
        "tokenizer": tokenizer_of(texts, spec.train.languages),
        "weights": folder / "model.safetensors",
        "checkpoints": folder / "checkpoints",
        "usage": folder.with_suffix(".usage.json"),
        "cache": folder / "cache",
        "code": "none",
        "device": "cpu",
    }
    main(
        ["--spec", spec.model_dump_json(), *(str(each) for key, path in options.items() for each in (f"--{key}", path))]
    )
    return loaded(folder)


def loaded(folder):
    config = ModelConfig(label="", path=str(folder), k=0)
    return load_model(describe(ModelSpec(name="tiny", model=config, directory=str(folder), sites="mlp")), "cpu")


def test_it_learns_what_a_unigram_model_cannot(texts, tmp_path):
    model = trained(texts, tmp_path / "long", steps=150)
    token_ids = encode(model.tokenizer, SENTENCES, 100)
    assert token_ids[0][0] == model.tokenizer.bos_token_id
    assert model.manifest.neurons == 5 * 32
    learned, unigram = perplexity(model, token_ids), unigram_perplexity(token_ids, token_ids, len(model.tokenizer))
    untrained = perplexity(trained(texts, tmp_path / "short", steps=1), token_ids)
    assert learned < unigram / 3 < untrained


def test_perplexity_is_that_of_one_sentence_after_another(texts, tmp_path):
    model = trained(texts, tmp_path / "model", steps=20)
    token_ids = encode(model.tokenizer, [*SENTENCES[:5], "see"], 100)
    losses, tokens = 0.0, 0
    for ids in token_ids:
        row = torch.tensor([ids])
        losses += model.model(input_ids=row, labels=row).loss.item() * (len(ids) - 1)
        tokens += len(ids) - 1
    assert perplexity(model, token_ids) == pytest.approx(torch.tensor(losses / tokens).exp().item(), rel=1e-4)


def test_the_same_seed_gives_the_same_weights(texts, tmp_path):
    one, other = (trained(texts, tmp_path / name, steps=5).model.state_dict() for name in ("one", "other"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_checkpoints_are_the_model_on_its_way_and_change_nothing_of_it(texts, tmp_path):
    final = trained(texts, tmp_path / "plain", steps=5)
    assert list((tmp_path / "plain/checkpoints").iterdir()) == []
    token_ids = encode(final.tokenizer, SENTENCES, 100)
    trained(texts, tmp_path / "kept", steps=5, checkpoints=[3, 0])
    names = ["model.safetensors", "tokenizer.json", "config.json"]
    for name in names:
        assert (tmp_path / "kept" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    checkpoints = tmp_path / "kept/checkpoints"
    assert sorted(path.name for path in checkpoints.iterdir()) == ["step0", "step3"]
    losses = [perplexity(model, token_ids) for model in (loaded(checkpoints / "step0"), loaded(checkpoints / "step3"))]
    assert losses[0] > losses[1] > perplexity(final, token_ids)
    assert losses[0] == pytest.approx(len(final.tokenizer), rel=0.1)  # an untrained model takes all tokens for alike


LENGTHS = {"en": [3, 5, 8], "de": [7, 9], "ja": [2, 4, 6, 11], "fr": [400]}  # tokens of the sentences


def mixed(**settings):
    """The batches of a mixture, each as the language and the length of its sentences."""
    languages = list(LENGTHS)
    source = TrainingSource(**{**SOURCE, "languages": languages, **settings})
    sentences = {
        language: [[1000 * place + length] * length for length in LENGTHS[language]]
        for place, language in enumerate(languages, start=1)
    }
    found = []
    for batch in mixed_batches(sentences, source, pad_id=0):
        rows = [[token for token in row if token] for row in batch.token_ids.tolist()]
        found.append([(languages[row[0] // 1000 - 1], len(row)) for row in rows])
    return source, found


@pytest.mark.parametrize(
    "proportions",
    [{"fr": 0}, {"en": 3, "fr": 0}, {"en": 1, "de": 0, "ja": 0, "fr": 0}, {"de": 0.01, "fr": 0}, {"fr": 2}],
)
def test_each_language_has_its_share_of_the_tokens_and_every_mixture_as_many(proportions):
    source, found = mixed(proportions=proportions, steps=130, tokens_per_batch=100)
    whole = {language: proportions.get(language, 1) for language in LENGTHS}
    counted = dict.fromkeys(LENGTHS, 0)
    for batch in found:
        for language, length in batch:
            counted[language] += length
    total = sum(counted.values())
    longest = min(100, max(length for of_language in LENGTHS.values() for length in of_language))
    assert len(found) == 130
    assert 13_000 <= total < 13_000 + 3 * longest  # of the sentences of 50 steps, the last ends late
    for language, weight in whole.items():
        assert counted[language] == pytest.approx(total * weight / sum(whole.values()), abs=longest)
        assert (counted[language] > 0) == (weight > 0)
    assert source.shares == pytest.approx({code: weight / sum(whole.values()) for code, weight in whole.items()})


def test_batches_of_a_mixture_are_of_like_lengths_and_size():
    _, found = mixed(proportions={"fr": 0}, steps=130, tokens_per_batch=100)
    sizes = [sum(length for _, length in batch) for batch in found]
    assert all(89 <= size <= 111 for size in sizes)  # to within the longest sentence
    assert sum(max(batch, key=lambda each: each[1])[1] * len(batch) for batch in found) < 1.1 * sum(sizes)
    again = mixed(proportions={"fr": 0}, steps=130, tokens_per_batch=100)[1]
    other = mixed(proportions={"fr": 0}, steps=130, tokens_per_batch=100, seed=1)[1]
    assert found == again != other


def test_mixtures_share_a_tokenizer_and_differ_in_what_they_learn(texts, tmp_path):
    import pandas as pd

    german = [text.replace("we", "wir").replace("bread", "Brot").replace("see", "sehen") for text in SENTENCES]
    rows = [
        (f"train-{number}", language, "sentence", text)
        for language, of_language in {"en": SENTENCES, "de": german[:20]}.items()
        for number, text in enumerate(of_language)
    ]
    schema.write(texts, pd.DataFrame(rows, columns=schema.COLUMNS))
    one, other = (
        trained(texts, tmp_path / name, languages=["en", "de"], proportions=proportions, steps=60)
        for name, proportions in {"both": {"en": 1}, "english": {"de": 0}}.items()
    )
    tokenizers = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("both", "english")]
    assert tokenizers[0] == tokenizers[1] == tokenizer_of(texts, ["en", "de"]).read_bytes()
    token_ids = encode(one.tokenizer, german[:12], 100)
    assert perplexity(one, token_ids) < perplexity(other, token_ids) / 2


def test_the_tokenizer_is_trained_on_as_many_sentences_of_every_language(texts):
    import pandas as pd

    rows = [(f"train-{number}", "en", "sentence", text) for number, text in enumerate(SENTENCES)]
    rows += [(f"train-{number}", "de", "sentence", text) for number, text in enumerate(["das Haus", "der Baum"])]
    schema.write(texts, pd.DataFrame(rows, columns=schema.COLUMNS))
    spec = train_tokenizer.Spec(languages=["de", "en"], vocabulary=300, part="sentence")
    assert train_tokenizer.balanced(texts, spec) == ["das Haus", "der Baum", *SENTENCES[:2]]


def test_texts_are_identified_among_the_trained_languages():
    assert identify(["der Hund und die Katze", "el perro y el gato"], ["de", "es"]) == ["de", "es"]
