"""Interventions: conditions, the hooks that apply them to a model, and the methods, one file each."""
