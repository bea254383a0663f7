"""Models: loading, the sites of neurons, batches, devices; stages that train, convert and describe them."""
