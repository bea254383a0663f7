# What made the results, and one page with everything: the paper's tables and figures, and what was made beyond them.


def reported(shown, first_file):
    """Return whether something is in the report: it is the paper's, asked for, or was made before."""
    asked = "beyond" in workflow.dag_settings.targets
    return not shown.beyond or asked or Path(CONFIG.results, first_file).exists()


def reported_tables():
    """Return the tables of the report, which are known once Snakemake knows what is asked for."""
    return [table for table in PLAN.shown.tables() if reported(table, f"{table.name}.json")]


def reported_figures():
    """Return the figures of the report, with their kinds."""
    figures = PLAN.shown.figures()
    return [(kind, contents) for kind, contents in figures if reported(kind, f"figures/{contents.path}.json")]


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
        report=report("<results>/report.html", category="Results", labels={"page": "All tables and figures"}),
    log:
        "<logs>/write_report.log",
    params:
        **contract("write_report", lambda wildcards: PLAN.shown.report(reported_tables(), reported_figures())),
