# Sentence embeddings: a job loads a model once and embeds every data set, language and layer under a condition. Which
# data sets and layers these are depends on model and condition, so each such set of files has a rule.
for group in PLAN.embedded.embedding_groups:

    rule:
        name:
            group.rule
        input:
            model=paths.manifest(),
            condition=paths.condition(),
            texts=[paths.texts(dataset) for dataset in group.datasets],
        output:
            embeddings=[paths.embeddings(part) for part in group.parts],
        log:
            text="<logs>/embed_sentences/{model}/{condition}.log",
            usage="<logs>/embed_sentences/{model}/{condition}.usage.json",
        benchmark:
            "<benchmarks>/embed_sentences/{model}/{condition}.tsv"
        wildcard_constraints:
            model=alternatives(group.models),
            condition=group.conditions,
        priority: 40
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
        params:
            **contract_under(
                "embed_sentences", lambda wildcards: SLICES.embed_sentences(wildcards.model, wildcards.condition)
            ),
        shell:
            RUN_MODEL


use rule on_model as embed_words with:
    input:
        model=paths.manifest(),
        condition=paths.condition(),
        texts=paths.texts(TREEBANK),
    output:
        words=paths.words(TREEBANK),
    log:
        text="<logs>/embed_words/{model}/{condition}.log",
        usage="<logs>/embed_words/{model}/{condition}.usage.json",
    benchmark:
        "<benchmarks>/embed_words/{model}/{condition}.tsv"
    wildcard_constraints:
        condition=f"{PLAN.conditions.pattern}|{UNTRAINED}",
    params:
        **contract_under("embed_words", lambda wildcards: SLICES.embed_words(wildcards.condition)),


# Mean states of a layer by language, of which methods on layers make their conditions.
use rule on_model as average_states with:
    input:
        model=paths.manifest(),
        texts=paths.texts(CONFIG.study.probing.dataset),
    output:
        means="<results>/layer_means/{model}/{changed}.h5",
    log:
        text="<logs>/average_states/{model}/{changed}.log",
        usage="<logs>/average_states/{model}/{changed}.usage.json",
    benchmark:
        "<benchmarks>/average_states/{model}/{changed}.tsv"
    wildcard_constraints:
        changed=r"\d+|middle|last",
    params:
        **contract("average_states", lambda wildcards: SLICES.average_states(wildcards.changed)),
