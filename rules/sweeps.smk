# Sweeps over the number of experts, one job per model, target, pooling and method: generated text, its language,
# perplexity. Methods on a layer know no pooling; the names of their sweeps have `layer` there.
SWEEP = "<results>/sweeps/{model}/{target}-{pooling}{method}"
SWEEP_PATTERN = {"pooling": alternatives([*PLAN.conditions.poolings, "layer"])}
# Text is generated from the BOS token, and where the config has prompts, from these too.
STARTED_PATTERN = {**SWEEP_PATTERN, "start": "(/prompted)?" if CONFIG.generation.prompts else "()"}


use rule on_model as generate_texts with:
    input:
        model=paths.manifest(),
        conditions=swept_conditions,
        texts=lambda wildcards: [paths.texts(PLAN.embedded.alignment)] if wildcards.start else [],
    output:
        generations=f"{SWEEP}{{start}}/generations.parquet",
    log:
        text="<logs>/generate_texts/{model}/{target}-{pooling}{method}{start}.log",
        usage="<logs>/generate_texts/{model}/{target}-{pooling}{method}{start}.usage.json",
    benchmark:
        "<benchmarks>/generate_texts/{model}/{target}-{pooling}{method}{start}.tsv"
    wildcard_constraints:
        **STARTED_PATTERN,
    priority: 20
    params:
        **contract_under(
            "generate_texts",
            lambda wildcards: SLICES.generate_texts(
                wildcards.target, sweep_pooling(wildcards), prompted=bool(wildcards.start)
            ),
            swept,
        ),


use rule stage as identify_languages with:
    input:
        generations=f"{SWEEP}{{start}}/generations.parquet",
        texts=paths.texts(PERPLEXITY),
    output:
        identified=f"{SWEEP}{{start}}/identified.parquet",
        language_id=f"{SWEEP}{{start}}/language_id.csv",
    log:
        "<logs>/identify_languages/{model}/{target}-{pooling}{method}{start}.log",
    wildcard_constraints:
        **STARTED_PATTERN,
    params:
        **contract("identify_languages", lambda wildcards: SLICES.identify_languages(wildcards.target)),


use rule on_model as measure_perplexity with:
    input:
        model=paths.manifest(),
        conditions=swept_conditions,
        texts=paths.texts(PERPLEXITY),
    output:
        perplexity=f"{SWEEP}/perplexity.csv",
        selection=f"{SWEEP}/selection.csv",
    log:
        text="<logs>/measure_perplexity/{model}/{target}-{pooling}{method}.log",
        usage="<logs>/measure_perplexity/{model}/{target}-{pooling}{method}.usage.json",
    benchmark:
        "<benchmarks>/measure_perplexity/{model}/{target}-{pooling}{method}.tsv"
    wildcard_constraints:
        **SWEEP_PATTERN,
    priority: 20
    params:
        **contract_under(
            "measure_perplexity",
            lambda wildcards: SLICES.measure_perplexity(wildcards.target, sweep_pooling(wildcards)),
            swept,
        ),


# Perplexity and generated text of a model that was trained within the run, on held-out text.
use rule stage as evaluate_model with:
    input:
        texts=lambda wildcards: paths.texts(PLAN.models[wildcards.model].train.held_out),
        training=lambda wildcards: paths.texts(PLAN.models[wildcards.model].train.dataset),
        model=paths.manifest(),
    output:
        evaluation="<results>/models/{model}/evaluation.csv",
    log:
        "<logs>/evaluate_model/{model}.log",
    wildcard_constraints:
        model=alternatives(PLAN.models.from_source("train")),
    threads: setting("threads")
    resources:
        mem_mb=model_memory,
        runtime=model_minutes,
    params:
        **contract("evaluate_model", lambda wildcards: SLICES.evaluate_model(wildcards.model)),
