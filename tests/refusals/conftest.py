"""What a refusal is: a stage stops with one paragraph that says what is wrong, where, and what to do."""

import re

import pytest

from workflow_scripts.jobs.errors import StudyError


@pytest.fixture
def refused():
    """Runs a stage's `main` with a command line; its message, which is one line and must match a pattern."""

    def refused(main, command, message) -> str:
        with pytest.raises(StudyError) as caught:
            main(list(map(str, command)))
        paragraph = str(caught.value)
        assert "\n" not in paragraph
        assert len(paragraph) < 2000
        assert re.search(message, paragraph), paragraph
        return paragraph

    return refused
