"""Arrays in, numbers out: no torch, no ESPnet, no files."""
