"""The science and the plumbing, importable without Snakemake; torch is imported only where it is used."""
