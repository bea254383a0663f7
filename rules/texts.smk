# Data sets to tidy, validated parquet.


use rule stage as read_texts with:
    input:
        local_texts,
    output:
        texts=paths.texts(),
    log:
        "<logs>/read_texts/{dataset}.log",
    resources:
        mem_mb=grown(8000),
        runtime=grown(120),
    params:
        **of_given(local_texts, "read_texts", lambda wildcards: SLICES.read_texts(wildcards.dataset)),


rule texts:
    """all data sets of the study, read and validated"""
    input:
        expand(paths.texts(), dataset=PLAN.corpora.names),
