"""Reaching the hidden states of a frozen encoder, by canonical layer names."""
