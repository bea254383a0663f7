"""Texts: read from local files, the hub or CLDR into one tidy table, validated, stored as parquet."""
