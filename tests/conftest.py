"""Tiny models with random weights, one of each architecture, saved as real ones are; and a real browser."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from workflow_scripts.config.languages import LANGUAGES

# No test depends on how fast the machine is. `make test-more` draws more cases.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=150)
settings.load_profile("quick")

# Tests run side by side, on models so small that further threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Files that take minutes. A file goes as a whole to one of the processes that run tests side by side: these are begun
# first, so that no process waits for another in the end. While the first makes the finished study that many need, the
# next ones need none.
FIRST = [
    "workflow/test_workflow.py",
    "workflow/test_given_files.py",
    "refusals/test_refused_security.py",
    "refusals/test_refused_targets.py",
    "workflow/test_reruns.py",
    "workflow/test_encoder_study.py",
    "workflow/test_concurrency.py",
    "workflow/",
    "refusals/",
    "models/",
]

TEXTS = ["A short one.", "Ein etwas längerer Satz mit mehr Wörtern.", "短い文。", "Une phrase.", "x", "y " * 40]
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `FIRST` before all others."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(here).as_posix()
        return next((index for index, first in enumerate(FIRST) if path.startswith(first)), len(FIRST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; `make test` installs Debian's where it may."""
    if CHROMIUM is None:
        pytest.skip("needs chromium or google-chrome on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM)
        yield running
        running.close()


@pytest.fixture
def open_page(browser):
    """Opens a file in a window; what the browser `said` and `asked` for is kept."""
    windows = []

    def open_page(path: Path) -> SimpleNamespace:
        windows.append(browser.new_page(viewport={"width": 1280, "height": 900}))
        said, asked = [], []
        windows[-1].on("console", lambda message: said.append(message.text))
        windows[-1].on("pageerror", lambda error: said.append(str(error)))
        windows[-1].on("request", lambda request: asked.append(request.url))
        windows[-1].goto(path.as_uri())
        return SimpleNamespace(window=windows[-1], said=said, asked=asked)

    yield open_page
    for window in windows:
        window.close()


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Sentences of very different lengths."""
    return TEXTS


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory) -> Callable[..., Path]:
    """Makes (once a session) the directory of a tiny random model of an architecture."""
    made: dict[tuple, Path] = {}

    def make(architecture: str, **tokenizer_options) -> Path:
        key = (architecture, *sorted(tokenizer_options.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp(architecture)
            _save(made[key], architecture, tokenizer_options)
        return made[key]

    return make


@pytest.fixture(scope="session")
def load(model_directory):
    """Loads a tiny model as the stages load a real one."""
    from workflow_scripts.models.loading import load_model

    def load(architecture: str, sites="mlp", **tokenizer_options):
        return load_model(_manifest(model_directory(architecture, **tokenizer_options), sites), "cpu")

    return load


def _manifest(directory: Path, sites):
    from transformers import AutoConfig

    from workflow_scripts.config.architectures import architecture_of
    from workflow_scripts.config.models import ModelConfig
    from workflow_scripts.models.describe_model import Spec, describe

    architecture = architecture_of(AutoConfig.from_pretrained(directory))
    model = ModelConfig(label="", path=str(directory), k=0, architecture=architecture)
    return describe(Spec(name="tiny", model=model, directory=str(directory), sites=sites))


def _save(directory: Path, architecture: str, tokenizer_options: dict) -> None:
    import torch
    import transformers

    tokenizer = _byte_tokenizer(**tokenizer_options)
    sizes = {
        "bloom": dict(hidden_size=32, n_layer=2, n_head=4),
        "gpt2": dict(n_embd=32, n_layer=2, n_head=4, n_positions=128),
        "llama": dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4),
        "opt": dict(hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=32),
        "cohere": dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4),
        "mt5": dict(d_model=32, d_ff=48, d_kv=8, num_layers=2, num_heads=4),
        "xlm-roberta": dict(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=129,  # one of them for padding
        ),
        "bert": dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4),
    }[architecture]
    auto = {
        "mt5": transformers.AutoModelForSeq2SeqLM,
        "xlm-roberta": transformers.AutoModelForMaskedLM,
        "bert": transformers.AutoModel,
    }.get(architecture, transformers.AutoModelForCausalLM)
    config = transformers.AutoConfig.for_model(
        architecture, vocab_size=len(tokenizer), pad_token_id=0, bos_token_id=1, eos_token_id=2, **sizes
    )
    torch.manual_seed(0)
    model = auto.from_config(config)
    for weight in model.parameters():
        # Larger than the usual initialisation, so that sentences differ well above rounding.
        torch.nn.init.normal_(weight, std=0.2) if weight.dim() > 1 else torch.nn.init.normal_(weight, 1.0, 0.1)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def _byte_tokenizer(pad: bool = True, padding_side: str = "right", bos: bool = True):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    special = {"bos_token": "<s>", "eos_token": "</s>"} | ({"pad_token": "<pad>"} if pad else {})
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side=padding_side, **special)


@pytest.fixture(scope="session")
def languages() -> dict:
    """The built-in language table."""
    return LANGUAGES
