# The paper's figures: PDF, PNG and the CSV that is drawn.


rule figure_retrieval:
    input:
        retrieval=lambda wildcards: shown_metrics("retrieval", ALIGNMENT, [wildcards.target]),
    output:
        pdf="<results>/figures/retrieval/{target}.pdf",
        png=by_target("retrieval", "Retrieval accuracy"),
        csv="<results>/figures/retrieval/{target}.csv",
    log:
        "<logs>/figure_retrieval/{target}.log",
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.retrieval_figure(wildcards.target),
        code=code("figure_retrieval"),
    shell:
        "python -m workflow_scripts.figure_retrieval --spec {params.spec:q} --retrieval {input.retrieval:q}"
        " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} 2> {log:q}"


rule figure_retrieval_change:
    input:
        retrieval=lambda wildcards: shown_metrics("retrieval", ALIGNMENT, [wildcards.target]),
    output:
        pdf="<results>/figures/retrieval_change/{target}.pdf",
        png=by_target("retrieval_change", "Change of retrieval accuracy"),
        csv="<results>/figures/retrieval_change/{target}.csv",
    log:
        "<logs>/figure_retrieval_change/{target}.log",
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.retrieval_figure(wildcards.target),
        code=code("figure_retrieval_change"),
    shell:
        "python -m workflow_scripts.figure_retrieval_change --spec {params.spec:q} --retrieval {input.retrieval:q}"
        " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} 2> {log:q}"


# The paper's numbers for the shown target's figures; the other targets' stay under figures/.
rule figure4:
    input:
        **figure_files("retrieval"),
    output:
        **figure_output(4),
    log:
        "<logs>/figure4.log",
    conda:
        ENVIRONMENT
    shell:
        "cp {input.pdf:q} {output.pdf:q} && cp {input.png:q} {output.png:q} && cp {input.csv:q} {output.csv:q} 2> {log:q}"


use rule figure4 as figure5 with:
    input:
        **figure_files("retrieval_change"),
    output:
        **figure_output(5),
    log:
        "<logs>/figure5.log",


rule figures:
    input:
        expand("<results>/figure{number}.{format}", number=[4, 5], format=["pdf", "png", "csv"]),
        expand(
            "<results>/figures/{kind}/{target}.pdf",
            kind=["retrieval", "retrieval_change"],
            target=CONFIG.study.targets,
        ),
