"""Temporary."""

from workflow_scripts.embeddings.embedding_files import Layer
from workflow_scripts.jobs import stage


class Spec(stage.Spec):
    dataset: str
    layers: list[Layer]
    languages: list[str]
    similarities: list[str]


def main(command=None):
    from workflow_scripts.jobs.files import canonical_json
    from workflow_scripts.measures import measure_abx, measure_alignment, measure_distances, measure_retrieval

    names = ["distances", "medoid", "retrieval", "alignment", "abx"]
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"embeddings...": "", "base...": "", "condition": ""},
        outputs={f"{n}...": "" for n in names},
        command=command,
    )
    for i, layer in enumerate(spec.layers):
        c = {"dataset": spec.dataset, "layer": layer, "languages": spec.languages}
        e, k = ["--embeddings", str(files.embeddings[i])], ["--condition", str(files.condition)]
        out = {n: str(getattr(files, n)[i]) for n in names}
        measure_distances.main(
            ["--spec", canonical_json(c), *e, *k, "--distances", out["distances"], "--medoid", out["medoid"]]
        )
        measure_retrieval.main(
            [
                "--spec",
                canonical_json({**c, "similarities": spec.similarities}),
                *e,
                *k,
                "--retrieval",
                out["retrieval"],
            ]
        )
        measure_abx.main(["--spec", canonical_json(c), *e, *k, "--abx", out["abx"]])
        measure_alignment.main(
            [
                "--spec",
                canonical_json(c),
                "--base",
                str(files.base[i]),
                "--intervened",
                str(files.embeddings[i]),
                *k,
                "--alignment",
                out["alignment"],
            ]
        )


if __name__ == "__main__":
    stage.run(main)
