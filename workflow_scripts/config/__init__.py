"""The config as typed models, one module a section."""
