"""What each stage depends on, up to the metrics."""

from typing import Any

from workflow_scripts.config.sections import ROLES
from workflow_scripts.interventions.registry import settings_given
from workflow_scripts.plan.grid import Grid
from workflow_scripts.plan.names import ConditionName, layer_number
from workflow_scripts.plan.slices import slice_of_config


class StageSlices(Grid):
    """Slices of the config for the jobs that make texts, models, caches, conditions and metrics."""

    @slice_of_config
    def texts(self, dataset: str):
        """What a data set's parquet depends on."""
        languages = list(dict.fromkeys(code for codes in self._uses(dataset) for code in codes))
        table = self.config.language_table
        settings = self.config.datasets[dataset]
        return {
            "name": dataset,
            "dataset": settings.model_dump(mode="json"),
            "languages": languages,
            "table": {code: table[code].model_dump() for code in languages},
            "data_root": self.config.data_root if settings.source == "local" else None,
        }

    @slice_of_config
    def model(self, model: str, directory: str | None):
        """What a model's manifest depends on."""
        blank = {"k": 0, "label": "", "seen": "all", "layers": []}
        blank |= dict.fromkeys(["published", "billion_parameters", "tokens_per_batch", "device", "threads"])
        settings = self.every_model[model]
        described = settings.model_dump(mode="json")
        if settings.train is not None:
            described["train"] |= {"checkpoints": []}
        return {
            "name": model,
            "model": {**described, **blank},
            "directory": settings.path if settings.path is not None else directory,
            "sites": self.config.neurons.sites,
            **({"languages": self._read_languages()} if settings.architecture == "encoder_decoder" else {}),
        }

    def _read_languages(self) -> dict[str, Any]:
        """The languages that an encoder of the study reads, as the table of languages has them."""
        used = [corpus.languages for role in ROLES if (corpus := self.config.used(role)) is not None]
        table = self.config.language_table
        return {code: table[code].model_dump() for code in sorted({code for codes in used for code in codes})}

    @slice_of_config
    def training(self, model: str):
        """What a trained model depends on."""
        train = self.config.models[model].train
        return {"train": train.model_dump(mode="json"), "part": self.config.datasets[train.dataset].parts[0]}

    @slice_of_config
    def evaluation(self, model: str):
        """What the evaluation of a trained model depends on."""
        train = self.config.models[model].train
        return {"model": model, "languages": train.languages, "part": self.config.datasets[train.held_out].parts[0]}

    @slice_of_config
    def gguf(self, model: str):
        """What an unpacked GGUF model depends on."""
        settings = self.config.models[model]
        return {"name": model, "gguf": settings.gguf.model_dump(mode="json"), "dtype": settings.dtype}

    @slice_of_config
    def activations(self):
        """What the responses of neurons depend on, beside model and texts."""
        experts = self.config.experts
        return {
            "languages": self.study.probing.languages,
            "poolings": self.recorded_poolings,
            "max_tokens": experts.max_tokens,
            "storage": experts.storage,
        }

    @slice_of_config
    def experts(self, pooling: str):
        """What the ranking of neurons depends on, beside their responses."""
        return {
            "languages": self.study.probing.languages,
            "pooling": pooling,
            "expertise": self.config.experts.expertise,
            "token_mean": self.forces_token_means,
        }

    @slice_of_config
    def base_condition(self, model: str, slug: str):
        """What a condition that changes nothing depends on."""
        return {"name": slug, "model": model}

    @slice_of_config
    def condition(self, model: str, slug: str):
        """What a condition depends on, beside the ranking."""
        name, chosen = ConditionName.parse(slug), self._chosen(model, slug)
        read = chosen["selection"] == "lape" or self.needs_responses(slug)
        control = {"draw": self.draw(name), "values": self.config.random_control.values}
        return {
            **chosen,
            "seed": name.seed,
            **({"languages": self.study.probing.languages} if read else {}),
            **(control if name.units == "random" else {}),
        }

    @slice_of_config
    def by_layer_condition(self, model: str, slug: str):
        """What a condition that is fitted layer after layer depends on, beside the model, its responses and texts."""
        return {
            **self._chosen(model, slug),
            "languages": self.study.probing.languages,
            "sentences": self.config.methods[ConditionName.parse(slug).method].sentences,
            "max_tokens": self.config.experts.max_tokens,
        }

    @slice_of_config
    def activation_probabilities(self):
        """What the shares of tokens depend on for which neurons are active, beside model and texts."""
        return {"languages": self.study.probing.languages, "max_tokens": self.config.experts.max_tokens}

    @slice_of_config
    def layer_means(self, layer: str):
        """What the mean states of a layer depend on, beside model and texts."""
        return {
            "languages": self.study.probing.languages,
            "layer": layer if layer == "last" else int(layer),
            "max_tokens": self.config.experts.max_tokens,
        }

    @slice_of_config
    def layer_condition(self, model: str, slug: str):
        """What a condition on a layer depends on, beside the model and the layer's mean states."""
        name = ConditionName.parse(slug)
        change = self._change(name)
        del change["forced_value"]
        layer = self.config.methods[name.method].layer
        return {"name": slug, "model": model, "target": name.target, "layer": layer, **change}

    @slice_of_config
    def embeddings(self, condition: str, dataset: str):
        """What embeddings depend on, beside model, condition and texts."""
        return self._embedded(condition, dataset, [self.config.embeddings.layer])

    @slice_of_config
    def layer_embeddings(self, model: str, condition: str):
        """What embeddings by the model's further layers depend on, likewise."""
        return self._embedded(condition, self.study.alignment.dataset, self.every_model[model].layers)

    # Of measures of the space, `layer` is the part of paths that names one of the model's further layers: `/layer-2`.

    @slice_of_config
    def distances(self, layer: str = ""):
        """What distances depend on, beside embeddings."""
        return self._space(layer)

    @slice_of_config
    def retrieval(self, layer: str = ""):
        """What retrieval accuracies depend on, beside embeddings."""
        return {**self._space(layer), "similarities": self.config.metrics.similarities}

    @slice_of_config
    def alignment(self, layer: str = ""):
        """What measures of alignment depend on, beside embeddings."""
        return self._space(layer)

    @slice_of_config
    def abx(self, layer: str = ""):
        """What ABX scores depend on, beside embeddings."""
        return self._space(layer)

    @slice_of_config
    def similarity(self):
        """What similarities of languages depend on, beside texts."""
        languages, table = self.study.alignment.languages, self.config.language_table
        return {
            "languages": languages,
            "iso639_3": {code: table[code].iso639_3 for code in languages},
            "part": self._alignment_part,
            "file": self.config.similarity.file,
        }

    @slice_of_config
    def subwords(self):
        """What similarities by subwords depend on, beside tokenizer and texts."""
        return {"languages": self.study.alignment.languages, "part": self._alignment_part}

    @slice_of_config
    def paraphrase(self, condition: str):
        """What paraphrase retrieval depends on, beside embeddings."""
        return {
            "dataset": self.study.paraphrase.dataset,
            "language": ConditionName.parse(condition).target,
            "similarities": self.config.metrics.similarities,
        }

    @slice_of_config
    def correlations(self, model: str, condition: str):
        """What correlations depend on, beside distances and retrieval."""
        candidates = self.study.alignment.languages
        return {
            "dataset": self.study.alignment.dataset,
            "query": ConditionName.parse(condition).target,
            "candidates": candidates,
            "seen": self._seen(model),
            "similarities": self.config.metrics.similarities,
            "measures": ["pairs", "pairs_centred", "means", "aligned"],
            **self.config.correlations.model_dump(),
        }

    @slice_of_config
    def translation(self, condition: str, dataset: str):
        """What retrieval of translations depends on, beside embeddings."""
        return {
            "dataset": dataset,
            "task": self.config.datasets[dataset].task,
            "languages": self.embedded_languages(condition, dataset),
            "similarities": self.config.metrics.similarities,
        }

    @slice_of_config
    def projection(self):
        """What a projection of the space depends on, beside embeddings."""
        alignment = self.study.alignment
        settings = self.config.projection.model_dump()
        return {"dataset": alignment.dataset, "languages": alignment.languages, **settings}

    @slice_of_config
    def examples(self, condition: str):
        """What examples of retrieval depend on, beside embeddings."""
        return {
            "dataset": self.study.alignment.dataset,
            "query": ConditionName.parse(condition).target,
            "languages": self.study.alignment.languages,
            "similarity": self.config.metrics.shown_similarity,
        }

    @slice_of_config
    def generation(self, target: str, pooling: str | None):
        """What generated sentences depend on, beside model and conditions."""
        settings = self.config.generation.model_dump(exclude={"identifier"})
        return {"target": target, "pooling": pooling, **settings}

    @slice_of_config
    def identification(self, target: str):
        """What the languages of generated sentences depend on, beside the sentences."""
        return {"identifier": self.config.generation.identifier, "language": target}

    @slice_of_config
    def perplexity(self, target: str, pooling: str | None):
        """What perplexity depends on, beside model, conditions and texts."""
        return {
            "target": target,
            "pooling": pooling,
            "part": self.config.datasets[self.study.perplexity.dataset].parts[0],
            **self.config.perplexity.model_dump(),
        }

    def _embedded(self, condition: str, dataset: str, layers: list[int | str]) -> dict[str, Any]:
        return {
            "languages": self.embedded_languages(condition, dataset),
            "parts": self.config.datasets[dataset].parts,
            "layers": layers,
            **self.config.embeddings.model_dump(exclude={"layer"}),
        }

    def _space(self, layer: str) -> dict[str, Any]:
        alignment = self.study.alignment
        number = self.config.embeddings.layer if layer == "" else layer_number(layer)
        return {"dataset": alignment.dataset, "languages": alignment.languages, "layer": number}

    @property
    def _alignment_part(self) -> str:
        return self.config.datasets[self.study.alignment.dataset].parts[0]

    def _chosen(self, model: str, slug: str) -> dict[str, Any]:
        """Which units a condition changes, and what it does to them."""
        name = ConditionName.parse(slug)
        return {
            "name": slug,
            "model": model,
            "units": name.units,
            "target": name.target,
            "pooling": name.pooling,
            "k": name.k,
            "selection": self.selection(name),
            **self._change(name),
        }

    def _change(self, name: ConditionName) -> dict[str, Any]:
        """What a condition does to its units, and how strongly."""
        section = self.intervention(name)
        change = section.model_dump(include={"method", "forced_value", "positions"})
        if given := settings_given(section.method, section.settings):
            change["settings"] = given
        return {**change, "strength": self.config.intervention.strength if name.method is None else name.strength}

    def _seen(self, model: str) -> list[str]:
        seen, candidates = self.every_model[model].seen, self.study.alignment.languages
        return [code for code in candidates if seen == "all" or code in seen]
