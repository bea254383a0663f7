# Figures, as workflow_scripts/plan/shown declares them: PDF, PNG, the CSV that is drawn, and title and caption for the
# report. Files are named by what they show; figure1, figure2, … are the paper's numbers for them.


for kind in declared()[1]:

    rule:
        name:
            f"figure_{kind.kind}"
        input:
            unpack(figure_inputs(kind)),
        output:
            **{format: f"<results>/figures/{{figure}}.{format}" for format in FIGURE_FORMATS if format != "png"},
            png=in_snakemakes_report("<results>/figures/{figure}.png", kind, "figure", labels_of_figure(kind)),
        log:
            "<logs>/figures/{figure}.log",
        wildcard_constraints:
            figure=alternatives(PLAN.shown.nameable(kind)),
        conda:
            ENVIRONMENT
        params:
            **contract(kind.stage, lambda wildcards, kind=kind: PLAN.shown.spec(kind, wildcards.figure)),
        shell:
            RUN


rule numbered_figure:
    """a figure under the paper's number: figure4 is that of retrieval for the shown target, and so on"""
    input:
        pdf=figure_of_number("pdf"),
        png=figure_of_number("png"),
        csv=figure_of_number("csv"),
    output:
        pdf="<results>/figure{number}.pdf",
        png="<results>/figure{number}.png",
        csv="<results>/figure{number}.csv",
    log:
        "<logs>/figures/figure{number}.log",
    wildcard_constraints:
        number=r"\d+",
    conda:
        ENVIRONMENT
    shell:
        "(cp {input.pdf:q} {output.pdf:q} && cp {input.png:q} {output.png:q} && cp {input.csv:q} {output.csv:q})"
        " 2> {log:q}"


rule figures:
    """the paper's figures"""
    input:
        figure_files(PLAN.shown.figures(beyond=False)),
        expand("<results>/figure{number}.{format}", number=PLAN.shown.figure_numbers, format=["pdf", "png", "csv"]),
