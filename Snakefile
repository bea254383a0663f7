# Steering into New Embedding Spaces: texts -> activations -> experts -> conditions -> embeddings -> metrics -> tables,
# figures. Ask for any file by name, or for one of the targets all, tables, figures, models, texts, prefetch; the
# files of rules/ follow the flow.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


include: "rules/common.smk"


pathvars:
    results=CONFIG.results,
    logs=f"{CONFIG.results}/logs",
    benchmarks=f"{CONFIG.results}/benchmarks",


localrules:
    all,
    tables,
    figures,
    models,
    texts,
    prefetch,
    numbered_figure,


wildcard_constraints:
    model=alternatives(PLAN.nameable_models),
    dataset=alternatives(PLAN.datasets),
    condition=PLAN.condition_pattern,
    pooling=alternatives(PLAN.poolings),
    target=alternatives(CONFIG.study.targets),
    layer=LAYER_PATTERN,
    method=f"({alternatives(f'-{method}' for method in CONFIG.methods)})?",


include: "rules/texts.smk"
include: "rules/models.smk"
include: "rules/activations.smk"
include: "rules/experts.smk"
include: "rules/conditions.smk"
include: "rules/embeddings.smk"
include: "rules/metrics.smk"
include: "rules/transfer.smk"
include: "rules/sweeps.smk"
include: "rules/similarity.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
        rules.results_page.output,
        expand("<results>/models/{model}/evaluation.csv", model=PLAN.models_from("train")),


# Everything that a network is needed for, so that the rest can run where there is none.
rule prefetch:
    input:
        expand("<results>/models/{model}/model.json", model=PLAN.models_from("hub")),
        expand("<results>/models/{model}/weights/model.safetensors", model=PLAN.models_from("gguf")),
        expand("<results>/texts/{dataset}.parquet", dataset=fetched_datasets()),


onerror:
    print(explain_failures([Path(path) for path in log]), file=sys.stderr)
