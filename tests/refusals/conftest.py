"""What a refusal is: a stage ends with status 1 and one paragraph that says what is wrong, and with no traceback."""

import re

import pytest

from workflow_scripts.lib import stage


@pytest.fixture
def refused(capsys):
    """Runs a stage as its command line does; its message, which must match a pattern."""

    def refused(main, command, message) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            stage.run(lambda: main(list(map(str, command))))
        said = capsys.readouterr().err
        assert ended.value.code == 1
        assert "Traceback" not in said, said
        (paragraph,) = [line for line in said.splitlines() if line.startswith("error: ")]
        assert said.rstrip().endswith(paragraph)  # one paragraph, in one line
        assert re.search(message, paragraph), paragraph
        return paragraph

    return refused
