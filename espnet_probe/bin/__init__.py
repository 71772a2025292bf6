"""One command per stage, thin: arguments in, a library call, files out."""
