"""The files of a probed model: in an exp folder, an archive, or ESPnet's model zoo."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import List, Mapping, Optional, Tuple, Union

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.archive import read_meta, unpack_once
from espnet_probe.upstream.build import one_line
from espnet_probe.upstream.choice import NO_MODEL

#: Weights that a training leaves, best first; see ``best_model_criterion``.
MODEL_FILES = (
    "valid.acc.ave.pth",
    "valid.cer_ctc.ave.pth",
    "valid.loss_ctc.ave.pth",
    "valid.loss.ave.pth",
    "valid.acc.best.pth",
    "valid.cer_ctc.best.pth",
    "valid.loss.best.pth",
    # What the recipes of spk, s2t_ctc and the transducers average or pick.
    "valid.eer.ave.pth",
    "valid.eer.best.pth",
    "valid.total_count.ave.pth",
    "valid.cer_transducer.ave.pth",
    "valid.cer_transducer.best.pth",
)


@dataclass(frozen=True)
class ModelFiles:
    """Where the parts of a model are.

    Attributes:
        config: Its ``config.yaml``.
        weights: Its state dictionary.
        folder: Where files that the configuration names relatively are looked for,
            and in the folders above.
        task: How its archive calls it: ``asr`` for ``asr_model_file``, "" for
            ``model_file``; None where there is no archive.
        origin: What the user named, for messages and records.
    """

    config: Path
    weights: Path
    folder: Path
    task: Optional[str]
    origin: str


def files_of_exp(
    exp_dir: Union[str, Path], model_file: Optional[str] = None
) -> ModelFiles:
    """Find the files of a model in the folder that an ESPnet training left.

    Args:
        exp_dir: The folder with ``config.yaml`` and the weights.
        model_file: Name of the weights in it; by default the first of MODEL_FILES.

    Raises:
        ProbeError: If the folder, its configuration or the weights are missing.
    """
    folder = Path(exp_dir)
    weights = find_model_file(folder, model_file)
    return ModelFiles(folder / "config.yaml", weights, folder, None, str(weights))


def find_model_file(folder: Path, name: Optional[str] = None) -> Path:
    """Return the weights file of an exp folder.

    Args:
        folder: An ESPnet exp folder.
        name: A file name in it; by default the first of MODEL_FILES.

    Raises:
        ProbeError: If the folder, its configuration or the weights are missing.
    """
    if not (folder / "config.yaml").is_file():
        raise ProbeError(NO_MODEL.format(folder))
    present = sorted(path.name for path in folder.glob("*.pth"))
    candidates = (name,) if name else MODEL_FILES
    for candidate in candidates:
        if (folder / candidate).is_file():
            return folder / candidate
    raise ProbeError(
        f"no weights in {folder}: looked for {', '.join(candidates)}; there are "
        f"{', '.join(present) or 'no .pth files'}; choose one with --upstream_model"
    )


def files_of_archive(archive: Union[str, Path]) -> ModelFiles:
    """Find the files of a model in an archive that ESPnet's ``pack`` made.

    It is unpacked into the cache once; the next time it is found there.

    Args:
        archive: A .zip, .tar, .tgz, .tar.gz, .tbz2, .tar.bz2, .txz or .tar.xz file.

    Raises:
        ProbeError: If it is no such archive, is damaged, would write outside its
            folder, or has no model that can be probed.
    """
    path = Path(archive)
    if path.is_dir():
        raise ProbeError(f"{path} is a folder: name it with --upstream_exp")
    if not path.is_file():
        raise ProbeError(f"no archive {path}: expected one made by espnet2.bin.pack")
    folder, named = unpack_once(path)
    return _choose(named, origin=str(path), folder=folder)


def files_of_tag(tag: str) -> ModelFiles:
    """Find the files of a published model, through ESPnet's own downloader.

    Models of Hugging Face are looked for in its cache, others in that of
    espnet_model_zoo; what is not there is downloaded.

    Args:
        tag: Such as ``espnet/owsm_ctc_v4_1B``, ``espnet/owsm_ctc_v4_1B@revision``, a
            name in espnet_model_zoo's table, or a URL.

    Raises:
        ProbeError: If it is neither in a cache nor can be downloaded, or is no model
            that ESPnet's task classes load.
    """
    if Path(tag).exists():
        # The downloader would take it for an archive.
        raise ProbeError(
            f"--upstream_tag {tag} is a {'folder' if Path(tag).is_dir() else 'file'} "
            "here: name it with --upstream_exp or --upstream_zip"
        )
    try:
        from espnet2.utils.pretrained import ModelTagError, download_pretrained
        from espnet_model_zoo.downloader import ModelDownloader

        downloader = ModelDownloader()
        if _is_archive(downloader.get_url(name=tag)):
            # ESPnet would unpack it again at every call, under whoever reads it.
            folder, named = unpack_once(Path(downloader.download(tag)))
            return _choose(named, origin=tag, folder=folder)
        _check_meta_of_hub(tag)
        named = download_pretrained(tag)
    except ProbeError:
        raise
    except ImportError as error:
        package = error.name or "espnet_model_zoo"
        raise ProbeError(
            f"cannot look up {tag}: the package {package} is not installed; get it "
            f"with 'pip install {package}', or name an exp folder or an archive"
        ) from error
    except ModelTagError as error:
        raise ProbeError(f"{tag} cannot be probed: {one_line(error)}") from error
    except Exception as error:
        raise ProbeError(_explain_download(tag, error)) from error
    return _choose(named, origin=tag, folder=None)


def pinned_tag(tag: str) -> str:
    """Return the tag that goes on naming the model that is in the cache now.

    What a name of Hugging Face stands for changes when its model is published anew.

    Args:
        tag: As of :func:`files_of_tag`, which has found its files.

    Returns:
        Such as ``name@<commit>``; the tag itself where it is not of Hugging Face.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name, revision = _name_and_revision(tag)
    try:
        meta = try_to_load_from_cache(name, "meta.yaml", revision=revision)
    except HFValidationError:
        return tag
    if not isinstance(meta, str):
        return tag
    # .../models--<name>/snapshots/<commit>/meta.yaml
    return f"{name}@{Path(meta).parent.name}"


