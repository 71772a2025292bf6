"""Classes recognised without importing where they are defined."""

import sys

import torch


def is_instance(module: torch.nn.Module, where: str, name: str) -> bool:
    """Say whether a module is an instance of a class that need not be imported.

    Before a class is imported nothing is an instance of it. So ESPnet's wrappers of
    other libraries, which take seconds to import, cost nothing for other models.

    Args:
        module: Any module.
        where: Import path of the Python module that defines the class.
        name: Name of the class.
    """
    defined = sys.modules.get(where)
    return defined is not None and isinstance(module, getattr(defined, name))
