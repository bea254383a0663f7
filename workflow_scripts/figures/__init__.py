"""Figures; one stage each."""
