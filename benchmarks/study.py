"""What the paper's whole study asks of a card: sequences, tokens and floating-point operations of every stage.

What goes beyond the paper (other data sets, layers, methods) is not counted. Counted from `studies/paper.yaml` by the
plan that the workflow itself runs by; the sizes of data sets and models are theirs, the tokens of a sentence are drawn
by `models.flores_like_lengths`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from snakemake.utils import update_config

from benchmarks.models import flores_like_lengths
from workflow_scripts.config.sections import PerplexitySection
from workflow_scripts.config.study import Config, read_config
from workflow_scripts.plan import BASE, Plan
from workflow_scripts.sweeps.perplexity import FIRST_ROUND, LATER_ROUNDS

ROOT = Path(__file__).parent.parent
# Sentences of a language: FLORES-200; test rows of PAWS-X with label 1, two sentences each; Tatoeba and the pairs of
# BUCC-18 in google/xtreme, of which both sides are embedded.
SENTENCES = {"flores-dev": 997, "flores-devtest": 1012, "paws-x": 2 * 907, "tatoeba": 2 * 1000, "bucc18": 2 * 9580}
# The paper's appendix I, in hours of an A100 (80 GB).
PUBLISHED_HOURS = {"bloom-7b1": 110, "aya-23-8b": 90, "polylm-chat-13b": 120}


# Standard deviation over windows, in nats, of their mean log likelihood under an intervention; see docs/performance.md.
WINDOW_SPREAD = 0.3


@dataclass(frozen=True)
class Architecture:
    """What the cost of a forward pass depends on."""

    layers: int
    width: int
    body: float  # parameters that a token meets, LM head and embeddings left out
    vocabulary: int
    context: int

    def flop(self, tokens: float, length: float, head: float = 0) -> float:
        """Operations of `tokens` in sequences of that length, the LM head being applied to `head` of them."""
        attention = 4 * self.layers * self.width * length / 2  # causal: half of the others on average
        return tokens * (2 * self.body + attention) + head * 2 * self.width * self.vocabulary


ARCHITECTURES = {
    "bloom-7b1": Architecture(layers=30, width=4096, body=6.04e9, vocabulary=250880, context=2048),
    "aya-23-8b": Architecture(layers=32, width=4096, body=6.98e9, vocabulary=256000, context=8192),
    "polylm-chat-13b": Architecture(layers=40, width=5120, body=12.58e9, vocabulary=256000, context=2048),
}


@dataclass(frozen=True)
class Work:
    """What one stage does with one model, over all its jobs."""

    model: str
    stage: str
    sequences: float
    tokens: float
    flop: float


def paper_study(**perplexity: float | None) -> list[Work]:
    """The work of `studies/paper.yaml`, stage by stage; `perplexity` replaces settings of that section."""
    overlay = ROOT / "studies/paper.yaml"
    settings = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(settings, yaml.safe_load(overlay.read_text()))
    settings["perplexity"] |= perplexity
    config = read_config(settings, [str(ROOT / "config.yaml"), str(overlay)])
    return [work for model in config.study.models for work in _stages(config, model)]


def _stages(config: Config, model: str) -> Iterator[Work]:
    architecture, plan = ARCHITECTURES[model], Plan(config)
    length = float(flores_like_lengths(100_000).mean())

    def forward(stage: str, sentences: float) -> Work:
        tokens = sentences * length
        return Work(model, stage, sentences, tokens, architecture.flop(tokens, length))

    yield forward("activations", SENTENCES["flores-dev"] * len(config.study.probing.languages))
    jobs = [(BASE, dataset) for dataset in plan.corpora.embedded]
    for condition in plan.conditions.experts_and_randoms(model):
        jobs += [(condition, dataset) for dataset in plan.corpora.embedded_under(condition)]
    jobs = [(condition, dataset) for condition, dataset in jobs if dataset in SENTENCES]
    embedded = sum(
        SENTENCES[dataset] * len(plan.corpora.embedded_languages(condition, dataset)) for condition, dataset in jobs
    )
    yield forward("embeddings", embedded)
    sweeps = len(plan.sweeps.targets) * len(plan.conditions.poolings) * len(config.sweep.ks)
    texts = sweeps * config.generation.sentences * len(config.generation.seeds)
    written = texts * config.generation.max_tokens
    # Every token is generated once and scored once more by the unintervened model.
    flop = 2 * architecture.flop(written, config.generation.max_tokens, head=written)
    yield Work(model, "generation", texts, written, flop)
    context = config.perplexity.context or architecture.context
    windows = sweeps * _windows_read(config.perplexity)
    scored = windows * config.perplexity.stride
    flop = architecture.flop(windows * context, context, head=scored)
    yield Work(model, "perplexity", windows, windows * context, flop)


def _windows_read(perplexity: PerplexitySection) -> float:
    """Windows of a text that are read under one condition, where their means spread by `WINDOW_SPREAD`."""
    whole = perplexity.tokens / perplexity.stride
    if perplexity.standard_error is None:
        return whole
    needed = (WINDOW_SPREAD / perplexity.standard_error) ** 2
    needed /= 1 + needed / whole  # of a text that ends, fewer tell as much
    read = 0.0
    while read < min(needed, whole):
        read += max(FIRST_ROUND, LATER_ROUNDS * read)
    return min(read, whole)
