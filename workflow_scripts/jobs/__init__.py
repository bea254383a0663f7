"""How a stage runs: its command line, files, cells of the cache, locks, usage, progress, errors, fingerprints."""
