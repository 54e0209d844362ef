"""Reading OTLP files: JSON lines and length-prefixed segments."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest
import zstandard
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from forebay._otlp import compression
from forebay._otlp.files import SegmentReader, holds_only_points, segments_in
from tests.python.test_otlp_reader import official_json, request_with


def bodies(reader: SegmentReader) -> list[Any]:
    return [record.body for resource in reader for _, record in resource.records()]


def message(body: str) -> bytes:
    return bytes(request_with({}, body).SerializeToString())


def prefixed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def test_a_half_written_last_line_is_left_out_and_said(tmp_path: Path) -> None:
    """The lines before it are read; it is no problem, only unfinished."""
    lines = [official_json(request_with({}, f"line {i}")) for i in range(3)]
    path = tmp_path / "a.jsonl"
    for cut in (1, 10, len(lines[2]) - 1):
        path.write_text(lines[0] + "\n" + lines[1] + "\n" + lines[2][:cut])
        reader = SegmentReader(path)
        assert bodies(reader) == ["line 0", "line 1"]
        assert reader.half_written
        assert reader.problems == []


def test_a_damaged_line_in_the_middle_is_a_problem_and_the_rest_is_read(tmp_path: Path) -> None:
    """One bad line costs one line."""
    path = tmp_path / "a.jsonl"
    good = official_json(request_with({}, "good"))
    path.write_text(f'{good}\n{{"resourceLogs": [}}\n{{"resourceLogs": 5}}\n{good}\n')
    reader = SegmentReader(path)
    assert bodies(reader) == ["good", "good"]
    assert not reader.half_written
    assert [problem.split(": ")[1] for problem in reader.problems] == ["line 2", "line 3"]


@pytest.mark.parametrize("compressed", [False, True])
def test_length_prefixed_messages_are_read(tmp_path: Path, compressed: bool) -> None:
    """Both with zstd in each message and without, and up to a message that is half there."""
    pack = zstandard.ZstdCompressor().compress if compressed else bytes
    parts = [prefixed(pack(message(f"message {i}"))) for i in range(3)]
    path = tmp_path / "a.otlp.zst"
    for cut in (1, 4, 5, len(parts[2]) - 1):
        path.write_bytes(parts[0] + parts[1] + parts[2][:cut])
        reader = SegmentReader(path)
        assert bodies(reader) == ["message 0", "message 1"]
        assert reader.half_written
    path.write_bytes(b"".join(parts))
    reader = SegmentReader(path)
    assert bodies(reader) == ["message 0", "message 1", "message 2"]
    assert not reader.half_written
    assert reader.problems == []


def test_a_damaged_message_costs_itself_and_a_huge_length_the_rest(tmp_path: Path) -> None:
    """A length that cannot be is not allocated."""
    good = prefixed(message("good"))
    path = tmp_path / "a.otlp"
    path.write_bytes(good + prefixed(b"\x0b\x0b") + good + b"\xff\xff\xff\xff" + good)
    reader = SegmentReader(path)
    assert bodies(reader) == ["good", "good"]
    assert len(reader.problems) == 2
    assert "4294967295 bytes" in reader.problems[1]


@pytest.mark.parametrize(
    "content",
    [
        b"root:x:0:0:root:/root:/bin/bash\n" * 9,
        b"\n \n[package]\nname = 1\n",
        b"ab",
        b"\x7fELF" * 9,
    ],
    ids=["text", "text after blanks", "short", "binary"],
)
def test_a_file_of_another_kind_is_called_so(tmp_path: Path, content: bytes) -> None:
    """One sentence, and no length that a text happens to spell."""
    path = tmp_path / "passwd"
    path.write_bytes(content)
    reader = SegmentReader(path)
    assert bodies(reader) == []
    assert reader.problems == [
        f"{path}: no file of Forebay's: neither OTLP/JSON lines nor length-prefixed OTLP messages"
    ]
    assert not reader.half_written


def test_metrics_in_a_segment_are_passed_over_and_counted(tmp_path: Path) -> None:
    """They are no problem."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"resourceMetrics":[{}]}\n{}\n')
    reader = SegmentReader(path)
    assert bodies(reader) == []
    assert reader.passed_over == {"metrics": 1}
    assert reader.problems == []


