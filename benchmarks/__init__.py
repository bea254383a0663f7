"""Benchmarks: what this project does, side by side with other tools that do a part of it (docs/performance.md)."""
