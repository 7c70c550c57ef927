"""A text is valid UTF-8 if and only if Python can decode it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.kernels.utf8 import has_surrogate, valid


def buffers(pieces: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """(data, offsets), with continuation bytes around that belong to no text."""
    return np.frombuffer(b"\x80\x80" + b"".join(pieces) + b"\x80\x80\x80", np.uint8), np.cumsum([2, *map(len, pieces)])


def decodes(piece: bytes) -> bool:
    """What Python thinks."""
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


BAD = [b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x8f\xbf\xbf"]
BAD += [b"\xf4\x90\x80\x80"]
BAD += [b"\xf5\x80\x80\x80", b"\xff", b"\xc3", b"\xe2\x80", b"\xf0\x9f\x98", b"\xe2\x28\xa1", b"\xf0\x9f\x28\x80", b"\xc3\xc3"]
ascii_runs = [b"a" * 31, b"a" * 32, b"a" * 33]
piece = st.binary(max_size=5) | st.text(max_size=40).map(str.encode) | st.sampled_from(BAD + ascii_runs)
pieces = st.lists(piece, max_size=6).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=6))
def test_validity_is_that_of_python(batch):
    """The kernel agrees with bytes.decode on any bytes, whatever lies around them."""
    assert valid(*buffers(batch)).tolist() == [decodes(piece) for piece in batch]


def test_every_pair_of_bytes():
    """All 65,536 pairs, and each of them behind a lead byte of three, are judged as Python judges."""
    pairs = [bytes([a, b]) for a in range(256) for b in range(256)]
    batch = pairs + [lead + pair for lead in (b"\xe0", b"\xe1", b"\xed") for pair in pairs]
    assert valid(*buffers(batch)).tolist() == [decodes(piece) for piece in batch]


def test_every_third_byte_of_four():
    """Sequences of four bytes are judged as Python judges, at the borders of every byte."""
    edge = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC0, 0xFF]
    batch = [bytes([a, b, c, d]) for a in range(0xEF, 0xF6) for b in edge for c in edge for d in edge]
    assert valid(*buffers(batch)).tolist() == [decodes(piece) for piece in batch]


def test_bad_byte_after_long_ascii():
    """A bad byte is found wherever it lies in a long ASCII text."""
    batch = [b"a" * i + b"\xff" + b"a" * (80 - i) for i in range(81)]
    assert valid(*buffers(batch)).tolist() == [False] * 81
    assert valid(*buffers([b"a" * 5_000_000])).tolist() == [True]


def test_surrogates_are_named():
    """Half a surrogate pair is told from other damage, and from Hangul, which begins with the same byte."""
    lone, hangul = "\ud83d".encode("utf-8", "surrogatepass"), "한퟿".encode()
    batch = [b"x" + lone, hangul, b"\xed\xa0", b"", b"\xff", lone + lone]
    assert has_surrogate(*buffers(batch)).tolist() == [True, False, False, False, False, True]


def test_comparison_with_python_can_fail():
    """Meta-test: validity is not simply always the same."""
    assert {decodes(piece) for piece in [*BAD, b"a"]} == {True, False}


def test_no_texts():
    """No texts give no answers."""
    assert valid(*buffers([])).tolist() == has_surrogate(*buffers([])).tolist() == []
