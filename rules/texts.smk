# Data sets to tidy, validated parquet.


rule text:
    input:
        local_files,
    output:
        texts="<results>/texts/{dataset}.parquet",
    log:
        "<logs>/texts/{dataset}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(8000),
        runtime=grown(120),
    params:
        spec=lambda wildcards: PLAN.texts(wildcards.dataset),
        code=code("texts.read_texts"),
    shell:
        "python -m workflow_scripts.texts.read_texts --spec {params.spec:q} --texts {output.texts:q} 2> {log:q}"


rule texts:
    input:
        expand("<results>/texts/{dataset}.parquet", dataset=PLAN.datasets),
