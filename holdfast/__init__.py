"""The shared library: rules, contracts, storage, use cases. It starts and listens to nothing."""
