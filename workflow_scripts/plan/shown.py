"""What each table, figure and the report depends on."""

from typing import Any

from workflow_scripts.plan.grid import Grid
from workflow_scripts.plan.names import BASE, FigureContents, FigureName
from workflow_scripts.plan.slices import slice_of_config
from workflow_scripts.tables.shown_models import BASE_ROW, CONSTANT_ROW, OWN_ROW


class ShownSlices(Grid):
    """Slices of the config for the jobs that make what a reader sees."""

    @slice_of_config
    def table1(self):
        """What Table 1 shows."""
        return {
            **self._shown_models(seen=False),
            "targets": self.study.targets,
            "languages": self.study.alignment.languages,
            "measure": self.config.metrics.shown_distance,
            "medoid": self.config.metrics.shown_medoid,
        }

    @slice_of_config
    def table2(self):
        """What Table 2 shows."""
        metrics = self.config.metrics
        return {
            **self._shown_models(seen=False),
            "targets": self.study.targets,
            "similarity": metrics.shown_similarity,
            "measure": metrics.shown_distance,
            "candidates_set": metrics.shown_candidates,
            "confidence": self.config.correlations.confidence,
        }

    @slice_of_config
    def paraphrase_table(self, targets: list[str]):
        """What Tables 3 and 5 show."""
        return self._shown_paraphrases(targets)

    @slice_of_config
    def table4(self):
        """What Table 4 shows."""
        roles = {
            "target": self.study.targets,
            "probing": self.study.probing.languages,
            "candidate": self.study.alignment.languages,
        }
        table = self.config.language_table
        return {
            "models": self._shown_models(seen=True)["models"],
            "languages": [
                {
                    "code": code,
                    **table[code].model_dump(include={"name", "iso639_3", "flores"}),
                    "roles": [role for role, codes in roles.items() if code in codes],
                }
                for code in dict.fromkeys([*self.study.alignment.languages, *self.study.probing.languages])
            ],
        }

    @slice_of_config
    def table6(self):
        """What Table 6 shows."""
        targets = self.paraphrase_targets()
        seeds = self.config.random_control.seeds
        return {**self._shown_paraphrases(targets), "units": "random", "seeds": seeds}

    @slice_of_config
    def table7(self):
        """What Table 7 shows."""
        roles = {"tatoeba": self.config.used("translation"), "bucc18": self.config.used("mining")}
        translated = {code for languages in self.translated.values() for code in languages}
        return {
            **self._shown_models(seen=False),
            "similarity": self.config.metrics.shown_similarity,
            "datasets": {
                corpus.dataset: {"benchmark": benchmark, "targets": corpus.languages}
                for benchmark, corpus in roles.items()
                if corpus is not None
            },
            "names": self._names([code for code in self.study.targets if code in translated]),
        }

    @slice_of_config
    def centred_table(self):
        """What the table of changes beyond a constant shows."""
        return {
            **self._shown_models(seen=False),
            "targets": self.study.targets,
            "languages": self.study.alignment.languages,
            "paraphrase_targets": self.paraphrase_targets(),
            "seeds": self.config.random_control.seeds,
            **self.config.correlations.model_dump(),
        }

    @slice_of_config
    def abx_table(self):
        """What the table of ABX scores shows."""
        return {
            **self._shown_models(seen=False),
            "targets": self.study.targets,
            "languages": self.study.alignment.languages,
            "dataset": self.study.alignment.dataset,
            "seeds": self.config.random_control.seeds,
            **self.config.correlations.model_dump(),
        }

    @slice_of_config
    def layers_table(self):
        """What the table of measures by layer shows."""
        return {
            "models": [
                {"model": self._shown_model(model, seen=False), "layers": list(self.layers_of(model))}
                for model in self.layered_models
            ],
            "poolings": self.poolings,
            "targets": self.study.targets,
            "control": self.study.shown_target if self.config.random_control.seeds else None,
            "control_seed": next(iter(self.config.random_control.seeds), None),
            "languages": self.study.alignment.languages,
            "pivot": self.pivot,
            **self._pivoted(),
            **self.config.correlations.model_dump(),
        }

    @slice_of_config
    def layers_figure(self, figure: str):
        """What a figure of measures by layer shows."""
        (model,) = self.contents(figure).models
        return {
            "model": self._shown_model(model, seen=False),
            "layers": list(self.layers_of(model)),
            "poolings": self.poolings,
            "targets": self.study.targets,
            "control": self.study.shown_target if self.config.random_control.seeds else None,
            "names": self._names(self.study.targets),
            **self._pivoted(),
        }

    @slice_of_config
    def checkpoints_table(self):
        """What the table of measures by step of the training shows."""
        return {
            "models": [
                {"model": self._shown_model(model, seen=False), "steps": list(self.steps_of(model).items())}
                for model in self.kept_models
            ],
            "layer": str(self.config.embeddings.layer),
            "languages": self.study.alignment.languages,
            "pivot": self.pivot,
            **self._pivoted(),
            **self.config.correlations.model_dump(),
        }

    @slice_of_config
    def checkpoints_figure(self, figure: str):
        """What a figure of measures by step of the training shows."""
        (model,) = self.contents(figure).models
        return {
            "model": self._shown_model(model, seen=False),
            "steps": list(self.steps_of(model).values()),
            "confidence": self.config.correlations.confidence,
            **self._pivoted(),
        }

    @slice_of_config
    def methods_table(self):
        """What the comparison of methods shows."""
        return {
            **self._shown_models(seen=False),
            "compared": [row for model in self.study.models for row in self._compared(model)],
            "base": BASE,
            "languages": self.study.alignment.languages,
            "paraphrased": [target for target in self.paraphrase_targets() if target in self.compared_targets],
            "similarity": self.config.metrics.shown_similarity,
            **self.config.correlations.model_dump(),
        }

    @slice_of_config
    def methods_figure(self, figure: str):
        """What a figure of methods shows."""
        (model,) = self.contents(figure).models
        return {
            "model": self._shown_model(model, seen=False),
            "poolings": self.poolings,
            "methods": self.methods,
            "targets": self.compared_targets,
        }

    @slice_of_config
    def similarity_table(self):
        """What the table of correlations with similarity of languages shows."""
        metrics, correlations = self.config.metrics, self.config.correlations.model_dump()
        return {**self._shown_similarity(), "measure": metrics.shown_distance, **correlations}

    @slice_of_config
    def mixed_table(self):
        """What the table of mixed models of retrieval shows."""
        return {**self._shown_similarity(), "confidence": self.config.correlations.confidence}

    @slice_of_config
    def overview_figure(self, figure: str):
        """What Figure 1 shows."""
        return {**self._shown_retrieval(self.contents(figure)), "medoid": self.config.metrics.shown_medoid}

    @slice_of_config
    def sweep_figure(self):
        """What Figure 2 shows."""
        generation, generating = self.config.generation, self.config.generating_models
        left_out = [self._shown_model(name, seen=False) for name in self.study.models if name not in generating]
        return {
            "models": [self._shown_model(name) for name in generating],
            **({"left_out": left_out} if left_out else {}),
            "poolings": self.poolings,
            "targets": self.sweep_targets,
            "ks": sorted(self.config.sweep.ks),
            "chosen": {name: self.config.models[name].k for name in generating},
            "names": self._names(self.sweep_targets),
            "identifier": generation.identifier,
            "sentences": generation.sentences,
            "seeds": generation.seeds,
            "dataset": self.study.perplexity.dataset,
        }

    @slice_of_config
    def projection_figure(self, figure: str):
        """What a figure of projected spaces shows."""
        contents = self.contents(figure)
        seed = self.config.random_control.seeds[0] if contents.units == "random" else None
        settings = self.config.projection.model_dump(exclude={"seed"})
        return {**self._shown_space(contents), "units": contents.units, "seed": seed, **settings}

    @slice_of_config
    def retrieval_figure(self, figure: str):
        """What a figure of retrieval accuracy shows."""
        contents = self.contents(figure)
        seeds = self.config.random_control.seeds if contents.units == "random" else []
        return {**self._shown_retrieval(contents), "units": contents.units, "seeds": seeds}

    @slice_of_config
    def retrieval_change_figure(self, figure: str):
        """What a figure of the change of retrieval accuracy shows."""
        return self._shown_retrieval(self.contents(figure))

    @slice_of_config
    def abx_figure(self, figure: str):
        """What a figure of ABX scores shows."""
        return self._shown_space(self.contents(figure))

    @slice_of_config
    def similarity_figure(self, figure: str):
        """What a figure of correlations with similarity of languages shows."""
        [model] = self.contents(figure).models
        return {
            "model": self._shown_model(model, seen=False),
            "dataset": self.study.alignment.dataset,
            "languages": self.study.alignment.languages,
            "confidence": self.config.correlations.confidence,
        }

    @slice_of_config
    def replication(self):
        """What is compared with the published numbers."""
        metrics = self.config.metrics
        return {
            **self._published_models(),
            "similarity": metrics.shown_similarity,
            "measure": metrics.shown_distance,
            "candidates_set": metrics.shown_candidates,
        }

    @slice_of_config
    def claims(self):
        """What the paper's claims are decided on."""
        metrics = self.config.metrics
        return {
            **self._published_models(),
            "targets": self.study.targets,
            "shown_target": self.study.shown_target,
            "languages": self.study.alignment.languages,
            "similarity": metrics.shown_similarity,
            "distance": metrics.shown_distance,
            "medoid": metrics.shown_medoid,
            "seeds": self.config.random_control.seeds,
            "ks": sorted(self.config.sweep.ks),
            "chosen": {name: self.config.models[name].k for name in self.study.models},
        }

    @slice_of_config
    def compute(self, stages: list[str]):
        """What the table of computation shows."""
        results = self.config.results
        folders = {"benchmarks": f"{results}/benchmarks", "logs": f"{results}/logs"}
        return {"models": self._shown_models(seen=False)["models"], "stages": stages, **folders}

    @slice_of_config
    def report(self):
        """What each figure of the report is."""
        return {
            "figures": [
                {"kind": figure.kind, "number": figure.number, "subtitle": self._subtitle(figure)}
                for figure in self.figures
            ]
        }

    @slice_of_config
    def whole(self):
        """The whole config, as provenance records it."""
        return {"config": self.config.model_dump(mode="json")}

    def panels(self, models: list[str], targets: list[str]) -> list[dict[str, Any]]:
        """The columns of a figure: every model with every target, titled by what differs between them."""
        return [
            {
                "model": self._shown_model(model),
                "target": target,
                "title": " · ".join(
                    [
                        *([self.config.models[model].label] if len(models) > 1 or len(targets) == 1 else []),
                        *([self.config.language_table[target].name] if len(targets) > 1 else []),
                    ]
                ),
            }
            for model in models
            for target in targets
        ]

    def _subtitle(self, figure: FigureName) -> str:
        """What tells a figure apart from others of its kind: its models and targets."""
        if figure.kind == "sweep":
            return ""
        contents = self.contents(figure.path)
        models = ", ".join(self.config.models[model].label for model in contents.models)
        targets = ", ".join(self.config.language_table[target].name for target in contents.targets)
        return f"{models} · {targets}"

    def _compared(self, model: str) -> list[dict[str, Any]]:
        """Rows of the comparison: the model as it is, under the study's intervention, and under each other method."""
        targets, own = self.compared_targets, self.config.intervention.strength
        rows = [
            {"pooling": None, "method": BASE_ROW, "strength": 0.0, "conditions": {each: [BASE] for each in targets}}
        ]
        for pooling in self.poolings:
            experts = {target: [self.expert(model, target, pooling)] for target in targets}
            rows.append({"pooling": pooling, "method": CONSTANT_ROW, "strength": None, "conditions": experts})
            rows.append({"pooling": pooling, "method": OWN_ROW, "strength": own, "conditions": experts})
            rows += [row for name in self.methods for row in self._rows_by_method(model, name, pooling)]
        rows += [row for name in self.methods for row in self._rows_by_method(model, name, None)]
        return [{"model": model, **row} for row in rows]

    def _rows_by_method(self, model: str, method: str, pooling: str | None) -> list[dict[str, Any]]:
        """Those of a method with a pooling, or without one; none if there are no such conditions."""
        if pooling not in self.poolings_of(method):
            return []
        by_target = {target: self.by_method(model, target, pooling, method) for target in self.compared_targets}
        return [
            {
                "pooling": pooling,
                "method": method,
                "strength": strength,
                "conditions": {target: slugs[strength] for target, slugs in by_target.items()},
            }
            for strength in self.config.methods[method].strengths
        ]

    def _shown_paraphrases(self, targets: list[str]) -> dict[str, Any]:
        return {
            **self._shown_models(seen=False),
            "targets": targets,
            "similarity": self.config.metrics.shown_similarity,
            "names": self._names(targets),
        }

    def _shown_space(self, contents: FigureContents) -> dict[str, Any]:
        languages = self.study.alignment.languages
        return {
            "panels": self.panels(contents.models, contents.targets),
            "poolings": self.poolings,
            "languages": languages,
            "dataset": self.study.alignment.dataset,
            "names": self._names(languages),
        }

    def _shown_similarity(self) -> dict[str, Any]:
        return {
            **self._shown_models(seen=False),
            "targets": self.study.targets,
            "languages": self.study.alignment.languages,
            "dataset": self.study.alignment.dataset,
            "similarity": self.config.metrics.shown_similarity,
        }

    def _shown_retrieval(self, contents: FigureContents) -> dict[str, Any]:
        return {**self._shown_space(contents), "similarity": self.config.metrics.shown_similarity}

    def _pivoted(self) -> dict[str, Any]:
        return {"dataset": self.study.alignment.dataset, "pivot_name": self._names([self.pivot])[self.pivot]}

    def _published_models(self) -> dict[str, Any]:
        models = [
            {**self._shown_model(name), "published": self.config.models[name].published} for name in self.study.models
        ]
        return {"models": models, "poolings": self.poolings}

    def _shown_models(self, seen: bool) -> dict[str, Any]:
        models = [self._shown_model(name, seen) for name in self.study.models]
        return {"models": models, "poolings": self.poolings}

    def _shown_model(self, name: str, seen: bool = True) -> dict[str, Any]:
        settings = self.every_model[name]
        shown = {"name": name, "label": settings.label}
        if settings.architecture != "causal":  # as most are, whose slices need not say it
            shown["architecture"] = settings.architecture
        known = settings.seen
        return {**shown, "seen": None if known == "all" else known} if seen else shown

    def _names(self, codes: list[str]) -> dict[str, str]:
        return {code: self.config.language_table[code].name for code in codes}
