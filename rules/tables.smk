# The paper's tables and others: CSV in full precision, Markdown and LaTeX in the paper's shape, and JSON for the report.


rule table1:
    input:
        distances=metrics("distances", ALIGNMENT, PLAN.experts_of),
        medoid=metrics("medoid", ALIGNMENT, PLAN.experts_of),
    output:
        **table("table1"),
    log:
        "<logs>/table1.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.table1(),
        code=code("tables.table_distances"),
    shell:
        "python -m workflow_scripts.tables.table_distances --spec {params.spec:q} --distances {input.distances:q}"
        " --medoid {input.medoid:q} --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --json {output.json:q} 2> {log:q}"


rule table2:
    input:
        correlations=metrics("correlations", ALIGNMENT, PLAN.experts_of, base=False),
    output:
        **table("table2"),
    log:
        "<logs>/table2.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.table2(),
        code=code("tables.table_correlations"),
    shell:
        "python -m workflow_scripts.tables.table_correlations --spec {params.spec:q} --correlations {input.correlations:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --json {output.json:q} 2> {log:q}"


rule table3:
    input:
        paraphrase=paraphrases(PLAN.experts_of, PLAN.paraphrase_targets(shown=True)),
    output:
        **table("table3"),
    log:
        "<logs>/table3.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.paraphrase_table(PLAN.paraphrase_targets(shown=True)),
        code=code("tables.table_paraphrase"),
    shell:
        "python -m workflow_scripts.tables.table_paraphrase --spec {params.spec:q} --paraphrase {input.paraphrase:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --json {output.json:q} 2> {log:q}"


rule table4:
    output:
        **table("table4"),
    log:
        "<logs>/table4.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.table4(),
        code=code("tables.table_languages"),
    shell:
        "python -m workflow_scripts.tables.table_languages --spec {params.spec:q} --csv {output.csv:q}"
        " --markdown {output.markdown:q} --latex {output.latex:q} --json {output.json:q} 2> {log:q}"


rule table5:
    input:
        paraphrase=paraphrases(PLAN.experts_of, PLAN.paraphrase_targets(shown=False)),
    output:
        **table("table5"),
    log:
        "<logs>/table5.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.paraphrase_table(PLAN.paraphrase_targets(shown=False)),
        code=code("tables.table_paraphrase"),
    shell:
        "python -m workflow_scripts.tables.table_paraphrase --spec {params.spec:q} --paraphrase {input.paraphrase:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --json {output.json:q} 2> {log:q}"


rule table6:
    input:
        paraphrase=paraphrases(PLAN.randoms_of, PLAN.paraphrase_targets()),
    output:
        **table("table6"),
    log:
        "<logs>/table6.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.table6(),
        code=code("tables.table_paraphrase"),
    shell:
        "python -m workflow_scripts.tables.table_paraphrase --spec {params.spec:q} --paraphrase {input.paraphrase:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --json {output.json:q} 2> {log:q}"


rule table7:
    input:
        translation=translations(),
    output:
        **table("table7"),
    log:
        "<logs>/table7.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.table7(),
        code=code("tables.table_translation"),
    shell:
        "python -m workflow_scripts.tables.table_translation --spec {params.spec:q} --translation {input.translation:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --json {output.json:q} 2> {log:q}"


rule centred:
    input:
        alignment=metrics("alignment", ALIGNMENT, experts_and_randoms),
        paraphrase=paraphrases(experts_and_randoms, PLAN.paraphrase_targets()),
    output:
        **table("centred"),
    log:
        "<logs>/centred.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.centred_table(),
        code=code("tables.table_centred"),
    shell:
        "python -m workflow_scripts.tables.table_centred --spec {params.spec:q} --metrics {input:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
        " --json {output.json:q} 2> {log:q}"


rule table_abx:
    input:
        abx=metrics("abx", ALIGNMENT, experts_and_randoms),
    output:
        **table("abx"),
    log:
        "<logs>/table_abx.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.abx_table(),
        code=code("tables.table_abx"),
    shell:
        "python -m workflow_scripts.tables.table_abx --spec {params.spec:q} --abx {input.abx:q} --csv {output.csv:q}"
        " --markdown {output.markdown:q} --latex {output.latex:q} --json {output.json:q} 2> {log:q}"


