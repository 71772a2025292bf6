"""Weight files of Keras 2 (HDF5), read as data: nothing that is in them is run.

A file of ``save_weights`` has a list of layers, the attribute ``layer_names``, and a
group per layer with the list of its weights, the attribute ``weight_names``, and the
arrays below it. A file of ``save`` has the same one level down, in ``model_weights``,
and beside it the model's description, which can hold code; it is not looked at. A
``/`` in a layer's name makes groups inside groups: the arrays of ``conv1/bn`` are in
``conv1/bn/conv1/bn``. Lists too long for one attribute go on in ``layer_names0``,
``layer_names1`` ….
"""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError

#: Name of a layer → names of its weights (``kernel``, ``gamma`` …), in the order of
#: the file → the array, not yet read: ``shape`` and ``dtype`` are known.
Layers = Dict[str, Dict[str, Any]]


def import_h5py() -> Any:
    """Import h5py.

    Raises:
        ProbeError: It is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ProbeError(
            "Keras weights are HDF5 files, and the package h5py that reads them is not "
            "installed: pip install 'espnet_probe[speakers]'"
        ) from error
    return h5py


def _names(group: Any, attribute: str, where: str) -> List[str]:
    """Read a list of names; Keras 2 wrote bytes, later releases text."""
    if attribute in group.attrs:
        found = list(group.attrs[attribute])
    elif f"{attribute}0" in group.attrs:
        found = []
        while f"{attribute}{len(found)}" in group.attrs:
            found.append(group.attrs[f"{attribute}{len(found)}"])
        found = [name for chunk in found for name in chunk]
    else:
        raise ProbeError(
            f"{where} has no attribute {attribute}: expected a weights file of Keras 2 "
            "(.h5 of save_weights or save)"
        )
    return [name.decode() if isinstance(name, bytes) else str(name) for name in found]


def _member(h5py: Any, group: Any, name: str, where: str) -> Any:
    """Go to a member, not through links, which may lead into any other file."""
    for part in name.strip("/").split("/"):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise ProbeError(f"{where} lists {name!r}, but does not hold it")
        group = group[part]
    return group


def _plain_name(name: str) -> str:
    """Return ``gamma`` for ``conv1/bn_1/gamma_2:0``: TensorFlow makes names unique."""
    return re.sub(r"(_\d+)?(:\d+)?$", "", name.rsplit("/", 1)[-1])


@contextmanager
def open_keras_weights(path: Path) -> Iterator[Layers]:
    """Open a weights file.

    Args:
        path: The file.

    Yields:
        The layers that have weights, in the order of the file.

    Raises:
        ProbeError: The file cannot be read, is no weights file of Keras 2, was made
            with a backend that turns kernels around, or names a layer or a weight
            twice; also for what h5py cannot read while the file is open.
    """
    h5py = import_h5py()
    if not path.is_file():
        raise ProbeError(f"no file {path}: expected weights of Keras (.h5)")
    try:
        with h5py.File(path, "r") as file:
            yield _layers(h5py, file, str(path))
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ProbeError(
            f"cannot read {path} as a weights file of Keras: {error}"
        ) from error


def _layers(h5py: Any, file: Any, path: str) -> Layers:
    top = file
    if "layer_names" not in file.attrs and "model_weights" in file:
        top = _member(h5py, file, "model_weights", path)
    backend = top.attrs.get("backend", file.attrs.get("backend", b"tensorflow"))
    backend = backend.decode() if isinstance(backend, bytes) else str(backend)
    if backend == "theano":
        # Its convolution turns the kernels around, TensorFlow's and torch's do not.
        raise ProbeError(
            f"{path} was saved with the backend {backend}: expected tensorflow, whose "
            "kernels are those of a correlation"
        )
    layers: Layers = {}
    for name in _names(top, "layer_names", path):
        group = _member(h5py, top, name, path)
        where = f"{path}, layer {name}"
        if name in layers:
            raise ProbeError(f"{where} is listed twice: expected each layer once")
        weights: Dict[str, Any] = {}
        for full_name in _names(group, "weight_names", where):
            data = _member(h5py, group, full_name, where)
            plain = _plain_name(full_name)
            if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual:
                raise ProbeError(f"{where}: {full_name!r} is no array in this file")
            if plain in weights:
                raise ProbeError(f"{where} has two weights {plain!r}: expected one")
            weights[plain] = data
        if weights:
            layers[name] = weights
    return layers


def read_array(data: Any, where: str) -> NDArray[np.float32]:
    """Read one array.

    Args:
        data: An array of :data:`Layers`.
        where: Layer and weight, for the message.

    Returns:
        The array, as float32.

    Raises:
        ProbeError: It does not hold finite floats.
    """
    if data.dtype.kind != "f":
        raise ProbeError(f"{where} has type {data.dtype}: expected floats")
    with np.errstate(over="ignore"):
        array = np.asarray(data[()], dtype=np.float32)
    if not np.all(np.isfinite(array)):
        raise ProbeError(f"{where} holds NaN or inf: expected finite numbers")
    return array
