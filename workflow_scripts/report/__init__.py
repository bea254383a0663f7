"""The report: one HTML page with every table and figure of a study, and how they came to be."""
