# Templates: a rule that inherits one gives its files, its log and its contract.
rule stage:
    """template of the rules of stages; makes nothing by itself"""
    log:
        "<logs>/stage.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(4000),
        runtime=grown(10),
    shell:
        RUN


# Of a stage that runs a model: loaded once per job, finished languages kept in the cache.
rule on_model:
    """template of the rules of stages that run a model; makes nothing by itself"""
    log:
        text="<logs>/on_model.log",
        usage="<logs>/on_model.usage.json",
    conda:
        ENVIRONMENT
    threads: setting("threads")
    resources:
        gpu=gpus,
        mem_mb=model_memory,
        runtime=model_minutes,
        tokens_per_batch=setting("tokens_per_batch"),
        device=setting("device"),
        cache=CONFIG.cache,
    shell:
        RUN_MODEL
