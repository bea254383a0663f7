# Tables, as workflow_scripts/plan/shown declares them: CSV in full precision, Markdown and LaTeX in the paper's shape,
# and JSON for the report.
TABLE_FILES = {"csv": "csv", "markdown": "md", "latex": "tex", "json": "json"}


for shown in declared()[0]:

    rule:
        name:
            shown.name
        input:
            unpack(table_inputs(shown)),
        output:
            **{option: f"<results>/{shown.name}.{format}" for option, format in TABLE_FILES.items() if option != "csv"},
            csv=in_snakemakes_report(f"<results>/{shown.name}.csv", shown, "table", PLAN.shown.labels(shown)),
        log:
            f"<logs>/tables/{shown.name}.log",
        conda:
            ENVIRONMENT
        resources:
            runtime=grown(shown.minutes),
        params:
            **contract(shown.stage, lambda wildcards, shown=shown: PLAN.shown.spec(shown)),
        shell:
            RUN


rule tables:
    """the paper's tables"""
    input:
        table_files(PLAN.shown.tables(beyond=False)),


# Every number of the metrics that the report shows: of a model, and of all.
use rule stage as merge_metrics with:
    input:
        metrics=lambda wildcards: reported_metrics().get(wildcards.model, []),
    output:
        merged="<results>/metrics/{model}.csv",
    log:
        "<logs>/merge_metrics/{model}.log",
    params:
        **contract("merge_metrics", "{}"),


rule metrics:
    """all metrics of the study in one tidy table"""
    input:
        lambda wildcards: expand("<results>/metrics/{model}.csv", model=reported_metrics()),
    output:
        "<results>/metrics.csv",
    log:
        "<logs>/metrics.log",
    conda:
        ENVIRONMENT
    shell:
        "awk 'FNR > 1 || NR == 1' {input:q} < /dev/null > {output:q} 2> {log:q}"
