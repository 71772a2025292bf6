"""The probes: small frame-wise models from one layer's states to a mel."""
