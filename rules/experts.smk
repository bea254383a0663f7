# Ranking of all neurons, every probing language against the others.


rule experts:
    input:
        model="<results>/models/{model}/model.json",
        activations="<results>/activations/{model}.h5",
    output:
        experts="<results>/experts/{model}/{pooling}.h5",
    log:
        "<logs>/experts/{model}/{pooling}.log",
    benchmark:
        "<benchmarks>/experts/{model}/{pooling}.tsv"
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=grown(8000),
        runtime=grown(60),
    params:
        spec=lambda wildcards: PLAN.experts(wildcards.pooling),
        code=code("neurons.rank_neurons"),
    shell:
        "python -m workflow_scripts.neurons.rank_neurons --spec {params.spec:q} --model {input.model:q}"
        " --activations {input.activations:q} --experts {output.experts:q} 2> {log:q}"
