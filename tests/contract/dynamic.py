"""Metadata that no FFmpeg writes, put into a film of HEVC: Dolby Vision's (profile 8, nothing reshaped) and HDR10+'s, one of each a frame.

Sources: ETSI GS CCM 001 and libavcodec/dovi_rpudec.c for Dolby's; SMPTE ST 2094-40 and CTA-861-H for HDR10+'s; ITU-T H.265 for their places.
"""

from __future__ import annotations

from pathlib import Path

import av

_SUFFIX_UNIT, _SEI_UNIT = 62, 39
_REGISTERED_USER_DATA = 4
_DENOMINATOR_BITS, _BASE_BITS = 23, 10


class _Bits:
    def __init__(self) -> None:
        self._text = ""

    def put(self, value: int, count: int) -> _Bits:
        self._text += format(value, f"0{count}b")
        return self

    def ue(self, *values: int) -> _Bits:
        """Exponential Golomb codes."""
        for value in values:
            code = format(value + 1, "b")
            self._text += "0" * (len(code) - 1) + code
        return self

    def bytes(self) -> bytes:
        text = self._text + "0" * (-len(self._text) % 8)
        return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def add(source: Path, target: Path) -> None:
    """Copy the picture of an MP4."""
    before, after = _unit(_SEI_UNIT, _hdr10_plus()), _unit(_SUFFIX_UNIT, _dolby())
    with av.open(str(source)) as taken, av.open(str(target), "w") as given:
        stream = taken.streams.video[0]
        copied = given.add_stream_from_template(stream)
        for packet in taken.demux(stream):
            if packet.size:
                made = av.Packet(before + bytes(packet) + after)
                made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
                made.time_base, made.is_keyframe, made.stream = packet.time_base, packet.is_keyframe, copied
                given.mux(made)


def _unit(kind: int, payload: bytes) -> bytes:
    """As MP4 holds it: its length, two bytes of header, and no three bytes that would pass for the start of another."""
    escaped = bytearray()
    for byte in payload:
        if byte <= 3 and escaped[-2:] == b"\0\0":
            escaped.append(3)
        escaped.append(byte)
    return (len(escaped) + 2).to_bytes(4) + bytes([kind << 1, 1]) + escaped


def _hdr10_plus() -> bytes:
    """One window, of 400 nits at most on average and 1000 at the brightest."""
    bits = _Bits().put(0xB5, 8).put(0x003C, 16).put(1, 16).put(4, 8).put(1, 8)
    bits.put(1, 2).put(400, 27).put(0, 1)  # windows, the display it is for, and nothing on that one's own peaks
    bits.put(10_000, 17).put(9_000, 17).put(8_000, 17).put(4_000, 17).put(0, 4).put(0, 10)
    bits.put(0, 1).put(0, 1).put(0, 1)  # no peaks, no tone curve, no saturation
    data = bits.bytes()
    return bytes([_REGISTERED_USER_DATA, len(data)]) + data + b"\x80"


def _dolby() -> bytes:
    bits = _Bits().put(2, 6).put(18, 11).put(1, 4).put(0, 4).put(1, 1)  # of type 2, profile 1 (8 is a variant of it), with a header
    bits.put(0, 1).put(0, 2).ue(_DENOMINATOR_BITS).put(1, 2).put(0, 1).ue(_BASE_BITS - 8, 2, 4)
    bits.put(0, 1).put(0, 3).put(0, 1).put(1, 1)  # no second layer
    bits.put(0, 1).put(0, 1).ue(0, 0, 0)  # no display metadata, no reference to another
    for _ in range(3):
        bits.ue(0).put(0, _BASE_BITS).put((1 << _BASE_BITS) - 1, _BASE_BITS)  # one piece, from end to end
    bits.ue(0, 0)
    for _ in range(3):
        bits.ue(0, 0).put(0, 1)  # a line
        bits.ue(0).put(0, _DENOMINATOR_BITS).ue(1).put(0, _DENOMINATOR_BITS)  # 0 + 1 x
    data = bits.bytes()
    return bytes([25]) + data + _crc(data).to_bytes(4) + b"\x80"


def _crc(data: bytes) -> int:
    """CRC-32 of MPEG-2."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
    return value
