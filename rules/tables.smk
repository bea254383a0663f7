# The paper's tables: CSV in full precision, and Markdown, LaTeX and HTML in the paper's shape.


rule table1:
    input:
        distances=shown_metrics("distances", ALIGNMENT),
        medoid=shown_metrics("medoid", ALIGNMENT),
    output:
        **table(1),
    log:
        "<logs>/table1.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.table1(),
        code=code("table_distances"),
    shell:
        "python -m workflow_scripts.table_distances --spec {params.spec:q} --distances {input.distances:q}"
        " --medoid {input.medoid:q} --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --html {output.html:q} 2> {log:q}"


rule table2:
    input:
        correlations=shown_metrics("correlations", ALIGNMENT, base=False),
    output:
        **table(2),
    log:
        "<logs>/table2.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.table2(),
        code=code("table_correlations"),
    shell:
        "python -m workflow_scripts.table_correlations --spec {params.spec:q} --correlations {input.correlations:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q} --html {output.html:q} 2> {log:q}"


rule table3:
    input:
        paraphrase=shown_metrics("paraphrase", PARAPHRASE, PLAN.paraphrase_targets(shown=True), base=False),
    output:
        **table(3),
    log:
        "<logs>/table3.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.paraphrase_table(PLAN.paraphrase_targets(shown=True)),
        code=code("table_paraphrase"),
    shell:
        "python -m workflow_scripts.table_paraphrase --spec {params.spec:q} --paraphrase {input.paraphrase:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q} --html {output.html:q} 2> {log:q}"


rule table5:
    input:
        paraphrase=shown_metrics("paraphrase", PARAPHRASE, PLAN.paraphrase_targets(shown=False), base=False),
    output:
        **table(5),
    log:
        "<logs>/table5.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.paraphrase_table(PLAN.paraphrase_targets(shown=False)),
        code=code("table_paraphrase"),
    shell:
        "python -m workflow_scripts.table_paraphrase --spec {params.spec:q} --paraphrase {input.paraphrase:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q} --html {output.html:q} 2> {log:q}"


rule tables:
    input:
        expand("<results>/table{number}.{format}", number=PLAN.tables, format=["csv", "md", "tex", "html"]),
