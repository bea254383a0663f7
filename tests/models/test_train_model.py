"""Training the small model: it learns, it is deterministic, and it loads like any other."""

import pytest
import torch

from workflow_scripts.config.models import ModelConfig, TrainingSource
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import encode
from workflow_scripts.models.describe_model import Spec as ModelSpec
from workflow_scripts.models.describe_model import describe
from workflow_scripts.models.loading import load_model
from workflow_scripts.models.train_model import Spec, main, read_texts
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


def trained(texts, folder, steps, checkpoints=()):
    spec = Spec(train=TrainingSource(**SOURCE, steps=steps, checkpoints=list(checkpoints)), part="sentence")
    outputs = ["--weights", str(folder / "model.safetensors"), "--usage", str(folder.with_suffix(".usage.json"))]
    outputs += ["--checkpoints", str(folder / "checkpoints")]
    main(["--spec", spec.model_dump_json(), "--texts", str(texts), *outputs])
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


def test_proportions_repeat_or_leave_out(texts):
    def count(share):
        train = TrainingSource(**SOURCE, proportions={"en": share})
        return len(read_texts(texts, Spec(train=train, part="sentence")))

    assert (count(0.5), count(1.0), count(2.5)) == (18, 36, 90)
    with pytest.raises(StudyError, match=r"train\.proportions\.en leaves no sentence"):
        count(0.001)


def test_texts_are_identified_among_the_trained_languages():
    assert identify(["der Hund und die Katze", "el perro y el gato"], ["de", "es"]) == ["de", "es"]
