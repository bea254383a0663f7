# Tidy CSVs of what the embeddings show, one observation a row; and UMAP of the space. What is measured on the parallel
# corpus can be measured by any layer of a model that is embedded: metrics/…/{dataset}/layer-2/abx.csv.


rule space:
    input:
        base=aligned_embeddings(BASE),
        embeddings=aligned_embeddings(),
        condition="<results>/conditions/{model}/{condition}.json",
    output:
        distances=metric("distances", ALIGNMENT, layer="{layer}"),
        medoid=metric("medoid", ALIGNMENT, layer="{layer}"),
        retrieval=metric("retrieval", ALIGNMENT, layer="{layer}"),
        alignment=metric("alignment", ALIGNMENT, layer="{layer}"),
        abx=metric("abx", ALIGNMENT, layer="{layer}"),
    log:
        "<logs>/space/{model}/{condition}{layer}.log",
    benchmark:
        "<benchmarks>/space/{model}/{condition}{layer}.tsv"
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(30),
    params:
        spec=lambda wildcards: PLAN.space(wildcards.layer),
        code=code("measures.measure_space"),
    shell:
        "python -m workflow_scripts.measures.measure_space --spec {params.spec:q} --base {input.base:q}"
        " --embeddings {input.embeddings:q} --condition {input.condition:q} --distances {output.distances:q}"
        " --medoid {output.medoid:q} --retrieval {output.retrieval:q} --alignment {output.alignment:q} --abx {output.abx:q}"
        " 2> {log:q}"


rule paraphrase:
    input:
        base=f"<results>/embeddings/{{model}}/{BASE}/{PARAPHRASE}.h5",
        intervened=f"<results>/embeddings/{{model}}/{{condition}}/{PARAPHRASE}.h5",
        condition="<results>/conditions/{model}/{condition}.json",
    output:
        paraphrase=metric("paraphrase", PARAPHRASE),
    log:
        "<logs>/paraphrase/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.changed_pattern,
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(10),
    params:
        spec=lambda wildcards: PLAN.paraphrase(wildcards.condition),
        code=code("measures.retrieve_paraphrases"),
    shell:
        "python -m workflow_scripts.measures.retrieve_paraphrases --spec {params.spec:q} --base {input.base:q}"
        " --intervened {input.intervened:q} --condition {input.condition:q}"
        " --paraphrase {output.paraphrase:q} 2> {log:q}"


rule correlations:
    input:
        base_distances=metric("distances", ALIGNMENT, BASE),
        base_retrieval=metric("retrieval", ALIGNMENT, BASE),
        distances=metric("distances", ALIGNMENT),
        retrieval=metric("retrieval", ALIGNMENT),
        condition="<results>/conditions/{model}/{condition}.json",
    output:
        correlations=metric("correlations", ALIGNMENT),
    log:
        "<logs>/correlations/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.changed_pattern,
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(10),
    params:
        spec=lambda wildcards: PLAN.correlations(wildcards.model, wildcards.condition),
        code=code("measures.correlate_languages"),
    shell:
        "python -m workflow_scripts.measures.correlate_languages --spec {params.spec:q}"
        " --base-distances {input.base_distances:q} --base-retrieval {input.base_retrieval:q}"
        " --distances {input.distances:q} --retrieval {input.retrieval:q} --condition {input.condition:q}"
        " --correlations {output.correlations:q} 2> {log:q}"


rule translation:
    input:
        embeddings="<results>/embeddings/{model}/{condition}/{dataset}.h5",
        condition="<results>/conditions/{model}/{condition}.json",
    output:
        translation=metric("translation", "{dataset}"),
    log:
        "<logs>/translation/{model}/{condition}/{dataset}.log",
    wildcard_constraints:
        dataset=alternatives(PLAN.translated),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(8000),
        runtime=grown(60),
    params:
        spec=lambda wildcards: PLAN.translation(wildcards.condition, wildcards.dataset),
        code=code("measures.retrieve_translations"),
    shell:
        "python -m workflow_scripts.measures.retrieve_translations --spec {params.spec:q} --embeddings {input.embeddings:q}"
        " --condition {input.condition:q} --translation {output.translation:q} 2> {log:q}"


rule examples:
    input:
        base=f"<results>/embeddings/{{model}}/{BASE}/{ALIGNMENT}.h5",
        intervened=f"<results>/embeddings/{{model}}/{{condition}}/{ALIGNMENT}.h5",
        texts=f"<results>/texts/{ALIGNMENT}.parquet",
        condition="<results>/conditions/{model}/{condition}.json",
    output:
        examples=metric("examples", ALIGNMENT),
    log:
        "<logs>/examples/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.changed_pattern,
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(10),
    params:
        spec=lambda wildcards: PLAN.examples(wildcards.condition),
        code=code("measures.find_examples"),
    shell:
        "python -m workflow_scripts.measures.find_examples --spec {params.spec:q} --base {input.base:q} --intervened {input.intervened:q}"
        " --texts {input.texts:q} --condition {input.condition:q} --examples {output.examples:q} 2> {log:q}"


rule projections:
    input:
        base=f"<results>/embeddings/{{model}}/{BASE}/{ALIGNMENT}.h5",
        intervened=lambda wildcards: [
            f"<results>/embeddings/{wildcards.model}/{condition}/{ALIGNMENT}.h5"
            for condition in PLAN.projected(wildcards.model)
        ],
        conditions=lambda wildcards: [
            f"<results>/conditions/{wildcards.model}/{condition}.json" for condition in PLAN.projected(wildcards.model)
        ],
    output:
        projections="<results>/projections/{model}.parquet",
    log:
        "<logs>/projection/{model}.log",
    benchmark:
        "<benchmarks>/projection/{model}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(8000),
        runtime=grown(120),
    params:
        spec=PLAN.projection(),
        code=code("measures.project_space"),
    shell:
        "python -m workflow_scripts.measures.project_space --spec {params.spec:q} --base {input.base:q}"
        " --intervened {input.intervened:q} --conditions {input.conditions:q} --projections {output.projections:q}"
        " 2> {log:q}"
