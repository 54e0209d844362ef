"""Undo what a sender compressed, with a cap on what may come out.

zstd comes from where there is one: Python's own (3.14), the ``zstandard`` or ``backports.zstd``
package, or Forebay's compiled core. All of them are libzstd inside.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Any

# The Collector's default for a decompressed request is 20 MiB; segments may hold larger messages.
MAX_MESSAGE_BYTES = 64 << 20

# What a frame may ask of us in memory; zstd itself draws the line there too.
MAX_WINDOW_BYTES = 128 << 20

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class CompressionError(ValueError):
    """The bytes are not in that codec."""


class TooLargeError(CompressionError):
    """More would come out than is allowed."""


class CodecMissingError(RuntimeError):
    """This Python has nothing that reads zstd."""


def decompress(codec: str, data: bytes, max_bytes: int = MAX_MESSAGE_BYTES) -> bytes:
    """The content of ``data``, at most ``max_bytes`` of it.

    Args:
        codec: ``"none"``, ``"gzip"`` or ``"zstd"``.

    Raises:
        CompressionError: the data is damaged, cut short or of another codec.
        TooLargeError: more than ``max_bytes`` would come out.
        CodecMissingError: zstd, and nothing here reads it.
    """
    if codec == "none":
        if len(data) > max_bytes:
            raise TooLargeError(f"more than {max_bytes} bytes")
        return data
    if codec == "gzip":
        return _gunzip(data, max_bytes)
    if codec == "zstd":
        return _zstd()(data, max_bytes)
    raise CompressionError(f"unknown codec: {codec}")


def _gunzip(data: bytes, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    room = max_bytes
    rest = data
    while True:
        stream = zlib.decompressobj(wbits=31)
        try:
            part = stream.decompress(rest, room + 1)
        except zlib.error as error:
            raise CompressionError(f"gzip: {error}") from None
        room -= len(part)
        if room < 0:
            raise TooLargeError(f"more than {max_bytes} bytes")
        if not stream.eof:
            raise CompressionError("unexpected EOF")
        parts.append(part)
        rest = stream.unused_data
        if not rest:
            return parts[0] if len(parts) == 1 else b"".join(parts)


_Decompress = Callable[[bytes, int], bytes]
_chosen: _Decompress | None = None


def _zstd() -> _Decompress:
    global _chosen
    if _chosen is None:
        for candidate in (_from_zstandard, _from_standard_library, _from_core):
            found = candidate()
            if found is not None:
                _chosen = found
                break
        else:
            raise CodecMissingError("nothing here reads zstd; run: python -m pip install zstandard")
    return _chosen


def _from_zstandard() -> _Decompress | None:
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        return None

    decompressor = zstandard.ZstdDecompressor

    def decompress_all(data: bytes, max_bytes: int) -> bytes:
        try:
            size = zstandard.frame_content_size(data)
            if size > max_bytes:
                raise TooLargeError(f"more than {max_bytes} bytes")
            result: bytes
            if size == 0:
                # The one-shot call looks no further than the size here.
                empty = decompressor(max_window_size=MAX_WINDOW_BYTES).decompressobj()
                result = empty.decompress(data)
                if not empty.eof or empty.unused_data:
                    raise CompressionError("zstd: not one whole frame")
                return result
            if size > 0:
                result = decompressor(max_window_size=MAX_WINDOW_BYTES).decompress(
                    data, allow_extra_data=False
                )
                return result
            # The frame does not say its size: a stream stops at the cap, whatever it holds.
            stream = decompressor(max_window_size=MAX_WINDOW_BYTES).stream_reader(data)
            result = stream.read(max_bytes + 1)
            if len(result) > max_bytes:
                raise TooLargeError(f"more than {max_bytes} bytes")
            # Cut short or whole? The one-shot call knows, and the size is now bounded.
            result = decompressor(max_window_size=MAX_WINDOW_BYTES).decompress(
                data, max_output_size=max(len(result), 1), allow_extra_data=False
            )
            return result
        except zstandard.ZstdError as error:
            raise CompressionError(f"zstd: {error}") from None

    return decompress_all


def _from_standard_library() -> _Decompress | None:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            zstd = importlib.import_module(name)
        except ImportError:
            continue
        return _by_zstd_module(zstd)
    return None


def _by_zstd_module(zstd: Any) -> _Decompress:
    def decompress_all(data: bytes, max_bytes: int) -> bytes:
        stream = zstd.ZstdDecompressor()
        try:
            result: bytes = stream.decompress(data, max_length=max_bytes + 1)
        except zstd.ZstdError as error:
            raise CompressionError(f"zstd: {error}") from None
        if len(result) > max_bytes:
            raise TooLargeError(f"more than {max_bytes} bytes")
        if not stream.eof:
            raise CompressionError("unexpected EOF")
        if stream.unused_data:
            raise CompressionError("zstd: bytes behind the frame")
        return result

    return decompress_all


def _from_core() -> _Decompress | None:
    try:
        core = importlib.import_module("forebay._core")
    except ImportError:
        return None
    function = getattr(core, "decompress", None)
    if function is None:
        return None

    def decompress_all(data: bytes, max_bytes: int) -> bytes:
        try:
            result: bytes = function("zstd", data, max_bytes)
        except ValueError as error:
            if "longer than" in str(error):
                raise TooLargeError(f"more than {max_bytes} bytes") from None
            raise CompressionError(f"zstd: {error}") from None
        return result

    return decompress_all
