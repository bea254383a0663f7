"""Neurons: their responses to sentences and their expertise in a language; stages that record and rank them."""
