# Probes on frozen embeddings, trained in one language and tested in all others.

PROBED = f"{PLAN.condition_pattern}|{UNTRAINED}"  # in words, random weights are a baseline


rule word_embeddings:
    input:
        model="<results>/models/{model}/model.json",
        condition="<results>/conditions/{model}/{condition}.json",
        texts=f"<results>/texts/{TREEBANK}.parquet",
    output:
        words=f"<results>/words/{{model}}/{{condition}}/{TREEBANK}.h5",
    log:
        text="<logs>/word_embeddings/{model}/{condition}.log",
        usage="<logs>/word_embeddings/{model}/{condition}.usage.json",
    benchmark:
        "<benchmarks>/word_embeddings/{model}/{condition}.tsv"
    wildcard_constraints:
        condition=PROBED,
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes("word_embeddings"),
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    params:
        spec=lambda wildcards: PLAN.word_embeddings(wildcards.condition),
        code=code("embeddings.embed_words"),
    shell:
        "python -m workflow_scripts.embeddings.embed_words --spec {params.spec:q} --code {params.code}"
        " --cache {resources.cache:q} --device {resources.device} --tokens-per-batch {resources.tokens_per_batch}"
        " --usage {log.usage:q} --model {input.model:q} --condition {input.condition:q} --texts {input.texts:q}"
        " --words {output.words:q} 2> {log.text:q}"


rule topic_transfer:
    input:
        embeddings=f"<results>/embeddings/{{model}}/{{condition}}/{TOPICS}.h5",
        texts=f"<results>/texts/{TOPICS}.parquet",
        condition="<results>/conditions/{model}/{condition}.json",
    output:
        transfer=metric("transfer", TOPICS),
        baselines=metric("transfer_baselines", TOPICS),
    log:
        "<logs>/topic_transfer/{model}/{condition}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(8000),
        runtime=grown(30),
    params:
        spec=lambda wildcards: PLAN.topic_transfer(),
        code=code("probes.probe_topics"),
    shell:
        "python -m workflow_scripts.probes.probe_topics --spec {params.spec:q} --embeddings {input.embeddings:q}"
        " --texts {input.texts:q} --condition {input.condition:q} --transfer {output.transfer:q}"
        " --baselines {output.baselines:q} 2> {log:q}"


rule syntax_transfer:
    input:
        words=f"<results>/words/{{model}}/{{condition}}/{TREEBANK}.h5",
        texts=f"<results>/texts/{TREEBANK}.parquet",
        condition="<results>/conditions/{model}/{condition}.json",
    output:
        transfer=metric("transfer", TREEBANK),
        baselines=metric("transfer_baselines", TREEBANK),
    log:
        "<logs>/syntax_transfer/{model}/{condition}.log",
    wildcard_constraints:
        condition=PROBED,
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(16000),
        runtime=grown(240),
    params:
        spec=lambda wildcards: PLAN.syntax_transfer(),
        code=code("probes.probe_words"),
    shell:
        "python -m workflow_scripts.probes.probe_words --spec {params.spec:q} --words {input.words:q}"
        " --texts {input.texts:q} --condition {input.condition:q} --transfer {output.transfer:q}"
        " --baselines {output.baselines:q} 2> {log:q}"
