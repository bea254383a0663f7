# Models: trained or unpacked where they have to be, then described by a manifest that every later job loads them from.
FILES_BESIDE_WEIGHTS = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]


# Models of the same text and languages share a tokenizer, whatever their mixture of languages.
use rule stage as train_tokenizer with:
    input:
        texts=lambda wildcards: paths.texts(PLAN.models.tokenizers[wildcards.tokenizer].dataset),
    output:
        "<results>/tokenizers/{tokenizer}/tokenizer_config.json",
        tokenizer="<results>/tokenizers/{tokenizer}/tokenizer.json",
    log:
        "<logs>/train_tokenizer/{tokenizer}.log",
    wildcard_constraints:
        tokenizer=alternatives(PLAN.models.tokenizers),
    priority: 60
    params:
        **contract("train_tokenizer", lambda wildcards: SLICES.train_tokenizer(wildcards.tokenizer)),


use rule on_model as train_model with:
    input:
        texts=lambda wildcards: paths.texts(PLAN.models[wildcards.model].train.dataset),
        tokenizer=lambda wildcards: f"<results>/tokenizers/{tokenizer_name(PLAN.models[wildcards.model].train)}/tokenizer.json",
    output:
        multiext("<results>/models/{model}/weights/", *FILES_BESIDE_WEIGHTS),
        weights="<results>/models/{model}/weights/model.safetensors",
        checkpoints=directory("<results>/models/{model}/checkpoints"),
    log:
        text="<logs>/train_model/{model}.log",
        usage="<logs>/train_model/{model}.usage.json",
    benchmark:
        "<benchmarks>/train_model/{model}.tsv"
    wildcard_constraints:
        model=alternatives(PLAN.models.from_source("train")),
    priority: 60
    threads: lambda wildcards: PLAN.models[wildcards.model].train.threads
    params:
        **contract("train_model", lambda wildcards: SLICES.train_model(wildcards.model)),


use rule stage as convert_gguf with:
    input:
        given_files,
    output:
        multiext("<results>/models/{model}/weights/", *FILES_BESIDE_WEIGHTS),
        weights="<results>/models/{model}/weights/model.safetensors",
    log:
        "<logs>/convert_gguf/{model}.log",
    wildcard_constraints:
        model=alternatives(PLAN.models.from_source("gguf")),
    priority: 60
    resources:
        mem_mb=model_memory,
        runtime=model_minutes,
    params:
        **of_given(given_files, "convert_gguf", lambda wildcards: SLICES.convert_gguf(wildcards.model)),


use rule stage as describe_model with:
    input:
        made_weights,
        given_to_describe,
    output:
        manifest=paths.manifest(),
    log:
        "<logs>/describe_model/{model}.log",
    priority: 60
    resources:
        mem_mb=grown(4000),
        runtime=model_minutes,
    params:
        **of_given(
            given_to_describe,
            "describe_model",
            lambda wildcards: SLICES.describe_model(wildcards.model, made_directory(wildcards)),
        ),


rule models:
    """all models of the study, fetched and described"""
    input:
        expand(paths.manifest(), model=PLAN.models.names),
