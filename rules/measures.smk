# Tidy CSVs of what the embeddings show, one observation per row; and UMAP of the space.
use rule stage as measure_space with:
    input:
        embeddings=paths.embeddings(ALIGNMENT),
        base=paths.embeddings(ALIGNMENT, condition=BASE),
        condition=paths.condition(),
    output:
        **{name: paths.metric(name, ALIGNMENT) for name in [*paths.SPACE, "retrieved"]},
    log:
        "<logs>/measure_space/{model}/{condition}.log",
    benchmark:
        "<benchmarks>/measure_space/{model}/{condition}.tsv"
    resources:
        mem_mb=grown(8000),
        runtime=grown(60),
    params:
        **contract("measure_space", SLICES.measure_space([""])),


# The same by further layers, all layers of a model and condition in one job.
for group in PLAN.embedded.layer_groups:

    rule:
        name:
            group.rule
        input:
            embeddings=[paths.embeddings(ALIGNMENT, layer=layer) for layer in group.parts],
            base=[paths.embeddings(ALIGNMENT, condition=BASE, layer=layer) for layer in group.parts],
            condition=paths.condition(),
        output:
            **{name: [paths.metric(name, ALIGNMENT, layer=layer) for layer in group.parts] for name in paths.SPACE},
        log:
            "<logs>/measure_layers/{model}/{condition}.log",
        wildcard_constraints:
            model=alternatives(group.models),
            condition=group.conditions,
        conda:
            ENVIRONMENT
        resources:
            mem_mb=grown(8000),
            runtime=grown(120),
        params:
            **contract("measure_space", SLICES.measure_space(group.parts)),
        shell:
            RUN


use rule stage as retrieve_paraphrases with:
    input:
        base=paths.embeddings(PARAPHRASE, condition=BASE),
        intervened=paths.embeddings(PARAPHRASE),
        condition=paths.condition(),
    output:
        paraphrase=paths.metric("paraphrase", PARAPHRASE),
    log:
        "<logs>/retrieve_paraphrases/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.conditions.changed_pattern,
    params:
        **contract("retrieve_paraphrases", lambda wildcards: SLICES.retrieve_paraphrases(wildcards.condition)),


use rule stage as retrieve_translations with:
    input:
        embeddings=paths.embeddings("{dataset}"),
        condition=paths.condition(),
    output:
        translation=paths.metric("translation", "{dataset}"),
    log:
        "<logs>/retrieve_translations/{model}/{condition}/{dataset}.log",
    wildcard_constraints:
        dataset=alternatives(PLAN.corpora.translated),
    resources:
        mem_mb=grown(8000),
        runtime=grown(60),
    params:
        **contract(
            "retrieve_translations",
            lambda wildcards: SLICES.retrieve_translations(wildcards.condition, wildcards.dataset),
        ),


use rule stage as correlate_languages with:
    input:
        base_distances=paths.metric("distances", ALIGNMENT, condition=BASE),
        base_retrieval=paths.metric("retrieval", ALIGNMENT, condition=BASE),
        distances=paths.metric("distances", ALIGNMENT),
        retrieval=paths.metric("retrieval", ALIGNMENT),
        condition=paths.condition(),
    output:
        correlations=paths.metric("correlations", ALIGNMENT),
    log:
        "<logs>/correlate_languages/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.conditions.changed_pattern,
    params:
        **contract(
            "correlate_languages",
            lambda wildcards: SLICES.correlate_languages(wildcards.model, wildcards.condition),
        ),


use rule stage as find_examples with:
    input:
        base=paths.embeddings(ALIGNMENT, condition=BASE),
        intervened=paths.embeddings(ALIGNMENT),
        texts=paths.texts(ALIGNMENT),
        condition=paths.condition(),
    output:
        examples=paths.metric("examples", ALIGNMENT),
    log:
        "<logs>/find_examples/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.conditions.changed_pattern,
    params:
        **contract("find_examples", lambda wildcards: SLICES.find_examples(wildcards.condition)),


use rule stage as project_space with:
    input:
        base=paths.embeddings(ALIGNMENT, condition=BASE),
        intervened=lambda wildcards: [
            paths.embeddings(ALIGNMENT, wildcards.model, slug) for slug in PLAN.conditions.projected(wildcards.model)
        ],
        conditions=lambda wildcards: [
            paths.condition(slug, wildcards.model) for slug in PLAN.conditions.projected(wildcards.model)
        ],
    output:
        projections="<results>/projections/{model}.parquet",
    log:
        "<logs>/project_space/{model}.log",
    benchmark:
        "<benchmarks>/project_space/{model}.tsv"
    priority: 30
    resources:
        mem_mb=grown(8000),
        runtime=grown(120),
    params:
        **contract("project_space", SLICES.project_space()),