rule table_transfer:
    input:
        transfer=transfers("transfer", PLAN.experts_of, untrained=True),
        baselines=transfers("transfer_baselines", lambda model: []),
    output:
        **table("transfer"),
    log:
        "<logs>/table_transfer.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.transfer_table(),
        code=code("tables.table_transfer"),
    shell:
        "python -m workflow_scripts.tables.table_transfer --spec {params.spec:q} --transfer {input.transfer:q}"
        " --baselines {input.baselines:q} --csv {output.csv:q} --markdown {output.markdown:q}"
        " --latex {output.latex:q} --json {output.json:q} 2> {log:q}"


rule table_methods:
    input:
        distances=metrics("distances", ALIGNMENT, compared),
        retrieval=metrics("retrieval", ALIGNMENT, compared),
        alignment=metrics(
            "alignment", ALIGNMENT, lambda model: PLAN.experts_of(model, PLAN.compared_targets), base=False
        ),
        paraphrase=paraphrases(compared, PLAN.paraphrase_targets()),
        language_id=sweeps("language_id.csv", compared=True),
        perplexity=sweeps("perplexity.csv", compared=True),
    output:
        **table("methods"),
    log:
        "<logs>/methods.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.methods_table(),
        code=code("tables.table_methods"),
    shell:
        "python -m workflow_scripts.tables.table_methods --spec {params.spec:q} --distances {input.distances:q}"
        " --retrieval {input.retrieval:q} --alignment {input.alignment:q} --paraphrase {input.paraphrase:q} --language-id {input.language_id:q}"
        " --perplexity {input.perplexity:q} --csv {output.csv:q} --markdown {output.markdown:q}"
        " --latex {output.latex:q} --json {output.json:q} 2> {log:q}"


# Only where there are further layers, or checkpoints.
if PLAN.layered_models:

    rule table_layers:
        input:
            metrics=layered_metrics(),
        output:
            **table("layers"),
        log:
            "<logs>/table_layers.log",
        conda:
            ENVIRONMENT
        params:
            spec=PLAN.layers_table(),
            code=code("tables.table_layers"),
        shell:
            "python -m workflow_scripts.tables.table_layers --spec {params.spec:q} --metrics {input.metrics:q}"
            " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
            " --json {output.json:q} 2> {log:q}"


if PLAN.kept_models:

    rule table_checkpoints:
        input:
            metrics=checkpoint_metrics(),
        output:
            **table("checkpoints"),
        log:
            "<logs>/table_checkpoints.log",
        conda:
            ENVIRONMENT
        params:
            spec=PLAN.checkpoints_table(),
            code=code("tables.table_checkpoints"),
        shell:
            "python -m workflow_scripts.tables.table_checkpoints --spec {params.spec:q} --metrics {input.metrics:q}"
            " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q}"
            " --json {output.json:q} 2> {log:q}"


rule claims:
    input:
        distances=metrics("distances", ALIGNMENT, experts_and_randoms),
        medoid=metrics("medoid", ALIGNMENT, experts_and_randoms),
        retrieval=metrics("retrieval", ALIGNMENT, experts_and_randoms),
        paraphrase=paraphrases(experts_and_randoms, PLAN.paraphrase_targets()),
        correlations=metrics("correlations", ALIGNMENT, PLAN.experts_of, base=False),
        language_id=sweeps("language_id.csv"),
        perplexity=sweeps("perplexity.csv"),
    output:
        **table("claims"),
    log:
        "<logs>/claims.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.claims(),
        code=code("paper.table_claims"),
    shell:
        "python -m workflow_scripts.paper.table_claims --spec {params.spec:q} --distances {input.distances:q}"
        " --medoid {input.medoid:q} --retrieval {input.retrieval:q} --paraphrase {input.paraphrase:q}"
        " --correlations {input.correlations:q} --language-id {input.language_id:q}"
        " --perplexity {input.perplexity:q} --csv {output.csv:q} --markdown {output.markdown:q}"
        " --latex {output.latex:q} --json {output.json:q} 2> {log:q}"


rule replication:
    input:
        tables=expand("<results>/table{number}.csv", number=[number for number in PLAN.tables if number != 4]),
    output:
        **table("replication"),
    log:
        "<logs>/replication.log",
    conda:
        ENVIRONMENT
    params:
        spec=PLAN.replication(),
        code=code("paper.table_replication"),
    shell:
        "python -m workflow_scripts.paper.table_replication --spec {params.spec:q} --tables {input.tables:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --latex {output.latex:q} --json {output.json:q} 2> {log:q}"


rule tables:
    input:
        expand(
            "<results>/{table}.{format}",
            table=[f"table{number}" for number in PLAN.tables] + OTHER_TABLES,
            format=["csv", "md", "tex", "json"],
        ),
