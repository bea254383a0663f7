"""The workflow, one room after the other; a stage is run as `python -m workflow_scripts.<room>.<stage>`."""
