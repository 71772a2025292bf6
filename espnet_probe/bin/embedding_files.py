"""Embedding the utterances of a set, each once, and keeping what was embedded.

``embeddings.npz`` holds ``utt_ids`` and ``embeddings``; beside them, for each, the
hash of the audio file (``sources``), the utterances that have no embedding
(``excluded_ids``, ``excluded_sources``), and which embedder it was (``embedder``, a
JSON text). An utterance whose file and embedder are still the same is taken over from
there, and, after an interruption, from the file of the same name with a dot before it,
which is written every minute.
"""

import hashlib
import json
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Optional, Sequence, Tuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from espnet_probe.bin import score_files
from espnet_probe.errors import ProbeError
from espnet_probe.speakers.abs_embedder import UNKNOWN

if TYPE_CHECKING:
    from espnet_probe.speakers.abs_embedder import AbsEmbedder

#: Seconds after which what was embedded is written.
SAVE_SECONDS = 60.0
#: What belongs to an utterance: the hash of its file, and the embedding if it has one.
Heard = Tuple[str, Optional[NDArray[np.float32]]]


@dataclass
class EmbeddedSet:
    """What was embedded of a set.

    Attributes:
        embedder: Which embedder it was, as a JSON text; empty if the file has none.
        heard: By utterance; the embedding ``(dim,)`` is None where there is none.
    """

    embedder: str
    heard: Dict[str, Heard] = field(default_factory=dict)

    @property
    def embeddings(self) -> Dict[str, NDArray[np.float32]]:
        """Utterance id to embedding ``(dim,)``, of those that have one."""
        return {utt: one for utt, (_, one) in self.heard.items() if one is not None}

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all; utterances sorted."""
        have = sorted(utt for utt, (_, one) in self.heard.items() if one is not None)
        lack = sorted(set(self.heard) - set(have))
        vectors = list(map(self.embeddings.__getitem__, have))
        with score_files.written_whole(path) as part:
            with part.open("wb") as stream:
                np.savez(
                    stream,
                    utt_ids=np.array(have, dtype=np.str_),
                    embeddings=np.stack(vectors) if have else np.zeros((0, 0), "f4"),
                    sources=np.array([self.heard[u][0] for u in have], dtype=np.str_),
                    excluded_ids=np.array(lack, dtype=np.str_),
                    excluded_sources=np.array(
                        [self.heard[utt][0] for utt in lack], dtype=np.str_
                    ),
                    embedder=np.array(self.embedder),
                )


def read_embeddings(path: Path) -> EmbeddedSet:
    """Read the embeddings of a set.

    Args:
        path: embeddings.npz.

    Raises:
        ProbeError: If it is no such file.
    """
    try:
        with np.load(path) as stored:
            utts, vectors = stored["utt_ids"].tolist(), stored["embeddings"]
            if "embedder" not in stored:
                return EmbeddedSet("", {u: ("", one) for u, one in zip(utts, vectors)})
            heard: Dict[str, Heard] = dict(
                zip(utts, zip(stored["sources"].tolist(), vectors))
            )
            lack = stored["excluded_ids"].tolist()
            for utt, source in zip(lack, stored["excluded_sources"].tolist()):
                heard[utt] = (source, None)
            return EmbeddedSet(str(stored["embedder"]), heard)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ProbeError(
            f"cannot read {path}: {error}; expected embeddings.npz, as "
            "espnet_probe.bin.score_verification writes it"
        ) from error


def identity(embedder: "AbsEmbedder") -> str:
    """Return a text that tells an embedder from any other.

    Args:
        embedder: The embedder, with its weights.
    """
    packages = score_files.versions("torch", "torchaudio", "espnet", "speechbrain")
    told = {"model": embedder.describe(), "versions": packages}
    return json.dumps(told, sort_keys=True, ensure_ascii=False)


def check_reference(reference: EmbeddedSet, path: Path, embedder: str) -> None:
    """Check that the originals' embeddings are by the same embedder.

    Args:
        reference: Their embeddings.
        path: Their file.
        embedder: The embedder of the set, as :func:`identity` tells it.

    Raises:
        ProbeError: If they are by another: such vectors cannot be compared.
    """
    if not reference.embedder:
        return
    theirs = json.loads(reference.embedder)["model"]
    ours = json.loads(embedder)["model"]
    keys = ["weights_sha256", "sampling_rate", "level"]
    if UNKNOWN in (theirs.get(keys[0]), ours[keys[0]]):
        keys.append("embedder")
    differing = [key for key in keys if ours[key] != theirs.get(key)]
    if differing:
        raise ProbeError(
            f"{path} is by another embedder: "
            + "; ".join(f"{k} {theirs.get(k)}, here {ours[k]}" for k in differing)
            + "; embed the originals with the same one"
        )


def _kept(paths: Sequence[Path], embedder: str) -> Dict[str, Heard]:
    """Return what was embedded before by the same embedder; later files count."""
    found: Dict[str, Heard] = {}
    for path in paths:
        try:
            before = read_embeddings(path) if path.is_file() else None
        except ProbeError:
            continue  # It will be replaced.
        if before is not None and before.embedder == embedder:
            found.update(before.heard)
    return found


def _hash(path: str) -> str:
    """Return a hash of a file's content, in hexadecimal."""
    return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()


def embed_set(
    embedder: "AbsEmbedder", wav_scp: Path, utts: Sequence[str], path: Path
) -> Dict[str, NDArray[np.float32]]:
    """Embed utterances that have not been, and write all embeddings.

    Args:
        embedder: The embedder.
        wav_scp: wav.scp with all of them.
        utts: Utterance ids.
        path: The embeddings.npz to write.

    Returns:
        The embeddings ``(dim,)`` of those that have one.

    Raises:
        ProbeError: If an utterance cannot be read to its end, has another sampling
            rate or is not finite.
    """
    from espnet2.fileio.sound_scp import SoundScpReader
    from tqdm import tqdm

    reader = SoundScpReader(str(wav_scp), dtype="float32")
    files = score_files.read_full_table(wav_scp, "utterance id and audio file")
    done = EmbeddedSet(identity(embedder))
    partial = path.with_name(f".{path.name}")
    kept = _kept([path, partial], done.embedder)
    saved = time.monotonic()
    for utt in tqdm(utts, desc="embed", unit="utt"):
        try:
            source = _hash(files[utt])
            if utt in kept and kept[utt][0] == source:
                done.heard[utt] = kept[utt]
                continue
            fs, waveform = reader[utt]
            done.heard[utt] = (source, embedder.embed(waveform, fs))
        except ProbeError as error:
            raise ProbeError(f"{utt}: {error}") from error
        except (OSError, soundfile.SoundFileError) as error:
            raise ProbeError(
                f"{utt}: cannot read its file in {wav_scp} as audio: {error}; is it "
                "whole? Make it anew"
            ) from error
        if time.monotonic() - saved > SAVE_SECONDS:
            # With what was kept and not yet come across: it may not be lost either.
            EmbeddedSet(done.embedder, {**kept, **done.heard}).write(partial)
            saved = time.monotonic()
    done.write(path)
    partial.unlink(missing_ok=True)
    return done.embeddings
