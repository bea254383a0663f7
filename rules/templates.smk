# Templates: a rule that inherits one gives its files, its log and its contract.
#
# Of the jobs that could start, Snakemake takes those of the highest priority. So that no core is ever left without work, what most
# jobs wait for has one: first models, then responses and their ranking, conditions and embeddings, the projection, which
# is the longest job on all embeddings, and sweeps; the many short jobs, which have none, fill the cores at the end.
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
