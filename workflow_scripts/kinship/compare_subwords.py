"""Measure how many subwords of a model's vocabulary the texts of two languages share, for all pairs of languages."""

from pydantic import Field

from workflow_scripts.config.settings import SpaceLanguages
from workflow_scripts.jobs import stage
from workflow_scripts.kinship.overlap import jaccard, subwords
from workflow_scripts.kinship.similarities import pairs, write_similarities
from workflow_scripts.models.loading import described_directory, load_tokenizer
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.texts.schema import read_part


class Spec(stage.Spec):
    """What the similarities depend on, beside tokenizer and texts."""

    languages: SpaceLanguages
    part: str = Field(description="Part of the parallel data set that subwords are counted in.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"model": "the model's manifest (JSON)", "texts": "the parallel data set (parquet)"},
        outputs={"similarity": "similarities by pair of languages (CSV)"},
        command=command,
    )
    manifest = read_manifest(files.model)
    tokenizer = load_tokenizer(described_directory(manifest), manifest.trust_remote_code)
    tokens = [subwords(read_part(files.texts, language, spec.part)[1], tokenizer) for language in spec.languages]
    shared = pairs("subwords", spec.languages, jaccard(tokens))
    shared.insert(0, "model", manifest.name)
    write_similarities(files.similarity, shared)


if __name__ == "__main__":
    stage.run(main)
