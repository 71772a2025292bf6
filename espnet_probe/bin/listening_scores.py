"""Scores of a listening test's triplets by speaker embedders.

An utterance that stage 10 has embedded, with the same embedder and from the same file,
is not embedded again.
"""

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from espnet_probe.bin.embedding_files import Heard, identity, read_embeddings
from espnet_probe.bin.listening_sources import Source
from espnet_probe.errors import ProbeError
from espnet_probe.listening.key_format import Item
from espnet_probe.listening.sheets import Place
from espnet_probe.listening.sounds import read_sound
from espnet_probe.listening.triplets import Triplet

if TYPE_CHECKING:
    from espnet_probe.speakers.abs_embedder import AbsEmbedder

Vector = NDArray[np.float32]


def cosine(first: Vector, second: Vector) -> float:
    """Return the cosine of two embeddings ``(dim,)``."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def _stored(folder: Path, embedder: Optional[str]) -> Dict[str, Heard]:
    """Return what stage 10 left, of one embedder or of whichever there is."""
    found: Dict[str, Heard] = {}
    for path in sorted(folder.glob("embeddings*.npz")):
        try:
            stored = read_embeddings(path)
        except ProbeError:
            continue  # It is stage 10's to say so.
        if stored.embedder == embedder or (embedder is None and not found):
            found.update(stored.heard)
    return found


def ease_of(natural: Source) -> Optional[Callable[[Triplet], float]]:
    """Return how clearly the voices of natural triplets differ, if stage 10 was run.

    Args:
        natural: The recordings.

    Returns:
        Triplet → how much nearer X is to its own speaker than to the other one; None
        without embeddings.
    """
    vectors = {u: v for u, (_, v) in _stored(natural.folder, None).items()}
    if not vectors:
        return None

    def ease(triplet: Triplet) -> float:
        x, own, other = map(vectors.get, (triplet.x, triplet.own, triplet.other))
        if x is None or own is None or other is None:
            return 0.0
        return cosine(x, own) - cosine(x, other)

    return ease


def load_embedders(specs: Sequence[str], wanted: bool) -> "Dict[str, AbsEmbedder]":
    """Load the embedders.

    Args:
        specs: As on command lines: ``ge2e``, ``espnet:DIR``.
        wanted: Whether the user named them: then one that cannot be loaded is an
            error, else it is left out with a warning.

    Returns:
        The embedders by label.

    Raises:
        ProbeError: If one that was wanted cannot be loaded, or two have one label.
    """
    from espnet_probe.speakers.registry import build_embedder

    found: "Dict[str, AbsEmbedder]" = {}
    for spec in specs:
        try:
            embedder = build_embedder(spec)
        except ProbeError as error:
            if wanted:
                raise
            logging.warning("the key has no scores by %s: %s", spec, error)
            continue
        if embedder.label in found:
            raise ProbeError(
                f"--embedder: two of them would be called {embedder.label}; give one "
                "of the folders another name"
            )
        found[embedder.label] = embedder
    return found


def score_items(
    embedder: "AbsEmbedder", items: Sequence[Item], sources: Mapping[Place, Source]
) -> Dict[str, Optional[Dict[str, float]]]:
    """Score items by the cosine of X with A, and with B.

    Args:
        embedder: The embedder.
        items: The items.
        sources: The sounds of their places.

    Returns:
        By the item's name ``xa`` and ``xb``; None if an utterance is too short or
        silent to be embedded.

    Raises:
        ProbeError: If a sound cannot be read or has another sampling rate.
    """
    label = identity(embedder)
    scored: Dict[str, Optional[Dict[str, float]]] = {}
    by_place: Dict[Place, list[Item]] = {}
    for item in items:
        by_place.setdefault(Place(*item.place), []).append(item)
    for place, here in by_place.items():
        source = sources[place]
        stored = _stored(source.folder, label)
        vectors: Dict[str, Optional[Vector]] = {}
        for utt in {clip.utterance for one in here for clip in (one.a, one.b, one.x)}:
            vectors[utt] = _embed(embedder, source.files[utt], stored.get(utt))
        for item in here:
            x, a, b = (vectors[one.utterance] for one in (item.x, item.a, item.b))
            scored[item.item] = None
            if x is not None and a is not None and b is not None:
                scored[item.item] = {"xa": cosine(x, a), "xb": cosine(x, b)}
    return scored


def _embed(
    embedder: "AbsEmbedder", path: str, stored: Optional[Heard]
) -> Optional[Vector]:
    if stored is not None:
        content = Path(path).read_bytes()
        if hashlib.blake2b(content, digest_size=16).hexdigest() == stored[0]:
            return stored[1]
    wave, fs = read_sound(path)
    return embedder.embed(wave.astype(np.float32), fs)


def describe(embedders: "Mapping[str, AbsEmbedder]") -> Dict[str, Any]:
    """Return what embedders are, for the key."""
    return {label: one.describe() for label, one in embedders.items()}
