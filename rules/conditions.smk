# Conditions: the units that are changed and their parameters, as JSON.


def ranking(wildcards):
    """Return the ranking of neurons that a condition takes its units from."""
    pooling = ConditionName.parse(wildcards.condition).pooling
    return f"<results>/experts/{wildcards.model}/{pooling}.h5"


def responses(wildcards):
    """Return the responses that a condition's parameters are made of, where its method needs them."""
    needed = PLAN.conditions.needs_responses(wildcards.condition)
    return [f"<results>/activations/{wildcards.model}.h5"] if needed else []


def probabilities(wildcards):
    """Return the activation probabilities that a condition's units are selected by, where they are."""
    selected = PLAN.conditions.selection(wildcards.condition) == "lape"
    return [f"<results>/activation_probabilities/{wildcards.model}.h5"] if selected else []


def layer_means(wildcards):
    """Return the mean states of the layer that a condition changes."""
    layer = PLAN.conditions.changed_layer(ConditionName.parse(wildcards.condition).method)
    return f"<results>/layer_means/{wildcards.model}/{layer}.h5"


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
        probabilities=probabilities,
    output:
        condition=paths.condition(),
    log:
        "<logs>/choose_units/{model}/{condition}.log",
    wildcard_constraints:
        condition=PLAN.conditions.unit_pattern,
    params:
        **contract_under("choose_units", lambda wildcards: SLICES.choose_units(wildcards.model, wildcards.condition)),


use rule on_model as fit_by_layer with:
    input:
        model=paths.manifest(),
        texts=paths.texts(CONFIG.study.probing.dataset),
        experts=ranking,
        activations="<results>/activations/{model}.h5",
        probabilities=probabilities,
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
