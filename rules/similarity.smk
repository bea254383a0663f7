# How similar languages are, and what that says about retrieval, distance and transfer between them.


rule similarity:
    input:
        PLAN.similarity_files(),
        texts=f"<results>/texts/{ALIGNMENT}.parquet",
    output:
        similarity="<results>/similarity/languages.csv",
    log:
        "<logs>/similarity/languages.log",
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(10),
    params:
        spec=PLAN.similarity(),
        code=code("kinship.compare_languages"),
    shell:
        "python -m workflow_scripts.kinship.compare_languages --spec {params.spec:q} --texts {input.texts:q}"
        " --similarity {output.similarity:q} 2> {log:q}"


rule subwords:
    input:
        model="<results>/models/{model}/model.json",
        texts=f"<results>/texts/{ALIGNMENT}.parquet",
    output:
        similarity="<results>/similarity/{model}/subwords.csv",
    log:
        "<logs>/similarity/{model}.log",
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(10),
    params:
        spec=PLAN.subwords(),
        code=code("kinship.compare_subwords"),
    shell:
        "python -m workflow_scripts.kinship.compare_subwords --spec {params.spec:q} --model {input.model:q} --texts {input.texts:q}"
        " --similarity {output.similarity:q} 2> {log:q}"


rule table_similarity:
    input:
        similarities=similarities(),
        retrieval=metrics("retrieval", ALIGNMENT, PLAN.experts_of),
        distances=metrics("distances", ALIGNMENT, PLAN.experts_of),
        transfer=transfers("transfer", PLAN.experts_of),
    output:
        **table("similarity"),
    log:
        "<logs>/table_similarity.log",
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(30),
    params:
        spec=PLAN.similarity_table(),
        code=code("tables.table_similarity"),
    shell:
        "python -m workflow_scripts.tables.table_similarity --spec {params.spec:q} --similarities {input.similarities:q}"
        " --retrieval {input.retrieval:q} --distances {input.distances:q} --transfer {input.transfer:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q} --json {output.json:q} 2> {log:q}"


rule table_similarity_mixed:
    input:
        similarities=similarities(),
        retrieval=metrics("retrieval", ALIGNMENT, PLAN.experts_of),
    output:
        **table("similarity_mixed"),
    log:
        "<logs>/table_similarity_mixed.log",
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(30),
    params:
        spec=PLAN.mixed_table(),
        code=code("tables.table_similarity_mixed"),
    shell:
        "python -m workflow_scripts.tables.table_similarity_mixed --spec {params.spec:q} --similarities {input.similarities:q}"
        " --retrieval {input.retrieval:q} --csv {output.csv:q} --markdown {output.markdown:q}"
        " --latex {output.latex:q} --json {output.json:q} 2> {log:q}"


rule figure_similarity:
    input:
        correlations="<results>/similarity.csv",
    output:
        **figure("{figure}"),
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=PLAN.figure_pattern("similarity"),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.similarity_figure(wildcards.figure),
        code=code("figures.figure_similarity"),
    shell:
        "python -m workflow_scripts.figures.figure_similarity --spec {params.spec:q} --correlations {input.correlations:q}"
        " --pdf {output.pdf:q} --png {output.png:q} --csv {output.csv:q} --json {output.json:q} 2> {log:q}"
