# Conditions: the units that are changed and their parameters, as JSON.


rule condition:
    input:
        experts=ranking,
        activations=responses,
        probabilities=probabilities,
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
        code=code("conditions.choose_units"),
    shell:
        "python -m workflow_scripts.conditions.choose_units --spec {params.spec:q} --experts {input.experts:q}"
        " --activations {input.activations:q} --probabilities {input.probabilities:q}"
        " --condition {output.condition:q} 2> {log:q}"


rule activation_probabilities:
    input:
        model="<results>/models/{model}/model.json",
        texts=f"<results>/texts/{CONFIG.study.probing.dataset}.parquet",
    output:
        probabilities="<results>/activation_probabilities/{model}.h5",
    log:
        text="<logs>/activation_probabilities/{model}.log",
        usage="<logs>/activation_probabilities/{model}.usage.json",
    benchmark:
        "<benchmarks>/activation_probabilities/{model}.tsv"
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes("activation_probabilities"),
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    params:
        spec=PLAN.activation_probabilities(),
        code=code("neurons.count_active_tokens"),
    shell:
        "python -m workflow_scripts.neurons.count_active_tokens --spec {params.spec:q} --code {params.code}"
        " --cache {resources.cache:q} --device {resources.device} --tokens-per-batch {resources.tokens_per_batch}"
        " --usage {log.usage:q} --model {input.model:q} --texts {input.texts:q}"
        " --probabilities {output.probabilities:q} 2> {log.text:q}"


rule by_layer_condition:
    input:
        model="<results>/models/{model}/model.json",
        texts=f"<results>/texts/{CONFIG.study.probing.dataset}.parquet",
        experts=ranking,
        activations="<results>/activations/{model}.h5",
        probabilities=probabilities,
    output:
        condition="<results>/conditions/{model}/{condition}.json",
    log:
        text="<logs>/by_layer_condition/{model}/{condition}.log",
        usage="<logs>/by_layer_condition/{model}/{condition}.usage.json",
    benchmark:
        "<benchmarks>/by_layer_condition/{model}/{condition}.tsv"
    wildcard_constraints:
        condition=PLAN.by_layer_pattern,
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes("by_layer_condition"),
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    params:
        spec=lambda wildcards: PLAN.by_layer_condition(wildcards.model, wildcards.condition),
        code=code("conditions.fit_by_layer"),
    shell:
        "python -m workflow_scripts.conditions.fit_by_layer --spec {params.spec:q} --code {params.code}"
        " --cache {resources.cache:q} --device {resources.device} --tokens-per-batch {resources.tokens_per_batch}"
        " --usage {log.usage:q} --model {input.model:q} --texts {input.texts:q} --experts {input.experts:q}"
        " --activations {input.activations:q} --probabilities {input.probabilities:q}"
        " --condition {output.condition:q} 2> {log.text:q}"


rule layer_means:
    input:
        model="<results>/models/{model}/model.json",
        texts=f"<results>/texts/{CONFIG.study.probing.dataset}.parquet",
    output:
        means="<results>/layer_means/{model}/{changed}.h5",
    log:
        text="<logs>/layer_means/{model}/{changed}.log",
        usage="<logs>/layer_means/{model}/{changed}.usage.json",
    benchmark:
        "<benchmarks>/layer_means/{model}/{changed}.tsv"
    wildcard_constraints:
        changed=r"\d+|last",
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
        spec=lambda wildcards: PLAN.layer_means(wildcards.changed),
        code=code("embeddings.average_states"),
    shell:
        "python -m workflow_scripts.embeddings.average_states --spec {params.spec:q} --code {params.code} --cache {resources.cache:q}"
        " --device {resources.device} --tokens-per-batch {resources.tokens_per_batch} --usage {log.usage:q}"
        " --model {input.model:q} --texts {input.texts:q} --means {output.means:q} 2> {log.text:q}"


rule layer_condition:
    input:
        model="<results>/models/{model}/model.json",
        means=layer_means,
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
        code=code("conditions.steer_layer"),
    shell:
        "python -m workflow_scripts.conditions.steer_layer --spec {params.spec:q} --model {input.model:q}"
        " --means {input.means:q} --condition {output.condition:q} 2> {log:q}"


rule base_condition:
    output:
        condition="<results>/conditions/{model}/{condition}.json",
    log:
        "<logs>/conditions/{model}/{condition}.log",
    wildcard_constraints:
        condition=f"{BASE}|{UNTRAINED}",
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.base_condition(wildcards.model, wildcards.condition),
        code=code("conditions.change_nothing"),
    shell:
        "python -m workflow_scripts.conditions.change_nothing --spec {params.spec:q} --condition {output.condition:q} 2> {log:q}"
