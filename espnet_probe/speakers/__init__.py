"""Speaker embedders behind one interface; see ``abs_embedder``."""
