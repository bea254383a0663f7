# Conditions: the units that are changed and their parameters, as JSON.


rule condition:
    input:
        experts=ranking,
        activations=responses,
    output:
        condition="<results>/conditions/{model}/{condition}.json",
    log:
        "<logs>/conditions/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.unit_pattern,
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(3),
    params:
        spec=lambda wildcards: PLAN.condition(wildcards.model, wildcards.condition),
        code=code("condition"),
    shell:
        "python -m workflow_scripts.condition --spec {params.spec:q} --experts {input.experts:q}"
        " --activations {input.activations:q} --condition {output.condition:q} 2> {log:q}"


rule layer_means:
    input:
        model="<results>/models/{model}/model.json",
        texts=f"<results>/texts/{CONFIG.study.probing.dataset}.parquet",
    output:
        means="<results>/layer_means/{model}.h5",
    log:
        text="<logs>/layer_means/{model}.log",
        usage="<logs>/layer_means/{model}.usage.json",
    benchmark:
        "<benchmarks>/layer_means/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes("layer_means"),
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    params:
        spec=PLAN.layer_means(),
        code=code("layer_means"),
    shell:
        "python -m workflow_scripts.layer_means --spec {params.spec:q} --code {params.code} --cache {resources.cache:q}"
        " --device {resources.device} --tokens-per-batch {resources.tokens_per_batch} --usage {log.usage:q}"
        " --model {input.model:q} --texts {input.texts:q} --means {output.means:q} 2> {log.text:q}"


rule layer_condition:
    input:
        model="<results>/models/{model}/model.json",
        means="<results>/layer_means/{model}.h5",
    output:
        condition="<results>/conditions/{model}/{condition}.json",
    log:
        "<logs>/conditions/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.layer_pattern,
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.layer_condition(wildcards.model, wildcards.condition),
        code=code("layer_condition"),
    shell:
        "python -m workflow_scripts.layer_condition --spec {params.spec:q} --model {input.model:q}"
        " --means {input.means:q} --condition {output.condition:q} 2> {log:q}"


rule base_condition:
    output:
        condition=f"<results>/conditions/{{model}}/{BASE}.json",
    log:
        f"<logs>/conditions/{{model}}/{BASE}.log",
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.base_condition(wildcards.model),
        code=code("base_condition"),
    shell:
        "python -m workflow_scripts.base_condition --spec {params.spec:q} --condition {output.condition:q} 2> {log:q}"
