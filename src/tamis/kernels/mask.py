"""Where texts hold addresses and numbers of persons."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, helper, i64, kernel, rare, reads, u8, u16, writes
from tamis.kernels._text import bytes_between, fetch_ahead, zeros_below
from tamis.kernels.mask_addresses import byte_at, email, ipv4, ipv6, is_digit
from tamis.kernels.mask_numbers import card, iban
from tamis.kernels.mask_phones import phone
from tamis.kernels.splice import Parts

KINDS = ("email", "ip", "phone", "card", "iban")
_EMAIL, _IP, _PHONE, _CARD, _IBAN = range(5)


class Found(NamedTuple):
    """What `find` found, in order.

    Args:
        parts: where.
        kinds: u8[m], what, as an index of KINDS.
    """

    parts: Parts
    kinds: np.ndarray


def find(data: np.ndarray, offsets: np.ndarray, kinds: Sequence[str] = KINDS) -> Found:
    """Find e-mail addresses, public IP addresses, telephone, card and account numbers: see `tamis.edits.mask`.

    An e-mail address comes before all else; at one digit, an account comes before an address, that before a card, that
    before a telephone.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        kinds: those to look for.
    """
    wanted = sum(1 << KINDS.index(kind) for kind in set(kinds))
    given = aligned(data, np.uint8), aligned(offsets, np.int64), unicode.flags(), wanted
    room, count = 64 + int(offsets[-1] - offsets[0]) // 256, np.zeros(1, np.int64)
    while True:
        begins, ends, found = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint8)
        _find(*given, count, begins, ends, found)
        if count[0] <= room:
            return Found(Parts(begins[: count[0]], ends[: count[0]]), found[: count[0]])
        room = int(count[0])


@helper
def _anchors(data, i, end):
    """Which of the next 64 bytes may be "@" or the first of some digits: all, where too few follow to ask."""
    found = ~np.uint64(0)
    if i + 64 <= len(data):
        digits = bytes_between(data, i, 0x30, 0x39)
        found = digits & ~(digits << np.uint64(1)) | bytes_between(data, i, 0x40, 0x40)
    return found if end - i >= 64 else found & ~(~np.uint64(0) << np.uint64(end - i))


@helper
def _may_be_number(data, i, begin, end):
    """False is certain: what has its first digit at i is none of those numbers. So it is for nearly all numbers in texts."""
    if i + 64 > len(data):
        return True
    n = np.int64(zeros_below(~bytes_between(data, i, 0x30, 0x39)))
    before, after, next_after = byte_at(data, i - 1, begin, end), byte_at(data, i + n, begin, end), byte_at(data, i + n + 1, begin, end)
    # An account or a telephone number from abroad, a card, an address of IPv6.
    if (0x41 <= before <= 0x5A) | (before == 0x2B) | (n >= 14) | (byte_at(data, i + 4, begin, end) == 0x3A):
        return True
    # All others go on after a sign: " ", "-", ".", "/" and a digit or a bracket, a bracket, or one beyond ASCII.
    parted = (after == 0x20) | ((after >= 0x2D) & (after <= 0x2F))
    return (parted & (is_digit(next_after) | (next_after == 0x28))) | (after == 0x28) | (after == 0x29) | (after >= 0x80)


@rare
def _number(data, i, begin, end, wanted):
    """(kind, first byte, end) of what has its first digit at i; the end is -1 if that is nothing."""
    # Two bytes say of nearly every number that it is none of these.
    before = data[i - 1] if i > begin else 0
    if wanted & 1 << _IBAN and 0x41 <= before <= 0x5A:
        first, after = iban(data, i, begin, end)
        if after >= 0:
            return _IBAN, first, after
    if wanted & 1 << _IP:
        first, after = ipv4(data, i, begin, end)
        if after >= 0:
            return _IP, first, after
        if 0x32 <= data[i] <= 0x33:
            first, after = ipv6(data, i, begin, end)
            if after >= 0:
                return _IP, first, after
    if wanted & 1 << _CARD and 0x32 <= data[i] <= 0x36:
        first, after = card(data, i, begin, end)
        if after >= 0:
            return _CARD, first, after
    if wanted & 1 << _PHONE:
        first, after = phone(data, i, begin, end)
        return _PHONE, first, after
    return _PHONE, i, -1


@helper
def _in_email(data, i, begin, end, flags):
    """Whether an e-mail address that ends after i begins before it."""
    at = i
    while at < end and at - i <= 64 and data[at] != 0x40 and data[at] > 0x20:
        at += 1
    if at >= end or data[at] != 0x40:
        return False
    first, after = email(data, at, begin, end, flags)
    return after >= 0 and first < i


@kernel(reads(u8), reads(i64), reads(u16), i64, writes(i64), writes(i64), writes(i64), writes(u8))
def _find(data, offsets, flags, wanted, count, begins, ends, kinds):
    n = 0
    for d in range(len(offsets) - 1):
        begin, end = offsets[d], offsets[d + 1]
        done = block = begin  # before `done`, everything is found
        while block < end:
            fetch_ahead(data, block)
            left = _anchors(data, block, end)
            while left:
                i = block + np.int64(zeros_below(left))
                left &= left - np.uint64(1)
                b = data[i]
                if i < done or not (b == 0x40 or (is_digit(b) and not (i > begin and is_digit(data[i - 1])))):
                    continue
                if b == 0x40:
                    kind = _EMAIL
                    first, after = email(data, i, done, end, flags) if wanted & 1 else (i, -1)
                elif not _may_be_number(data, i, begin, end):
                    continue
                else:
                    kind, first, after = _number(data, i, begin, end, wanted)
                    if after >= 0 and (first < done or (wanted & 1 and _in_email(data, after, done, end, flags))):
                        after = -1
                if after < 0:
                    continue
                if n < len(begins):
                    begins[n], ends[n], kinds[n] = first, after, kind
                n += 1
                done = after
            block += 64
    count[0] = n
