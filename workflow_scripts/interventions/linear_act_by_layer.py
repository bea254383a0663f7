"""Linear transport fitted layer after layer: Linear-AcT as Rodriguez et al. (2024, section 3) estimate it."""

from workflow_scripts.interventions.linear_act import LinearAcT


class LinearAcTByLayer(LinearAcT):
    """As `linear_act`, but each module's maps are fitted to the responses of a model changed in all modules before it.

    What such a model makes of the other languages' sentences is mapped onto what the unintervened model makes of the
    target's. Maps are fitted at full strength, whatever the strength that they are then applied at.
    """

    fitted_by_layer = True
