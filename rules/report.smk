# What a run took, what made the results, and one page with everything: the study's results section.


rule compute:
    input:
        benchmarks=[f"<benchmarks>/{job}.tsv" for job in measured_jobs()],
        usages=[f"<logs>/{job}.usage.json" for job in measured_jobs(MODEL_STAGES)],
    output:
        **table("compute"),
    log:
        "<logs>/compute.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.compute(list(measured())),
        code=code("tables.table_compute"),
    shell:
        "python -m workflow_scripts.tables.table_compute --spec {params.spec:q} --benchmarks {input.benchmarks:q}"
        " --usages {input.usages:q} --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --json {output.json:q} 2> {log:q}"


# After everything else, so that what it says of versions and commit is of the run that finished the results.
rule provenance:
    input:
        rules.tables.input,
        rules.figures.input,
        models=expand("<results>/models/{model}/model.json", model=CONFIG.study.models),
        texts=expand("<results>/texts/{dataset}.parquet", dataset=PLAN.datasets),
    output:
        provenance="<results>/provenance.json",
    log:
        "<logs>/provenance.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.whole(),
        code=code("report.write_provenance"),
    shell:
        "python -m workflow_scripts.report.write_provenance --spec {params.spec:q} --models {input.models:q}"
        " --texts {input.texts:q} --provenance {output.provenance:q} 2> {log:q}"


rule results_page:
    input:
        tables=expand(
            "<results>/{table}.json",
            table=[f"table{number}" for number in PLAN.tables] + OTHER_TABLES + ["compute"],
        ),
        figures=expand("<results>/figures/{figure}.png", figure=[figure.path for figure in PLAN.figures]),
        captions=expand("<results>/figures/{figure}.json", figure=[figure.path for figure in PLAN.figures]),
        provenance="<results>/provenance.json",
    output:
        report=report("<results>/report.html", category="Results", labels={"page": "All tables and figures"}),
    log:
        "<logs>/report.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.report(),
        code=code("report.write_report"),
    shell:
        "python -m workflow_scripts.report.write_report --spec {params.spec:q} --tables {input.tables:q} --figures {input.figures:q}"
        " --provenance {input.provenance:q} --report {output.report:q} 2> {log:q}"
