# Conditions: the units that are changed and their parameters, as JSON.


rule condition:
    input:
        experts=ranking,
    output:
        condition="<results>/conditions/{model}/{condition}.json",
    log:
        "<logs>/conditions/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.changed_pattern,
    conda:
        ENVIRONMENT
    resources:
        runtime=grown(3),
    params:
        spec=lambda wildcards: PLAN.condition(wildcards.model, wildcards.condition),
        code=code("condition"),
    shell:
        "python -m workflow_scripts.condition --spec {params.spec:q} --experts {input.experts:q}"
        " --condition {output.condition:q} 2> {log:q}"


rule base_condition:
    output:
        condition="<results>/conditions/{model}/{condition}.json",
    log:
        "<logs>/conditions/{model}/{condition}.log",
    wildcard_constraints:
        condition=f"{BASE}|{UNTRAINED}",
    conda:
        ENVIRONMENT
    params:
        spec=lambda wildcards: PLAN.base_condition(wildcards.model, wildcards.condition),
        code=code("base_condition"),
    shell:
        "python -m workflow_scripts.base_condition --spec {params.spec:q} --condition {output.condition:q} 2> {log:q}"
