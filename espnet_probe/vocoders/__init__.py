"""From a log-mel spectrogram back to sound."""
