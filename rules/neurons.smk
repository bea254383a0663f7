# Responses of all neurons to the probing sentences, one job per model; their ranking, every language against the others.


use rule on_model as record_responses with:
    input:
        model=paths.manifest(),
        texts=paths.texts(CONFIG.study.probing.dataset),
    output:
        activations="<results>/activations/{model}.h5",
    log:
        text="<logs>/record_responses/{model}.log",
        usage="<logs>/record_responses/{model}.usage.json",
    benchmark:
        "<benchmarks>/record_responses/{model}.tsv"
    priority: 50
    params:
        **contract("record_responses", SLICES.record_responses()),


use rule stage as rank_neurons with:
    input:
        model=paths.manifest(),
        activations="<results>/activations/{model}.h5",
    output:
        experts="<results>/experts/{model}/{pooling}.h5",
    log:
        "<logs>/rank_neurons/{model}/{pooling}.log",
    benchmark:
        "<benchmarks>/rank_neurons/{model}/{pooling}.tsv"
    priority: 50
    threads: setting("threads")
    resources:
        mem_mb=grown(8000),
        runtime=grown(60),
    params:
        **contract("rank_neurons", lambda wildcards: SLICES.rank_neurons(wildcards.pooling)),


# For the selection of units by the entropy of their activation probabilities (LAPE).
use rule on_model as count_active_tokens with:
    input:
        model=paths.manifest(),
        texts=paths.texts(CONFIG.study.probing.dataset),
    output:
        probabilities="<results>/activation_probabilities/{model}.h5",
    log:
        text="<logs>/count_active_tokens/{model}.log",
        usage="<logs>/count_active_tokens/{model}.usage.json",
    benchmark:
        "<benchmarks>/count_active_tokens/{model}.tsv"
    params:
        **contract("count_active_tokens", SLICES.count_active_tokens()),


# For the selection of units by how far they move states towards the target (transfer neurons).
use rule on_model as score_transfer with:
    input:
        model=paths.manifest(),
        texts=paths.texts(CONFIG.study.probing.dataset),
    output:
        scores="<results>/transfer_scores/{model}.h5",
    log:
        text="<logs>/score_transfer/{model}.log",
        usage="<logs>/score_transfer/{model}.usage.json",
    benchmark:
        "<benchmarks>/score_transfer/{model}.tsv"
    params:
        **contract("score_transfer", SLICES.score_transfer()),
