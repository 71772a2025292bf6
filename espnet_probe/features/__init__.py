"""The log-mel target, and the front end that adds its deltas for ESPnet."""
