"""The probe task: ESPnet's trainer on the probes of all layers at once."""
