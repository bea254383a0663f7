# Models: trained or unpacked where they have to be, then described by a manifest that every later job loads them from.


rule train_model:
    input:
        texts=lambda wildcards: f"<results>/texts/{CONFIG.models[wildcards.model].train.dataset}.parquet",
    output:
        weights="<results>/models/{model}/weights/model.safetensors",
        rest=multiext(
            "<results>/models/{model}/weights/",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ),
        checkpoints=directory("<results>/models/{model}/checkpoints"),
    log:
        text="<logs>/train_model/{model}.log",
        usage="<logs>/train_model/{model}.usage.json",
    benchmark:
        "<benchmarks>/train_model/{model}.tsv"
    wildcard_constraints:
        model=alternatives(PLAN.models_from("train")),
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=model_memory,
        runtime=model_minutes("train_model"),
    params:
        spec=lambda wildcards: PLAN.training(wildcards.model),
        code=code("models.train_model"),
    shell:
        "python -m workflow_scripts.models.train_model --spec {params.spec:q} --texts {input.texts:q}"
        " --weights {output.weights:q} --checkpoints {output.checkpoints:q} --usage {log.usage:q} 2> {log.text:q}"


rule evaluate_model:
    input:
        texts=lambda wildcards: f"<results>/texts/{CONFIG.models[wildcards.model].train.held_out}.parquet",
        training=lambda wildcards: f"<results>/texts/{CONFIG.models[wildcards.model].train.dataset}.parquet",
        model="<results>/models/{model}/model.json",
    output:
        evaluation="<results>/models/{model}/evaluation.csv",
    log:
        "<logs>/evaluate_model/{model}.log",
    wildcard_constraints:
        model=alternatives(PLAN.models_from("train")),
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        mem_mb=model_memory,
        runtime=model_minutes("evaluate_model"),
    params:
        spec=lambda wildcards: PLAN.evaluation(wildcards.model),
        code=code("sweeps.evaluate_model"),
    shell:
        "python -m workflow_scripts.sweeps.evaluate_model --spec {params.spec:q} --texts {input.texts:q}"
        " --training {input.training:q} --model {input.model:q} --evaluation {output.evaluation:q} 2> {log:q}"


rule convert_gguf:
    output:
        weights="<results>/models/{model}/weights/model.safetensors",
        rest=multiext(
            "<results>/models/{model}/weights/",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ),
    log:
        "<logs>/convert_gguf/{model}.log",
    wildcard_constraints:
        model=alternatives(PLAN.models_from("gguf")),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=model_memory,
        runtime=model_minutes("convert_gguf"),
    params:
        spec=lambda wildcards: PLAN.gguf(wildcards.model),
        code=code("models.convert_gguf"),
    shell:
        "python -m workflow_scripts.models.convert_gguf --spec {params.spec:q} --weights {output.weights:q} 2> {log:q}"


rule model:
    input:
        model_weights,
    output:
        manifest="<results>/models/{model}/model.json",
    log:
        "<logs>/model/{model}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(4000),
        runtime=model_minutes("model"),
    params:
        spec=lambda wildcards: PLAN.model(wildcards.model, model_directory(wildcards)),
        code=code("models.describe_model"),
    shell:
        "python -m workflow_scripts.models.describe_model --spec {params.spec:q} --manifest {output.manifest:q} 2> {log:q}"


rule models:
    input:
        expand("<results>/models/{model}/model.json", model=CONFIG.study.models),
