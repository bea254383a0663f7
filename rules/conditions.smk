# Conditions: the units that are changed and their parameters, as JSON.


use rule stage as change_nothing with:
    output:
        condition=paths.condition(),
    log:
        "<logs>/change_nothing/{model}/{condition}.log",
    wildcard_constraints:
        condition=f"{BASE}|{UNTRAINED}",
    params:
        **contract("change_nothing", lambda wildcards: SLICES.change_nothing(wildcards.model, wildcards.condition)),


use rule stage as choose_units with:
    input:
        experts=ranking,
        activations=responses,
        scores=unit_scores,
    output:
        condition=paths.condition(),
    log:
        "<logs>/choose_units/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.conditions.unit_pattern,
    priority: 40
    params:
        **contract_under("choose_units", lambda wildcards: SLICES.choose_units(wildcards.model, wildcards.condition)),


# The experts of a target, as a table.
use rule stage as list_experts with:
    input:
        experts="<results>/experts/{model}/{pooling}.h5",
    output:
        listed=paths.experts(),
    log:
        "<logs>/list_experts/{model}/{pooling}/{target}.log",
    params:
        **contract(
            "list_experts",
            lambda wildcards: SLICES.list_experts(wildcards.model, wildcards.pooling, wildcards.target),
        ),


use rule on_model as fit_by_layer with:
    input:
        model=paths.manifest(),
        texts=paths.texts(CONFIG.study.probing.dataset),
        experts=ranking,
        activations="<results>/activations/{model}.h5",
        scores=unit_scores,
    output:
        condition=paths.condition(),
    log:
        text="<logs>/fit_by_layer/{model}/{condition}.log",
        usage="<logs>/fit_by_layer/{model}/{condition}.usage.json",
    benchmark:
        "<benchmarks>/fit_by_layer/{model}/{condition}.tsv"
    wildcard_constraints:
        condition=PLAN.conditions.by_layer_pattern,
    params:
        **contract_under("fit_by_layer", lambda wildcards: SLICES.fit_by_layer(wildcards.model, wildcards.condition)),


use rule stage as steer_layer with:
    input:
        model=paths.manifest(),
        means=layer_means,
    output:
        condition=paths.condition(),
    log:
        "<logs>/steer_layer/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.conditions.layer_pattern,
    params:
        **contract_under("steer_layer", lambda wildcards: SLICES.steer_layer(wildcards.model, wildcards.condition)),


# An ordinary checkpoint of the steered model, for programs that know nothing of this workflow.
use rule stage as export_model with:
    input:
        model=paths.manifest(),
        condition=paths.condition(),
    output:
        checkpoint=directory("<results>/export/{model}/{condition}"),
    log:
        "<logs>/export_model/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.conditions.changed_pattern,
    resources:
        mem_mb=model_memory,
        runtime=model_minutes,
    params:
        **contract_under("export_model", "{}"),
