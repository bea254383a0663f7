# Steering into New Embedding Spaces: texts -> models -> neurons -> conditions -> embeddings -> measures -> tables,
# figures -> report. Ask for any file by name, or for one of the targets all, beyond, tables, figures, models, texts,
# preflight, prefetch; each room of the work has a file in rules/ and a folder in workflow_scripts/.
import os

from snakemake.utils import min_version

min_version("9.27")


# That of the working directory; where it has none, that of this repository.
configfile: "config.yaml" if os.path.exists("config.yaml") else str(workflow.current_basedir.join("config.yaml"))


include: "rules/common.smk"


pathvars:
    results=CONFIG.results,
    logs=f"{CONFIG.results}/logs",
    benchmarks=f"{CONFIG.results}/benchmarks",


localrules:
    all,
    beyond,
    tables,
    figures,
    models,
    texts,
    prefetch,
    preflight,
    numbered_figure,


wildcard_constraints:
    model=alternatives(PLAN.models.nameable),
    dataset=alternatives(PLAN.corpora.names),
    condition=PLAN.conditions.pattern,
    pooling=alternatives(PLAN.conditions.poolings),
    target=alternatives(CONFIG.study.targets),
    method=f"({alternatives(f'-{method}' for method in CONFIG.methods)})?",


include: "rules/templates.smk"
include: "rules/texts.smk"
include: "rules/models.smk"
include: "rules/neurons.smk"
include: "rules/conditions.smk"
include: "rules/embeddings.smk"
include: "rules/measures.smk"
include: "rules/sweeps.smk"
include: "rules/probes.smk"
include: "rules/kinship.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/report.smk"


rule all:
    """the paper's tables and figures, and the report"""
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
        rules.write_report.output,
        rules.metrics.output,
        expand(
            paths.experts(), model=PLAN.models.names, pooling=PLAN.conditions.poolings, target=PLAN.conditions.targets
        ),
        expand("<results>/models/{model}/evaluation.csv", model=PLAN.models.from_source("train")),


rule beyond:
    """what goes beyond the paper; the report has it from then on"""
    input:
        table_files(PLAN.shown.tables(beyond=True)),
        figure_files(PLAN.shown.figures(beyond=True)),
        rules.write_report.output,
        rules.metrics.output,


rule prefetch:
    """everything that a network is needed for, so that the rest can run where there is none"""
    input:
        rules.preflight.output,
        expand(paths.manifest(), model=PLAN.models.from_source("hub")),
        expand("<results>/models/{model}/weights/model.safetensors", model=PLAN.models.from_source("gguf")),
        expand(paths.texts(), dataset=PLAN.corpora.from_source("hub", "url")),


onstart:
    mark_results(Path(CONFIG.results), STUDY)
    keep_code(Path(CONFIG.cache), CODE)


onerror:
    print(explain_failures([Path(path) for path in log]), file=sys.stderr)


describe_rules()
