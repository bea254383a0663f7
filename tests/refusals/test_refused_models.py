"""Models that are refused: by the stage `model` where their files tell, else by the first stage that runs them."""

import json
import shutil

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from workflow_scripts.embeddings import embed_sentences
from workflow_scripts.embeddings.embedding_files import read_part
from workflow_scripts.interventions.conditions import Condition, write_condition
from workflow_scripts.jobs.files import file_hash
from workflow_scripts.models import convert_gguf, describe_model
from workflow_scripts.neurons import record_responses
from workflow_scripts.sweeps import generate_texts
from workflow_scripts.texts import schema

TEXTS = ["A short one.", "Ein etwas längerer Satz mit mehr Wörtern.", "短い文。"]
FIRST = "transformer.h.0.mlp.c_fc.weight"


@pytest.fixture
def directory(model_directory, tmp_path):
    """A directory with a tiny GPT-2 that may be changed."""
    return shutil.copytree(model_directory("gpt2"), tmp_path / "weights")


@pytest.fixture
def commands(tmp_path):
    """The command lines of the stages for the model in a directory."""
    rows = [(f"dev-{number}", code, "sentence", text) for code in ("en", "de") for number, text in enumerate(TEXTS)]
    schema.write(tmp_path / "texts.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    write_condition(tmp_path / "base.json", Condition(name="base", model="own"))
    running = ["--cache", tmp_path / "cache", "--code", "c", "--device", "cpu", "--usage", tmp_path / "usage.json"]
    running += ["--model", tmp_path / "model.json"]
    texts = ["--texts", tmp_path / "texts.parquet"]

    class Commands:
        @staticmethod
        def model(directory, sites="mlp", **options):
            config = {"label": "", "path": str(directory), "k": 0, **options}
            spec = {"name": "own", "model": config, "directory": str(directory), "sites": sites}
            return ["--spec", json.dumps(spec), "--manifest", tmp_path / "model.json"]

        @staticmethod
        def embeddings(layers=("last",)):
            dataset = {"name": "dev", "languages": ["en"], "parts": ["sentence"], "layers": list(layers)}
            spec = {"datasets": [dataset], "pooling": "mean", "max_tokens": 200}
            files = ["--condition", tmp_path / "base.json", "--embeddings", tmp_path / "embeddings.h5"]
            return ["--spec", json.dumps(spec), *texts, *files, *running]

        @staticmethod
        def activations(storage="float32"):
            spec = {"languages": ["en", "de"], "poolings": ["max", "mean"], "max_tokens": 200, "storage": storage}
            return ["--spec", json.dumps(spec), *texts, "--activations", tmp_path / "activations.h5", *running]

        @staticmethod
        def generation(max_tokens=5):
            spec = {"target": "en", "pooling": "max", "sentences": 2, "seeds": [0], "max_tokens": max_tokens}
            spec |= {"temperature": 1.0, "top_p": 0.9, "top_k": 50}
            files = ["--conditions", tmp_path / "base.json", "--generations", tmp_path / "generations.parquet"]
            return ["--spec", json.dumps(spec), *files, *running]

    return Commands


def change_json(name, **changes):
    """An edit: change keys of a JSON file, or take out those that are None."""

    def edit(directory):
        content = json.loads((directory / name).read_text()) | changes
        kept = {key: value for key, value in content.items() if value is not None}
        (directory / name).write_text(json.dumps(kept))

    return edit


def change_weights(edit_weights):
    """An edit: change the dictionary of weights."""

    def edit(directory):
        weights = load_file(directory / "model.safetensors")
        edit_weights(weights)
        save_file(weights, directory / "model.safetensors", {"format": "pt"})

    return edit


def remove(name):
    return lambda directory: (directory / name).unlink()


def write(name, content):
    return lambda directory: (directory / name).write_bytes(content)


def pickled(content):
    """An edit: put these bytes, or the weights themselves, in the place of the safetensors."""

    def edit(directory):
        weights = load_file(directory / "model.safetensors")
        (directory / "model.safetensors").unlink()
        torch.save(weights, directory / "pytorch_model.bin")
        if content is not None:
            (directory / "pytorch_model.bin").write_bytes(content)

    return edit


def move_vocabulary(directory):
    """An edit: make the tokenizer one of a larger vocabulary."""
    content = json.loads((directory / "tokenizer.json").read_text())
    content["model"]["vocab"] = {token: number + 400 for token, number in content["model"]["vocab"].items()}
    (directory / "tokenizer.json").write_text(json.dumps(content))


EVERYTHING = {"type": "Replace", "pattern": {"Regex": ".+"}, "content": ""}
NO_TOKEN = change_json("tokenizer.json", normalizer=EVERYTHING, post_processor=None)
ELSEWHERE = {"AutoModelForCausalLM": "someone/else--modeling.Model"}
VIT = b'{"model_type": "vit", "architectures": ["ViTModel"]}'
BERT = b'{"model_type": "bert", "architectures": ["BertModel"]}'

# What is wrong, the edit of the directory, options of the model in the config, and what the stage `model` says.
BY_ITS_FILES = [
    ("no directory", shutil.rmtree, {}, r"models\.own\.path: there is no directory .*/weights"),
    ("no weights", remove("model.safetensors"), {}, r"models\.own: .* holds no \*\.safetensors weights"),
    ("pickles", pickled(None), {}, r"only \.bin weights, which are pickles; .* set models\.own\.pickle_weights: true"),
    ("no configuration", remove("config.json"), {}, r"weights: no usable model configuration: .*config\.json"),
    ("broken configuration", write("config.json", b"{"), {}, r"weights: no usable model configuration: .*JSON"),
    ("unknown type", change_json("config.json", model_type="none"), {}, r"no usable model configuration: .*'?none'?"),
    ("no type", change_json("config.json", model_type=None), {}, r"no usable model configuration: .*model_type"),
    (
        "images",
        write("config.json", VIT),
        {},
        r"vit is no causal language model, encoder-decoder or encoder that tr",
    ),
    (
        "encoder",
        write("config.json", BERT),
        {},
        r"models\.own\.architecture is causal, but .* an encoder \(BertModel\); set models\.own\.architecture: encoder",
    ),
    (
        "encoder by its architecture",
        change_json("config.json", architectures=["OwnForMaskedLM"]),
        {},
        r"holds an encoder \(OwnForMaskedLM\); set",
    ),
    (
        "no encoder-decoder",
        lambda _: None,
        {"architecture": "encoder_decoder"},
        r"models\.own\.architecture is encoder_decoder, but .* a causal language model \(GPT2LMHeadModel\); set .*",
    ),
    ("no tokenizer", remove("tokenizer.json"), {}, r"weights: no usable tokenizer: "),
    ("broken tokenizer", write("tokenizer.json", b"{"), {}, r"weights: no usable tokenizer: "),
    ("other neurons", lambda _: None, {"neurons": 321}, r"models\.own\.neurons says 321, but neurons\.sites finds 320"),
    ("no such site", lambda _: None, {"sites": ["*.gate"]}, r"neurons\.sites: no linear layer matches '\*\.gate'; the"),
    (
        "code elsewhere",
        change_json("config.json", auto_map=ELSEWHERE),
        {"trust_remote_code": True},
        r"config\.json takes code from another repository .*someone/else.*nothing pins to a revision",
    ),
    (
        "tokenizer code elsewhere",
        change_json("tokenizer_config.json", auto_map={"AutoTokenizer": ["a/b--c.D", None]}),
        {"trust_remote_code": True},
        r"tokenizer_config\.json takes code from another repository",
    ),
    (
        "code not trusted",
        change_json("config.json", model_type="own", auto_map={"AutoConfig": "own.Config"}),
        {},
        r"no usable model configuration: .*custom code.*trust_remote_code=True",
    ),
]


@pytest.mark.parametrize(
    ("edit", "options", "message"), [case[1:] for case in BY_ITS_FILES], ids=[case[0] for case in BY_ITS_FILES]
)
def test_refused_by_its_files(refused, commands, directory, tmp_path, edit, options, message):
    edit(directory)
    refused(describe_model.main, commands.model(directory, **options), message)
    assert not (tmp_path / "model.json").exists()


def without(name):
    return change_weights(lambda weights: weights.pop(name))


def of_another_shape(weights):
    weights[FIRST] = weights[FIRST][:, :-1].contiguous()


def with_nan(weights):
    weights[FIRST][0, 0] = torch.nan


def with_infinity(weights):
    weights[FIRST][0] = torch.inf


# What is wrong, the edit, options of the model, the stage that finds out and its options, and what it says.
BY_RUNNING = [
    (
        "missing weight",
        without(FIRST),
        {},
        "embeddings",
        {},
        r"lacks 1 weights, which would be random: transformer\.h\.0",
    ),
    (
        "another shape",
        change_weights(of_another_shape),
        {},
        "embeddings",
        {},
        r"models\.own: .*transformer\.h\.0\.mlp\.c_fc",
    ),
    (
        "weights cut off",
        write("model.safetensors", b"\x10\0\0\0\0\0\0\0{"),
        {},
        "embeddings",
        {},
        r"models\.own: cannot load",
    ),
    (
        "empty weights",
        write("model.safetensors", b""),
        {},
        "embeddings",
        {},
        r"models\.own: cannot load .*; fetch it again",
    ),
    (
        "no pickle",
        pickled(b"no"),
        {"pickle_weights": True},
        "embeddings",
        {},
        r"models\.own: cannot load .*; fetch it again",
    ),
    ("NaN", change_weights(with_nan), {}, "embeddings", {}, r"NaN or infinite hidden states, first for 'A short"),
    (
        "NaN in neurons",
        change_weights(with_nan),
        {},
        "activations",
        {},
        r"the model gives NaN activations: its weights are dam",
    ),
    (
        "infinite neurons",
        change_weights(with_infinity),
        {},
        "activations",
        {},
        r"the model gives (NaN|infinite) activations",
    ),
    (
        "NaN in logits",
        change_weights(with_nan),
        {},
        "generation",
        {},
        r"models\.own gives NaN or infinite logits: its weights",
    ),
    (
        "other vocabulary",
        move_vocabulary,
        {},
        "embeddings",
        {},
        r"gives token \d+, but the model's vocabulary has \d+: tok.* do not",
    ),
    (
        "short context",
        lambda _: None,
        {},
        "generation",
        {"max_tokens": 129},
        r"generation\.max_tokens: 129, but own takes 128",
    ),
    (
        "no token",
        NO_TOKEN,
        {},
        "embeddings",
        {},
        r"the tokenizer makes no token of 'A short one\.'; remove that sentence",
    ),
    ("too few layers", lambda _: None, {}, "embeddings", {"layers": [3]}, r"no layer 3: own has layers 0 to 2; corr"),
]


@pytest.mark.parametrize(
    ("edit", "options", "stage", "changed", "message"),
    [case[1:] for case in BY_RUNNING],
    ids=[case[0] for case in BY_RUNNING],
)
def test_refused_by_running_it(refused, commands, directory, tmp_path, edit, options, stage, changed, message):
    edit(directory)
    describe_model.main(list(map(str, commands.model(directory, **options))))
    main = {"activations": record_responses, "embeddings": embed_sentences, "generation": generate_texts}[stage].main
    refused(main, getattr(commands, stage)(**changed), message)
    assert not list(tmp_path.glob(f"{stage}.*"))
    assert not list((tmp_path / "cache").rglob("*.h5"))


@pytest.mark.parametrize(
    ("name", "architecture", "said"),
    [("mt5", "encoder_decoder", "an encoder-decoder, of which"), ("xlm-roberta", "encoder", "an encoder")],
)
def test_what_writes_no_text_does_not_generate(refused, commands, model_directory, name, architecture, said):
    describe_model.main(list(map(str, commands.model(model_directory(name), architecture=architecture))))
    refused(generate_texts.main, commands.generation(), rf"models\.own is {said}.*: it has no perplexity and generates")


def test_a_tokenizer_without_a_first_token_does_not_generate(refused, commands, directory):
    change_json("tokenizer_config.json", bos_token=None)(directory)
    for name in ("config.json", "generation_config.json"):
        change_json(name, bos_token_id=None)(directory)
    describe_model.main(list(map(str, commands.model(directory))))
    refused(
        generate_texts.main, commands.generation(), r"no beginning-of-sentence token to generate from; set bos_token"
    )


def embedded(commands, directory, tmp_path, **options):
    describe_model.main(list(map(str, commands.model(directory, **options))))
    embed_sentences.main(list(map(str, commands.embeddings())))
    return torch.from_numpy(read_part(tmp_path / "embeddings.h5", "en")[1])


# What is odd, the edit, and options of the model in the config; nothing of it changes an embedding.
ODD = [
    ("no pad token", change_json("tokenizer_config.json", pad_token=None), {}),
    ("pad token beyond the vocabulary", change_json("tokenizer_config.json", pad_token="<|added|>"), {}),
    ("padding on the left", change_json("tokenizer_config.json", padding_side="left"), {}),
    ("other files", write("notes.bin.txt", b"of no matter"), {}),
    ("pickles that are allowed", pickled(None), {"pickle_weights": True}),
]


@pytest.mark.parametrize(("edit", "options"), [case[1:] for case in ODD], ids=[case[0] for case in ODD])
def test_what_is_odd_changes_no_embedding(commands, directory, tmp_path, edit, options):
    before = embedded(commands, directory, tmp_path)
    edit(directory)
    after = embedded(commands, directory, tmp_path, **options)
    torch.testing.assert_close(after, before)


def test_a_sentence_longer_than_the_models_context_is_cut_off(commands, directory, tmp_path):
    long = "many words " * 10_000  # 110,000 characters, one token each
    context = 128
    rows = [("dev-0", "en", "sentence", long), ("dev-1", "en", "sentence", long[: context - 1])]  # and a first token
    schema.write(tmp_path / "texts.parquet", pd.DataFrame(rows, columns=schema.COLUMNS))
    whole, cut = embedded(commands, directory, tmp_path)
    torch.testing.assert_close(whole, cut)


def refused_gguf(refused, tmp_path, path, sha256, message):
    spec = {"name": "own", "gguf": {"sha256": sha256, "file": str(path)}, "dtype": "float32"}
    command = ["--spec", json.dumps(spec), "--weights", tmp_path / "out/model.safetensors"]
    refused(convert_gguf.main, command, message)
    assert not (tmp_path / "out").exists()


def test_a_gguf_file_must_be_there_be_the_one_meant_and_be_one(refused, tmp_path):
    path = tmp_path / "own.gguf"
    refused_gguf(refused, tmp_path, path, "0" * 64, r"models\.own\.gguf\.file: there is no file .*/own\.gguf")
    path.write_bytes(b"GGUF, but no more of it")
    expected = rf"models\.own\.gguf\.sha256: own\.gguf has SHA-256 {file_hash(path)}, the config says 0{{64}}; fetch"
    refused_gguf(refused, tmp_path, path, "0" * 64, expected)
    refused_gguf(refused, tmp_path, path, file_hash(path), r"models\.own\.gguf: transformers cannot make a")
