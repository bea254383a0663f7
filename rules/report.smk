# What made the results, and one page with everything: the paper's tables and figures, and what was made beyond them.


# Whether all that the study reads can be had, before any long job.
rule preflight:
    output:
        preflight="<results>/preflight.md",
    log:
        "<logs>/preflight.log",
    priority: 100
    conda:
        ENVIRONMENT
    params:
        **contract("preflight", SLICES.preflight()),
    shell:
        f"{RUN}; cat {{output.preflight:q}}"


# What was found, in sentences.
use rule stage as write_findings with:
    input:
        **findings.inputs(PLAN),
    output:
        findings="<results>/findings.json",
        markdown="<results>/findings.md",
    log:
        "<logs>/write_findings.log",
    params:
        **contract("write_findings", canonical_json(findings.spec(PLAN))),


# After everything else, so that what it says of versions and commit is of the run that finished the results.
use rule stage as write_provenance with:
    input:
        lambda wildcards: table_files(reported_tables()) + figure_files(reported_figures()),
        models=expand(paths.manifest(), model=PLAN.models.names),
        texts=expand(paths.texts(), dataset=PLAN.corpora.names),
    output:
        provenance="<results>/provenance.json",
    log:
        "<logs>/write_provenance.log",
    params:
        **contract("write_provenance", SLICES.write_provenance()),


use rule stage as write_report with:
    input:
        lambda wildcards: figure_files(reported_figures(), ["json"]),
        tables=lambda wildcards: [f"<results>/{table.name}.json" for table in reported_tables()],
        figures=lambda wildcards: figure_files(reported_figures(), ["png"]),
        findings="<results>/findings.json",
        provenance="<results>/provenance.json",
    output:
        report=report(
            "<results>/report.html", category="Everything", labels={"shown": "One page with all tables and figures"}
        ),
    log:
        "<logs>/write_report.log",
    params:
        **contract("write_report", lambda wildcards: PLAN.shown.report(reported_tables(), reported_figures())),
