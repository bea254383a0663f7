# The paper's figures and others: PDF, PNG, the CSV that is drawn, and title and caption for the report. Files are named by what they
# show; figure1, figure2, … are the paper's numbers for them.


rule figure_overview:
    input:
        medoid=lambda wildcards: figure_metrics("medoid", wildcards.figure),
        examples=lambda wildcards: figure_metrics("examples", wildcards.figure, base=False),
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("overview"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.overview_figure(wildcards.figure),
        code=code("figures.figure_overview"),
    shell:
        "python -m workflow_scripts.figures.figure_overview --spec {params.spec:q} --medoid {input.medoid:q}"
        " --examples {input.examples:q} --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q}"
        " --json {output.json:q} 2> {log:q}"


rule figure_sweep:
    input:
        language_id=shown_sweeps("language_id.csv"),
        perplexity=shown_sweeps("perplexity.csv"),
    output:
        **figure("sweep"),
    log:
        "<logs>/figures/sweep.log",
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.sweep_figure(),
        code=code("figures.figure_sweep"),
    shell:
        "python -m workflow_scripts.figures.figure_sweep --spec {params.spec:q} --language-id {input.language_id:q}"
        " --perplexity {input.perplexity:q} --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q}"
        " --json {output.json:q} 2> {log:q}"


rule figure_methods:
    input:
        table="<results>/methods.csv",
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("methods"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.methods_figure(wildcards.figure),
        code=code("figures.figure_methods"),
    shell:
        "python -m workflow_scripts.figures.figure_methods --spec {params.spec:q} --table {input.table:q} --pdf {output.pdf:q}"
        " --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


rule figure_projection:
    input:
        projections=lambda wildcards: expand(
            "<results>/projections/{model}.parquet", model=PLAN.contents(wildcards.figure).models
        ),
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("projection", "projection_random"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.projection_figure(wildcards.figure),
        code=code("figures.figure_projection"),
    shell:
        "python -m workflow_scripts.figures.figure_projection --spec {params.spec:q} --projections {input.projections:q}"
        " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


rule figure_retrieval:
    input:
        retrieval=lambda wildcards: figure_metrics("retrieval", wildcards.figure),
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("retrieval", "retrieval_other_targets", "retrieval_random"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.retrieval_figure(wildcards.figure),
        code=code("figures.figure_retrieval"),
    shell:
        "python -m workflow_scripts.figures.figure_retrieval --spec {params.spec:q} --retrieval {input.retrieval:q}"
        " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


rule figure_retrieval_change:
    input:
        retrieval=lambda wildcards: figure_metrics("retrieval", wildcards.figure),
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("retrieval_change", "retrieval_change_other_targets"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.retrieval_change_figure(wildcards.figure),
        code=code("figures.figure_retrieval_change"),
    shell:
        "python -m workflow_scripts.figures.figure_retrieval_change --spec {params.spec:q} --retrieval {input.retrieval:q}"
        " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


rule figure_abx:
    input:
        abx=lambda wildcards: figure_metrics("abx", wildcards.figure),
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("abx"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.abx_figure(wildcards.figure),
        code=code("figures.figure_abx"),
    shell:
        "python -m workflow_scripts.figures.figure_abx --spec {params.spec:q} --abx {input.abx:q} --pdf {output.pdf:q}"
        " --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


rule figure_abx_pairs:
    input:
        abx=lambda wildcards: figure_metrics("abx", wildcards.figure),
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("abx_pairs"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.abx_figure(wildcards.figure),
        code=code("figures.figure_abx_pairs"),
    shell:
        "python -m workflow_scripts.figures.figure_abx_pairs --spec {params.spec:q} --abx {input.abx:q} --pdf {output.pdf:q}"
        " --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


rule figure_layers:
    input:
        layers="<results>/layers.csv",
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("layers"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.layers_figure(wildcards.figure),
        code=code("figures.figure_layers"),
    shell:
        "python -m workflow_scripts.figures.figure_layers --spec {params.spec:q} --layers {input.layers:q} --pdf {output.pdf:q}"
        " --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


rule figure_checkpoints:
    input:
        checkpoints="<results>/checkpoints.csv",
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("checkpoints"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.checkpoints_figure(wildcards.figure),
        code=code("figures.figure_checkpoints"),
    shell:
        "python -m workflow_scripts.figures.figure_checkpoints --spec {params.spec:q} --checkpoints {input.checkpoints:q}"
        " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


rule figure_transfer:
    input:
        transfer=lambda wildcards: [
            path
            for path in transfers("transfer", PLAN.experts_of)
            if path.startswith(f"<results>/metrics/{PLAN.contents(wildcards.figure).models[0]}/")
        ],
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("transfer"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.transfer_figure(wildcards.figure),
        code=code("figures.figure_transfer"),
    shell:
        "python -m workflow_scripts.figures.figure_transfer --spec {params.spec:q} --transfer {input.transfer:q}"
        " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"


# The paper's numbers: figure4.pdf is the figure of retrieval for the shown target, and so on.
rule numbered_figure:
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
    input:
        expand("<results>/figures/{figure}.pdf", figure=[figure.path for figure in PLAN.figures]),
        expand(
            "<results>/figure{number}.{format}",
            number=[figure.number for figure in PLAN.figures if figure.number],
            format=["pdf", "png", "csv"],
        ),
