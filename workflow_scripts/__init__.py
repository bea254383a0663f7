"""The stages of the workflow, one module a rule: `python -m workflow_scripts.<stage> --help`."""
