# Responses of all neurons to the probing sentences, one job a model.


rule activations:
    input:
        model="<results>/models/{model}/model.json",
        texts=f"<results>/texts/{CONFIG.study.probing.dataset}.parquet",
    output:
        activations="<results>/activations/{model}.h5",
    log:
        text="<logs>/activations/{model}.log",
        usage="<logs>/activations/{model}.usage.json",
    benchmark:
        "<benchmarks>/activations/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes("activations"),
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    params:
        spec=PLAN.activations(),
        code=code("neurons.record_responses"),
    shell:
        "python -m workflow_scripts.neurons.record_responses --spec {params.spec:q} --code {params.code} --cache {resources.cache:q}"
        " --device {resources.device} --tokens-per-batch {resources.tokens_per_batch} --usage {log.usage:q}"
        " --model {input.model:q} --texts {input.texts:q} --activations {output.activations:q} 2> {log.text:q}"
