"""Hear what each layer of a speech recogniser still hears: a plugin for ESPnet.

Importing this package loads neither torch nor ESPnet; the parts that need them
import them when they are used.
"""

__version__ = "0.1.0"