def _name_and_revision(tag: str) -> Tuple[str, Optional[str]]:
    name, _, revision = tag.removeprefix("https://huggingface.co/").partition("@")
    return name, revision or None


def _is_archive(url: str) -> bool:
    # What is not in espnet_model_zoo's table is a name of Hugging Face.
    hub = ("huggingface.co", "https://huggingface.co")
    return url.startswith(("http://", "https://", "ftp://")) and not url.startswith(hub)


def _check_meta_of_hub(tag: str) -> None:
    """Look at a published model's meta.yaml before ESPnet writes beside what it names.

    Raises:
        ProbeError: If it names what is outside of the model's folder.
    """
    from huggingface_hub import snapshot_download

    name, revision = _name_and_revision(tag)
    try:
        # Without a network it gives up at once; hf_hub_download takes half a minute.
        folder = snapshot_download(
            name, revision=revision, allow_patterns=["meta.yaml"]
        )
        content = (Path(folder) / "meta.yaml").read_bytes()
    except Exception:
        # There may be none, or no network: download_pretrained says which.
        logging.debug("no meta.yaml of %s", tag, exc_info=True)
        return
    read_meta(content, tag)


def _explain_download(tag: str, error: Exception) -> str:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    text = one_line(error)
    if "meta.yaml" in text and isinstance(error, (RuntimeError, KeyError)):
        return f"{tag} was not published with ESPnet's pack: {text}"
    if kinds & {"HFValidationError", "RepositoryNotFoundError"}:
        return (
            f"there is no model {tag}: check the name; {type(error).__name__}: {text}"
        )
    if kinds & {"GatedRepoError", "RevisionNotFoundError"}:
        return f"cannot download {tag}: {type(error).__name__}: {text}"
    # Of huggingface_hub, requests or the system; the cache was looked at first.
    network = {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectionError"}
    network |= {"RequestException", "HTTPError", "TransportError", "TimeoutError"}
    if kinds & network:
        return (
            f"{tag} is not in a cache of this machine and cannot be downloaded: "
            "connect to a network and try again, or copy the cache of a machine that "
            f"has it, see docs/loading.md ({type(error).__name__})"
        )
    return f"cannot get {tag}: {type(error).__name__}: {text}"


def _choose(
    named: Mapping[str, object], origin: str, folder: Optional[Path]
) -> ModelFiles:
    """Pick the model out of the files that an archive names.

    Args:
        named: Names such as ``asr_model_file`` → path.
        origin: What the user named.
        folder: What all files must be in; None: one of the caches of the downloaders.
    """
    ends = ("train_config", "model_file")
    prefixes = [
        key[: -len(ends[0])]
        for key in named
        if key.endswith(ends[0]) and key[: -len(ends[0])] + ends[1] in named
    ]
    if len(prefixes) != 1 or not all(isinstance(v, str) for v in named.values()):
        have = ", ".join(sorted(named)) or "nothing"
        remedy = "expected one <task>_train_config and one <task>_model_file"
        if {"inference_config", "training_config"} & named.keys():
            remedy = "that is a bundle of espnet3, which ESPnet's tasks do not load"
        raise ProbeError(
            f"no model to probe in {origin}: its meta.yaml has {have}; {remedy}"
        )
    config, weights = (Path(str(named[prefixes[0] + end])) for end in ends)
    roots = [folder] if folder is not None else _download_caches()
    for path in (config, weights):
        if not any(_is_inside(path, root) for root in roots):
            raise ProbeError(
                f"meta.yaml of {origin} names {path}, which is outside the model's own "
                "folder: it is refused; pack it from the folder that its files are in"
            )
        if not path.is_file():
            raise ProbeError(
                f"meta.yaml of {origin} names {path.name}, which is not in it: the "
                "archive or the download is incomplete"
            )
    return ModelFiles(
        config, weights, folder or weights.parent, prefixes[0].rstrip("_"), origin
    )


def _download_caches() -> List[Path]:
    caches = [Path.home() / ".cache" / "espnet_model_zoo"]
    try:
        from huggingface_hub.constants import HF_HUB_CACHE

        caches.append(Path(HF_HUB_CACHE))
    except ImportError:
        pass
    return caches


def _is_inside(path: Path, folder: Path) -> bool:
    # By names, not by what links lead to: a snapshot is links into a store of blobs.
    inside = os.path.normpath(os.path.abspath(path))
    return inside.startswith(os.path.normpath(os.path.abspath(folder)) + os.sep)
