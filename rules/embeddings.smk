# Sentence embeddings, one job a model, condition and data set.

EMBED = (
    "python -m workflow_scripts.embeddings.embed_sentences --spec {params.spec:q} --code {params.code} --cache {resources.cache:q}"
    " --device {resources.device} --tokens-per-batch {resources.tokens_per_batch} --usage {log.usage:q}"
    " --model {input.model:q} --condition {input.condition:q} --texts {input.texts:q}"
    " --embeddings {output.embeddings:q} 2> {log.text:q}"
)


rule embeddings:
    input:
        model="<results>/models/{model}/model.json",
        condition="<results>/conditions/{model}/{condition}.json",
        texts="<results>/texts/{dataset}.parquet",
    output:
        embeddings="<results>/embeddings/{model}/{condition}/{dataset}.h5",
    log:
        text="<logs>/embeddings/{model}/{condition}/{dataset}.log",
        usage="<logs>/embeddings/{model}/{condition}/{dataset}.usage.json",
    benchmark:
        "<benchmarks>/embeddings/{model}/{condition}/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes("embeddings"),
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    params:
        spec=lambda wildcards: PLAN.embeddings(wildcards.condition, wildcards.dataset),
        code=code("embeddings.embed_sentences"),
    shell:
        EMBED


# Further layers of a model, all in one pass; they are as many as the model's config names, so each model has a rule.
for layered_model in filter(lambda model: CONFIG.models[model].layers, CONFIG.study.models):

    rule:
        name:
            f"layer_embeddings_{layered_model}"
        input:
            model="<results>/models/{model}/model.json",
            condition="<results>/conditions/{model}/{condition}.json",
            texts=f"<results>/texts/{ALIGNMENT}.parquet",
        output:
            embeddings=[
                aligned_embeddings().replace("{layer}", layer_path(layer))
                for layer in CONFIG.models[layered_model].layers
            ],
        log:
            text="<logs>/layer_embeddings/{model}/{condition}.log",
            usage="<logs>/layer_embeddings/{model}/{condition}.usage.json",
        benchmark:
            "<benchmarks>/layer_embeddings/{model}/{condition}.tsv"
        wildcard_constraints:
            model=alternatives([layered_model, *PLAN.checkpoints_of(layered_model)]),
        conda:
            ENVIRONMENT
        threads: setting("threads")
        resources:
            gpu=gpus,
            mem_mb=model_memory,
            runtime=model_minutes("embeddings"),
            tokens_per_batch=setting("tokens_per_batch"),
            device=setting("device"),
            cache=CONFIG.cache,
        params:
            spec=lambda wildcards: PLAN.layer_embeddings(wildcards.model, wildcards.condition),
            code=code("embeddings.embed_sentences"),
        shell:
            EMBED