@pytest.mark.parametrize("compressed", [False, True])
def test_metrics_in_protobuf_are_told_from_records_and_from_damage(
    tmp_path: Path, compressed: bool
) -> None:
    """Also in a file whose name does not say so."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="orders")
    metric.sum.data_points.add(as_int=1, time_unix_nano=5)
    pack = zstandard.ZstdCompressor().compress if compressed else bytes
    points = prefixed(pack(request.SerializeToString()))
    path = tmp_path / "a.otlp"
    path.write_bytes(points + prefixed(pack(message("good"))) + points + prefixed(b"\x0b\x0b"))
    reader = SegmentReader(path)
    assert bodies(reader) == ["good"]
    assert reader.passed_over == {"metrics": 2}
    assert len(reader.problems) == 1


def test_a_zstd_bomb_is_stopped_at_the_cap() -> None:
    """Whether or not the frame says its size."""
    bomb = b"\0" * (8 << 20)
    streamed = zstandard.ZstdCompressor().compressobj()
    for data in (zstandard.compress(bomb), streamed.compress(bomb) + streamed.flush()):
        with pytest.raises(compression.TooLargeError):
            compression.decompress("zstd", data, 1 << 20)
        assert compression.decompress("zstd", data, 8 << 20) == bomb
        with pytest.raises(compression.CompressionError):
            compression.decompress("zstd", data[:-1], 8 << 20)


def test_every_source_of_zstd_behaves_the_same() -> None:
    """Python's own, the zstandard package, and Forebay's core: whichever is there."""
    sources = {
        "zstandard": compression._from_zstandard(),
        "core": compression._from_core(),
        "standard library": compression._from_standard_library(),
    }
    assert sources["zstandard"] is not None
    assert sources["core"] is not None
    streamed = zstandard.ZstdCompressor().compressobj()
    for plain in (b"", b"x", os.urandom(100_000), b"0" * 5_000_000):
        unsized = streamed.compress(plain) + streamed.flush()
        streamed = zstandard.ZstdCompressor().compressobj()
        for frame in (zstandard.compress(plain), unsized):
            for name, source in sources.items():
                if source is None:
                    continue
                assert source(frame, max(len(plain), 1)) == plain, name
                for damaged in (frame[:-1], frame[1:], frame + b"1", b""):
                    with pytest.raises(compression.CompressionError):
                        source(damaged, 8 << 20)
                if len(plain) > 1:
                    with pytest.raises(compression.TooLargeError):
                        source(frame, len(plain) - 1)


def test_segments_come_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    """The one written to last comes last, wherever it lies."""
    now = time.time_ns()
    (tmp_path / "sub").mkdir()
    for age, name in ((3, "z.jsonl"), (1, "a.otlp.zst"), (2, "sub/m.otlp"), (0, "notes.txt")):
        path = tmp_path / name
        path.write_bytes(b"")
        stamp = now - age * 1_000_000_000

        os.utime(path, ns=(stamp, stamp))
    names = [path.name for path in segments_in(tmp_path)]
    assert names == ["z.jsonl", "m.otlp", "a.otlp.zst"]


def test_files_of_metrics_are_told_by_their_names(tmp_path: Path) -> None:
    """Who wants records passes them over; a service may be called as it likes."""
    records = ["a-000001.jsonl", "a-000001.otlp.zst", "x.metrics-000001.jsonl"]
    for name in [*records, "a-000001.metrics.jsonl", "a-000001.metrics.otlp.zst"]:
        (tmp_path / name).write_bytes(b"")
    found = segments_in(tmp_path)
    assert len(found) == 5
    assert sorted(path.name for path in found if not holds_only_points(path)) == sorted(records)
