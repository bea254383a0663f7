"""Which units a condition changes, and to what; stages that make conditions."""
