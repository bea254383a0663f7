"""The slice of the config that each stage depends on: all of what a job depends on, as canonical JSON, and no more.

Snakemake runs a job again when, and only when, that text changes. A slice has the name of its stage and of its rule;
those of tables and figures are in `plan/shown`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from workflow_scripts.config.study import Config
from workflow_scripts.interventions.registry import settings_given
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.measures import registry
from workflow_scripts.plan.conditions import Conditions
from workflow_scripts.plan.corpora import Corpora
from workflow_scripts.plan.embedded import Embedded
from workflow_scripts.plan.models import Models
from workflow_scripts.plan.names import UNTRAINED, ConditionName, layer_number


def canonical(method: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Make a method that builds a slice of the config return its canonical JSON."""

    @wraps(method)
    def spec(self, *arguments: Any, **options: Any) -> str:
        return canonical_json(method(self, *arguments, **options))

    return spec


class Slices:
    """What each stage depends on, beside its input files."""

    def __init__(self, config: Config, models: Models, conditions: Conditions, corpora: Corpora, embedded: Embedded):
        self.config, self.study = config, config.study
        self.models, self.conditions, self.corpora, self.embedded = models, conditions, corpora, embedded

    # Texts and models

    @canonical
    def read_texts(self, dataset: str):
        return self._read(dataset)

    @canonical
    def preflight(self):
        return {
            "datasets": [self._read(dataset) for dataset in self.corpora.names],
            "models": {name: self.models[name].model_dump(mode="json") for name in self.models.names},
            "sites": self.config.neurons.sites,
        }

    def _read(self, dataset: str) -> dict[str, Any]:
        languages, table = self.corpora.languages_of(dataset), self.config.language_table
        settings = self.config.datasets[dataset]
        return {
            "name": dataset,
            "dataset": settings.model_dump(mode="json"),
            "languages": languages,
            "table": {code: table[code].model_dump() for code in languages},
            "data_root": {
                "local": self.config.data_root,
                "url": settings.archive_folder(self.config.cache),
            }.get(settings.source),
        }

    @canonical
    def describe_model(self, model: str, directory: str | None):
        blank = {"k": 0, "label": "", "seen": "all", "layers": []}
        blank |= dict.fromkeys(["published", "billion_parameters", "tokens_per_batch", "device", "threads"])
        blank["gpus"] = 1
        settings = self.models[model]
        described = settings.model_dump(mode="json")
        if settings.train is not None:
            described["train"] |= {"checkpoints": []}
        return {
            "name": model,
            "model": {**described, **blank},
            "directory": settings.path if settings.path is not None else directory,
            "sites": self.config.neurons.sites,
            **({"languages": self._languages_read()} if settings.architecture == "encoder_decoder" else {}),
        }

    @canonical
    def train_tokenizer(self, tokenizer: str):
        train = self.models.tokenizers[tokenizer]
        return {"languages": train.languages, "vocabulary": train.vocabulary, "part": self._part(train.dataset)}

    @canonical
    def train_model(self, model: str):
        train = self.models[model].train
        return {"train": train.model_dump(mode="json"), "part": self._part(train.dataset)}

    @canonical
    def evaluate_model(self, model: str):
        train = self.models[model].train
        return {"model": model, "languages": train.languages, "part": self._part(train.held_out)}

    @canonical
    def convert_gguf(self, model: str):
        settings = self.models[model]
        return {"name": model, "gguf": settings.gguf.model_dump(mode="json"), "dtype": settings.dtype}

    # Neurons

    @canonical
    def record_responses(self):
        experts = self.config.experts
        needed = ["mean"] if self._forces_token_means else []
        return {
            "languages": self.study.probing.languages,
            "poolings": list(dict.fromkeys([*experts.poolings, *needed])),
            "max_tokens": experts.max_tokens,
            "storage": experts.storage,
        }

    @canonical
    def rank_neurons(self, pooling: str):
        return {
            "languages": self.study.probing.languages,
            "pooling": pooling,
            "expertise": self.config.experts.expertise,
            "token_mean": self._forces_token_means,
        }

    @canonical
    def count_active_tokens(self):
        return {"languages": self.study.probing.languages, "max_tokens": self.config.experts.max_tokens}

    @canonical
    def score_transfer(self):
        return {"languages": self.study.targets, "max_tokens": self.config.experts.max_tokens}

    # Conditions

    @canonical
    def change_nothing(self, model: str, slug: str):
        return {"name": slug, "model": model}

    @canonical
    def choose_units(self, model: str, slug: str):
        name, chosen = ConditionName.parse(slug), self._chosen(model, slug)
        read = chosen["selection"] == "lape" or self.conditions.needs_responses(slug)
        control = {"draw": self.conditions.draw(slug), "values": self.config.random_control.values}
        return {
            **chosen,
            "seed": name.seed,
            **({"languages": self.study.probing.languages} if read else {}),
            **(control if name.units == "random" else {}),
        }

    @canonical
    def list_experts(self, model: str, pooling: str, target: str):
        return {
            "model": model,
            "target": target,
            "pooling": pooling,
            "k": self.models[model].k,
            "selection": self.config.experts.selection,
        }

    @canonical
    def fit_by_layer(self, model: str, slug: str):
        return {
            **self._chosen(model, slug),
            "languages": self.study.probing.languages,
            "sentences": self.config.methods[ConditionName.parse(slug).method].sentences,
            "max_tokens": self.config.experts.max_tokens,
        }

    @canonical
    def average_states(self, layer: str):
        means = {
            "languages": self.study.probing.languages,
            "layer": int(layer) if layer.isdecimal() else layer,
            "max_tokens": self.config.experts.max_tokens,
        }
        return {**means, "covariance": True} if self.conditions.needs_covariance(layer) else means

    @canonical
    def steer_layer(self, model: str, slug: str):
        name = ConditionName.parse(slug)
        change = self._change(slug)
        del change["forced_value"]
        layer = self.config.methods[name.method].layer
        return {"name": slug, "model": model, "target": name.target, "layer": layer, **change}

    # Embeddings

    @canonical
    def embed_sentences(self, model: str, slug: str):
        return {
            "datasets": [
                {
                    "name": dataset,
                    "languages": self.corpora.embedded_languages(slug, dataset),
                    "parts": self.config.datasets[dataset].parts,
                    "layers": [self._layer(path) for path in paths],
                }
                for dataset, paths in self.embedded.files(model, slug).items()
            ],
            **self.config.embeddings.model_dump(exclude={"layer"}),
        }

    @canonical
    def embed_words(self, slug: str):
        transfer = self.config.transfer
        return {
            "languages": self.study.treebank.languages,
            "layer": self.config.embeddings.layer,
            "max_tokens": transfer.max_tokens,
            "random_weights": transfer.seed if slug == UNTRAINED else None,
        }

    # Measures

    @canonical
    def measure_space(self, layers: list[str]):
        alignment = self.study.alignment
        return {
            "dataset": alignment.dataset,
            "languages": alignment.languages,
            "layers": [self._layer(path) for path in layers],
            "similarities": self.config.metrics.similarities,
        }

    @canonical
    def retrieve_paraphrases(self, slug: str):
        return {
            "dataset": self.study.paraphrase.dataset,
            "language": ConditionName.parse(slug).target,
            "similarities": self.config.metrics.similarities,
        }

    @canonical
    def retrieve_translations(self, slug: str, dataset: str):
        return {
            "dataset": dataset,
            "task": self.config.datasets[dataset].task,
            "languages": self.corpora.embedded_languages(slug, dataset),
            "similarities": self.config.metrics.similarities,
        }

    @canonical
    def correlate_languages(self, model: str, slug: str):
        candidates, seen = self.study.alignment.languages, self.models[model].seen
        return {
            "dataset": self.study.alignment.dataset,
            "query": ConditionName.parse(slug).target,
            "candidates": candidates,
            "seen": [code for code in candidates if seen == "all" or code in seen],
            "similarities": self.config.metrics.similarities,
            "measures": list(registry.distances()),
            "resampling": self.config.correlations.model_dump(),
        }

    @canonical
    def find_examples(self, slug: str):
        return {
            "dataset": self.study.alignment.dataset,
            "query": ConditionName.parse(slug).target,
            "languages": self.study.alignment.languages,
            "similarity": self.config.metrics.shown_similarity,
        }

    @canonical
    def project_space(self):
        alignment = self.study.alignment
        settings = self.config.projection.model_dump()
        return {"dataset": alignment.dataset, "languages": alignment.languages, **settings}

    # Sweeps

    @canonical
    def generate_texts(self, target: str, pooling: str | None, prompted: bool = False):
        settings = self.config.generation.model_dump(exclude={"identifier", "prompts"})
        if prompted:
            part = self._part(self.study.alignment.dataset)
            settings["prompts"] = {**self.config.generation.prompts.model_dump(), "part": part}
        return {"target": target, "pooling": pooling, **settings}

    @canonical
    def identify_languages(self, target: str):
        part = self._part(self.study.perplexity.dataset)
        return {"identifier": self.config.generation.identifier, "language": target, "part": part}

    @canonical
    def measure_perplexity(self, target: str, pooling: str | None):
        part = self._part(self.study.perplexity.dataset)
        return {"target": target, "pooling": pooling, "part": part, **self.config.perplexity.model_dump()}

    # Probes and similarity of languages

    @canonical
    def probe_topics(self):
        return {**self.study.topics.model_dump(), **self._probes("test_share", "regularisation", "seed")}

    @canonical
    def probe_few_shot(self):
        few_shot = self.config.transfer.few_shot
        return {
            **self.study.topics.model_dump(),
            **self._probes("test_share", "regularisation", "seed"),
            "sources": few_shot.sources or self.study.topics.languages,
            "examples": few_shot.examples,
        }

    @canonical
    def probe_ngrams(self):
        return {**self.study.topics.model_dump(), **self._probes("ngrams", "test_share", "seed")}

    @canonical
    def probe_words(self):
        settings = self._probes("test_share", "regularisation", "rank", "epochs", "learning_rate", "seed")
        return {**self.study.treebank.model_dump(), **settings}

    @canonical
    def compare_languages(self):
        languages, table = self.study.alignment.languages, self.config.language_table
        return {
            "languages": languages,
            "iso639_3": {code: table[code].iso639_3 for code in languages},
            "part": self._part(self.study.alignment.dataset),
            "file": self.config.similarity.file,
        }

    @canonical
    def compare_subwords(self):
        alignment = self.study.alignment
        return {"languages": alignment.languages, "part": self._part(alignment.dataset)}

    # The report

    @canonical
    def write_provenance(self):
        return {"config": self.config.model_dump(mode="json")}

    def _languages_read(self) -> dict[str, dict[str, Any]]:
        """Return the languages that models of the study read, as the table of languages has them."""
        codes = {code for dataset in self.corpora.names for code in self.corpora.languages_of(dataset)}
        return {code: self.config.language_table[code].model_dump() for code in sorted(codes)}

    @property
    def _forces_token_means(self) -> bool:
        """Return whether an intervention forces units to their mean over all tokens."""
        return any(each.forced_value == "token_mean" for each in self.config.interventions.values())

    def _probes(self, *keys: str) -> dict[str, Any]:
        """Return some settings of probes."""
        return self.config.transfer.model_dump(include=set(keys))

    def _layer(self, path: str) -> int | str:
        """Return the layer that a part of paths names: `/layer-2`, or nothing for the main layer."""
        return layer_number(path) if path else self.config.embeddings.layer

    def _part(self, dataset: str) -> str:
        return self.config.datasets[dataset].parts[0]

    def _chosen(self, model: str, slug: str) -> dict[str, Any]:
        """Return which units a condition changes, and what it does to them."""
        name = ConditionName.parse(slug)
        return {
            "name": slug,
            "model": model,
            "units": name.units,
            "target": name.target,
            "pooling": name.pooling,
            "k": name.k,
            "selection": self.conditions.selection(slug),
            **self._change(slug),
        }

    def _change(self, slug: str) -> dict[str, Any]:
        """Return what a condition does to its units, and how strongly."""
        section = self.conditions.intervention(slug)
        change = section.model_dump(include={"method", "forced_value", "positions"})
        if given := settings_given(section.method, section.settings):
            change["settings"] = given
        return {**change, "strength": self.conditions.strength(slug)}
