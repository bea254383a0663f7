# Tables, as workflow_scripts/plan/shown declares them: CSV in full precision, Markdown and LaTeX in the paper's shape,
# and JSON for the report.
TABLE_FILES = {"csv": "csv", "markdown": "md", "latex": "tex", "json": "json"}


def table_inputs(shown):
    """Return the function that gives what a table is made of, or says why the study has no such table."""
    return refused(lambda wildcards: PLAN.shown.inputs(shown))


def table_files(tables):
    """Return the files of tables."""
    return [f"<results>/{shown.name}.{format}" for shown in tables for format in TABLE_FORMATS]


for shown in declared()[0]:

    rule:
        name:
            shown.name
        input:
            unpack(table_inputs(shown)),
        output:
            **{option: f"<results>/{shown.name}.{format}" for option, format in TABLE_FILES.items()},
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
    input:
        table_files(PLAN.shown.tables(beyond=False)),
