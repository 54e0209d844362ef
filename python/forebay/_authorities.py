"""Which certificates of authorities Python knows of, for the native core to choose from."""

from __future__ import annotations

import importlib.util
import os

from . import _core


def known_to_python() -> dict[str, str]:
    """What Python itself would trust, and what certifi holds; by the options' names."""
    known: dict[str, str] = {}
    try:
        import _ssl
    except ImportError:  # a Python without TLS
        pass
    else:
        _, file, _, directory = _ssl.get_default_verify_paths()
        known["host_ca_file"] = file
        known["host_ca_directory"] = directory
    try:
        spec = importlib.util.find_spec("certifi")  # does not import it
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.submodule_search_locations:
        known["fallback_ca_file"] = os.path.join(spec.submodule_search_locations[0], "cacert.pem")
    return known


def trusted(ca_file: str | os.PathLike[str] | None) -> tuple[str, str, str]:
    """A file and a directory (either may be empty), and who named them.

    Both are empty where there is nobody to trust; the text then says so.
    """
    options = [] if ca_file is None else [("ca_file", os.fspath(ca_file))]
    return _core.trusted_authorities([*options, *known_to_python().items()])
