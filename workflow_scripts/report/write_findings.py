"""Write what was found, in five to eight sentences per model, from the metrics of the study."""

from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import (
    LanguageNames,
    ModelName,
    ShownDistance,
    ShownSimilarity,
    ShownTarget,
    SpaceLanguages,
)
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import canonical_json, write_text
from workflow_scripts.measures.metric_files import read_metrics
from workflow_scripts.report.findings import Measured, findings
from workflow_scripts.tables.specs import TargetsSpec


class Spec(TargetsSpec, ResampledSpec):
    """What the findings are about."""

    shown_target: ShownTarget
    languages: SpaceLanguages
    names: LanguageNames
    similarity: ShownSimilarity
    distance: ShownDistance
    chosen: dict[ModelName, int] = Field(description="Number of experts of each model.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "distances...": "distances between languages, one CSV per condition",
            "retrieval...": "retrieval accuracies, one CSV per condition",
            "alignment...": "measures of alignment, one CSV per condition",
            "language-id[...]": "languages of generated texts, one CSV per sweep",
            "perplexity[...]": "perplexity, one CSV per sweep",
        },
        outputs={
            "findings": "sentences with the anchors of what shows them (JSON)",
            "markdown": "the sentences (Markdown)",
        },
        command=command,
    )
    distances = read_metrics(files.distances, ["measure", "query", "candidate", "value"])
    retrieval = read_metrics(files.retrieval, ["similarity", "query", "candidate", "accuracy"])
    alignment = read_metrics(files.alignment, ["space", "centring", "measure", "query", "candidate", "value"])
    sweeps = {
        "language_id": read_sweeps(files.language_id, "accuracy"),
        "perplexity": read_sweeps(files.perplexity, "log_perplexity"),
    }
    paragraphs = []
    for model in spec.models:
        for pooling in spec.poolings:
            measured = Measured(
                model=model.name,
                label=model.label,
                pooling=pooling,
                k=spec.chosen[model.name],
                targets=spec.targets,
                shown_target=spec.shown_target,
                languages=spec.languages,
                names=spec.names,
                distances=distances[distances["measure"] == spec.distance],
                retrieval=retrieval[retrieval["similarity"] == spec.similarity],
                alignment=alignment,
                **sweeps,
                resampling=spec.resampling,
            )
            title = model.label if len(spec.poolings) == 1 else f"{model.label}, experts by {pooling} pooling"
            found = [vars(finding) for finding in findings(measured)]
            paragraphs.append({"title": title, "findings": found})
    write_text(files.findings, canonical_json(paragraphs) + "\n")
    write_text(files.markdown, "\n".join(map(as_markdown, paragraphs)))


def read_sweeps(paths: list[Path], value: str) -> pd.DataFrame:
    """Return the CSVs of sweeps as one frame, without rows where there are none."""
    return read_metrics(paths, [value]) if paths else pd.DataFrame(columns=["model", "target", "pooling", "k", value])


def as_markdown(paragraph: dict[str, Any]) -> str:
    """Return a paragraph's title and its sentences as a list."""
    return "\n".join([f"**{paragraph['title']}**", "", *(f"- {found['text']}" for found in paragraph["findings"]), ""])


if __name__ == "__main__":
    stage.run(main)
