"""What the tables of similarity of languages share: the files they read, and the cells that say what an outcome is."""

from workflow_scripts.kinship.outcomes import CHANGE, label
from workflow_scripts.tables import layout

INPUTS = {
    "similarities...": "similarities of languages, and those by the subwords of each model (CSV)",
    "retrieval...": "accuracies of retrieval, one CSV per condition, that of the unintervened model too",
}
ABX = {"abx...": "ABX scores, one CSV per condition, that of the unintervened model too"}
TRANSFER = {
    "transfer[...]": "scores of probes between languages, one CSV per condition, where there are any",
}
ROW = ["model", "outcome", "quantity", "pooling", "target"]
MEASURES = (
    "Similarity: cosine of URIEL vectors of syntax, phonology, inventory of phonemes, family and geography, unless the "
    "config gives others; trigrams, subwords: what share of the distinct character trigrams of words, and of tokens of "
    "the model, of either language's text is in both (Jaccard)."
)


def outcome_columns(poolings: list[str]) -> list[layout.Column]:
    """Return headers of the cells that say what an outcome is."""
    return [
        layout.Column("Model"),
        layout.Column("Outcome"),
        *layout.pooling_columns(poolings),
        layout.Column("Target"),
    ]


def outcome_cells(
    model: str, outcome: str, quantity: str, pooling: str, target: str, poolings: list[str]
) -> list[layout.Cell]:
    """Return cells that say what an outcome is; without an intervention there is no pooling and no target."""
    without = layout.Cell("–")
    if quantity == CHANGE:
        intervention = [*layout.pooling_cells(pooling, poolings), layout.Cell(target)]
    else:
        intervention = [without] * (len(layout.pooling_columns(poolings)) + 1)
    return [layout.Cell(model), layout.Cell(f"{label(outcome)}, {quantity}"), *intervention]
