"""Write the condition that changes nothing: the unintervened model goes through the same code as all others."""

from workflow_scripts.config.specs import ConditionSpec
from workflow_scripts.interventions.conditions import Condition, write_condition
from workflow_scripts.jobs import stage


class Spec(ConditionSpec):
    """What the condition depends on."""


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec, __doc__, inputs={}, outputs={"condition": "the condition (JSON)"}, command=command
    )
    write_condition(files.condition, Condition(name=spec.name, model=spec.model))


if __name__ == "__main__":
    stage.run(main)
