"""The paper's published numbers and its claims, beside what was measured."""
