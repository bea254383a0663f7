"""The figure that a stage draws, for the tests of all figures."""

import pytest

from workflow_scripts.figures import drawing


def figure_by(main, command):
    """Run a stage that draws one figure; the figure, which is written as ever."""
    drawn = {}
    save = drawing.save

    def save_and_keep(figure, *arguments):
        drawn["figure"] = figure
        save(figure, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "save", save_and_keep)
        main(command)
    return drawn["figure"]
