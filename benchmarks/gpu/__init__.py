"""What the stages that run a model do on a GPU: `python -m benchmarks.gpu`."""
