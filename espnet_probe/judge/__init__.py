"""The judge: the recogniser that writes down what it hears in a sound."""
