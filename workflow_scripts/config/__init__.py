"""The config as typed models, one module per section."""
