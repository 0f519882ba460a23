"""What runs a model and returns its outputs."""
