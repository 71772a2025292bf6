"""Speaker networks as parts of ESPnet's SpeakerTask; registered by ``registration``."""
