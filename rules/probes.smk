# Probes on frozen embeddings, trained in one language and tested in all others.


use rule stage as probe_topics with:
    input:
        embeddings=paths.embeddings(TOPICS),
        texts=paths.texts(TOPICS),
        condition=paths.condition(),
    output:
        transfer=paths.metric("transfer", TOPICS),
        baselines=paths.metric("transfer_baselines", TOPICS),
    log:
        "<logs>/probe_topics/{model}/{condition}.log",
    resources:
        mem_mb=grown(8000),
        runtime=grown(30),
    params:
        **contract("probe_topics", lambda wildcards: SLICES.probe_topics()),


use rule stage as probe_few_shot with:
    input:
        embeddings=paths.embeddings(TOPICS),
        texts=paths.texts(TOPICS),
        condition=paths.condition(),
    output:
        few_shot=paths.metric("few_shot", TOPICS),
    log:
        "<logs>/probe_few_shot/{model}/{condition}.log",
    resources:
        mem_mb=grown(8000),
        runtime=grown(60),
    params:
        **contract("probe_few_shot", lambda wildcards: SLICES.probe_few_shot()),


# Of the texts alone, so one job for all models.
use rule stage as probe_ngrams with:
    input:
        texts=paths.texts(TOPICS),
    output:
        transfer=paths.NGRAMS,
    log:
        "<logs>/probe_ngrams/ngrams.log",
    resources:
        mem_mb=grown(8000),
        runtime=grown(30),
    params:
        **contract("probe_ngrams", lambda wildcards: SLICES.probe_ngrams()),


use rule stage as probe_words with:
    input:
        words=paths.words(TREEBANK),
        texts=paths.texts(TREEBANK),
        condition=paths.condition(),
    output:
        transfer=paths.metric("transfer", TREEBANK),
        baselines=paths.metric("transfer_baselines", TREEBANK),
    log:
        "<logs>/probe_words/{model}/{condition}.log",
    wildcard_constraints:
        condition=f"{PLAN.conditions.pattern}|{UNTRAINED}",  # in words, random weights are a baseline
    resources:
        mem_mb=grown(16000),
        runtime=grown(240),
    params:
        **contract("probe_words", lambda wildcards: SLICES.probe_words()),
