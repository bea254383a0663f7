# Sweeps over the number of experts, one job a model, target, pooling and method: generated text,
# its language, perplexity. Methods on a layer know of no pooling; the names of their sweeps have `layer` there.


rule generation:
    input:
        model="<results>/models/{model}/model.json",
        conditions=swept,
    output:
        generations="<results>/sweeps/{model}/{target}-{pooling}{method}/generations.parquet",
    log:
        text="<logs>/generation/{model}/{target}-{pooling}{method}.log",
        usage="<logs>/generation/{model}/{target}-{pooling}{method}.usage.json",
    benchmark:
        "<benchmarks>/generation/{model}/{target}-{pooling}{method}.tsv"
    wildcard_constraints:
        pooling=alternatives([*PLAN.poolings, "layer"]),
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes("generation"),
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    params:
        spec=lambda wildcards: PLAN.generation(wildcards.target, sweep_pooling(wildcards)),
        code=code("sweeps.generate_texts"),
    shell:
        "python -m workflow_scripts.sweeps.generate_texts --spec {params.spec:q} --code {params.code} --cache {resources.cache:q}"
        " --device {resources.device} --tokens-per-batch {resources.tokens_per_batch} --usage {log.usage:q}"
        " --model {input.model:q} --conditions {input.conditions:q} --generations {output.generations:q} 2> {log.text:q}"


rule identify:
    input:
        generations="<results>/sweeps/{model}/{target}-{pooling}{method}/generations.parquet",
    output:
        identified="<results>/sweeps/{model}/{target}-{pooling}{method}/identified.parquet",
        language_id="<results>/sweeps/{model}/{target}-{pooling}{method}/language_id.csv",
    log:
        "<logs>/identify/{model}/{target}-{pooling}{method}.log",
    wildcard_constraints:
        pooling=alternatives([*PLAN.poolings, "layer"]),
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.identification(wildcards.target),
        code=code("sweeps.identify_languages"),
    shell:
        "python -m workflow_scripts.sweeps.identify_languages --spec {params.spec:q} --generations {input.generations:q}"
        " --identified {output.identified:q} --language-id {output.language_id:q} 2> {log:q}"


rule perplexity:
    input:
        model="<results>/models/{model}/model.json",
        conditions=swept,
        texts=f"<results>/texts/{PERPLEXITY}.parquet",
    output:
        perplexity="<results>/sweeps/{model}/{target}-{pooling}{method}/perplexity.csv",
        selection="<results>/sweeps/{model}/{target}-{pooling}{method}/selection.csv",
    log:
        text="<logs>/perplexity/{model}/{target}-{pooling}{method}.log",
        usage="<logs>/perplexity/{model}/{target}-{pooling}{method}.usage.json",
    benchmark:
        "<benchmarks>/perplexity/{model}/{target}-{pooling}{method}.tsv"
    wildcard_constraints:
        pooling=alternatives([*PLAN.poolings, "layer"]),
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes("perplexity"),
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    params:
        spec=lambda wildcards: PLAN.perplexity(wildcards.target, sweep_pooling(wildcards)),
        code=code("sweeps.measure_perplexity"),
    shell:
        "python -m workflow_scripts.sweeps.measure_perplexity --spec {params.spec:q} --code {params.code} --cache {resources.cache:q}"
        " --device {resources.device} --tokens-per-batch {resources.tokens_per_batch} --usage {log.usage:q}"
        " --model {input.model:q} --conditions {input.conditions:q} --texts {input.texts:q}"
        " --perplexity {output.perplexity:q} --selection {output.selection:q} 2> {log.text:q}"
