"""Where the C++ side of an installed Forebay is."""

from __future__ import annotations

import os


def get_include() -> str:
    """The folder with ``forebay/c_api.h`` and ``forebay/forebay.h``, for a compiler's ``-I``."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")


def get_cmake_dir() -> str:
    """The folder with ``ForebayConfig.cmake``, for CMake's ``Forebay_DIR``."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "cmake", "Forebay")
