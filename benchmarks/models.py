"""Real architectures with random weights, and texts as long as those of FLORES-200; nothing is downloaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from workflow_scripts.interventions.conditions import Condition
    from workflow_scripts.models.sites import NeuronSite

# Sizes of published models; `small` variants keep what matters for a benchmark, like BLOOM's large vocabulary, and a
# `fifth` has a fifth of the layers and of the vocabulary.
ARCHITECTURES = {
    "smollm2-135m": (
        "Llama",
        dict(
            vocab_size=49152,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=30,
            num_attention_heads=9,
            num_key_value_heads=3,
            tie_word_embeddings=True,
        ),
    ),
    "smollm2-fifth": (
        "Llama",
        dict(
            vocab_size=9830,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=6,
            num_attention_heads=9,
            num_key_value_heads=3,
            tie_word_embeddings=True,
        ),
    ),
    "tiny": ("Bloom", dict(vocab_size=2048, hidden_size=64, n_layer=2, n_head=4)),
    "bloom-small": ("Bloom", dict(vocab_size=250880, hidden_size=256, n_layer=6, n_head=8)),
    "bloom-7b": ("Bloom", dict(vocab_size=250880, hidden_size=4096, n_layer=30, n_head=32)),
    "aya-8b": (
        "Cohere",
        dict(
            vocab_size=256000,
            hidden_size=4096,
            intermediate_size=14336,
            num_hidden_layers=32,
            num_attention_heads=32,
            num_key_value_heads=8,
        ),
    ),
    "polylm-13b": ("GPT2", dict(vocab_size=256000, n_positions=2048, n_embd=5120, n_layer=40, n_head=40)),
}
DTYPES = ("float32", "bfloat16")
LONGEST = 128  # tokens after which sentences are cut off, as in the study


def flores_like_lengths(count: int, seed: int = 0) -> np.ndarray:
    """Tokens of sentences, int [count]: log-normal like those of FLORES-200 in a multilingual vocabulary, cut off."""
    drawn = np.random.default_rng(seed).lognormal(np.log(54), 0.4, count)
    return np.clip(np.rint(drawn), 4, LONGEST).astype(int)


def flores_like_texts(count: int, seed: int = 0) -> list[str]:
    """Texts that the tokenizer of `save_model` makes so many tokens of, each of them other than the rest."""
    generator = np.random.default_rng(seed)
    return [
        " ".join(f"w{word}" for word in generator.integers(0, WORDS, length))
        for length in flores_like_lengths(count, seed)
    ]


WORDS = 2000  # known to the tokenizer


def random_model(name: str, **options) -> "PreTrainedModel":
    """A model with random weights, on torch's current default device; `options` are those of `from_config`."""
    import torch
    import transformers

    family, sizes = ARCHITECTURES[name]
    config = getattr(transformers, f"{family}Config")(pad_token_id=0, bos_token_id=1, eos_token_id=2, **sizes)
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(config, **options)


def save_model(name: str, directory: Path) -> None:
    """Write config, random float32 weights and a tokenizer of a token a word, laid out as on the hub."""
    random_model(name).save_pretrained(directory)
    word_tokenizer().save_pretrained(directory)


def load(directory: Path, dtype: str = "float32"):
    """The model as the stages load it (`workflow_scripts.models.loading.LanguageModel`), on the CPU."""
    from workflow_scripts.config.models import ModelConfig
    from workflow_scripts.models.describe_model import Spec, describe
    from workflow_scripts.models.loading import load_model

    model = ModelConfig(label="", path=str(directory), k=0, dtype=dtype)
    return load_model(describe(Spec(name="random", model=model, directory=str(directory), sites="mlp")), "cpu")


def sweep(sites: "Sequence[NeuronSite]", ks: Sequence[int]) -> "list[Condition]":
    """A condition each k: the first k of all neurons in a random order, forced to random constants."""
    from workflow_scripts.interventions.conditions import Condition, Site

    generator = np.random.default_rng(0)
    site_of = np.repeat(np.arange(len(sites)), [site.width for site in sites])
    unit_of = np.concatenate([np.arange(site.width) for site in sites])
    order, values = generator.permutation(len(site_of)), generator.normal(0, 2, len(site_of))
    conditions = []
    for k in ks:
        chosen = np.sort(order[:k])
        changed = [
            Site(
                module=site.module,
                width=site.width,
                units=unit_of[here].tolist(),
                parameters={"value": values[here].tolist()},
            )
            for place, site in enumerate(sites)
            if len(here := chosen[site_of[chosen] == place])
        ]
        method = {"method": "force", "units": "random"} if k else {}
        conditions.append(Condition(name=f"k{k}", model="random", k=k, sites=changed, **method))
    return conditions


def word_tokenizer() -> "PreTrainedTokenizerBase":
    """A tokenizer that makes a token of each word of `flores_like_texts`, and adds none."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3} | {f"w{word}": 4 + word for word in range(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
