"""Telephone numbers at a place in a text; what counts as one is said in `tamis.edits.mask`."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels.mask_addresses import byte_at, in_word, is_digit, is_letter
from tamis.kernels.mask_numbers import digits, goes_on, power, went_before

_NONE, _SPACE, _DASH, _DOT, _SLASH = range(5)


@helper
def _separator(data, i, end):
    """(kind, bytes) of the mark at i that may part the groups of a telephone number; also U+00A0, U+202F and three dashes."""
    b = data[i] if i < end else 0
    if b == 0x20:
        return _SPACE, 1
    if 0x2D <= b <= 0x2F:
        return b - 0x2B, 1
    if b == 0xC2 and data[i + 1] == 0xA0:
        return _SPACE, 2
    if b == 0xE2 and data[i + 1] == 0x80:
        c = data[i + 2]
        if c == 0xAF:
            return _SPACE, 3
        if c == 0x90 or c == 0x91 or c == 0x93:
            return _DASH, 3
    return _NONE, 0


@helper
def _parts(kind):
    """Whether a mark of this kind parts groups in every country."""
    return _SPACE <= kind <= _DOT


@helper
def _has_country(number, n, together):
    """Whether n digits, from 9 to 15, are a number of some country: its code, within those that stand together first, and no 0 after it but in Italy."""
    two = np.int64(number // power(n - 2))
    if two < 10:
        return False
    if two < 20:
        area, exchange = np.int64(number // power(n - 4)) % 1000, np.int64(number // power(n - 7)) % 1000
        return n == 11 and area >= 200 and exchange >= 200
    if 70 <= two < 80:
        return n == 11
    if two == 28 or two == 83 or two == 89:
        return False
    tens, ones = two // 10, two % 10
    if tens == 2:
        short = ones == 0 or ones == 7
    elif tens == 3 or tens == 4:
        short = not (ones == 5 or (tens == 3 and 7 <= ones <= 8) or (tens == 4 and ones == 2)) or two == 45
    elif tens == 5:
        short = 1 <= ones <= 8
    elif tens == 6:
        short = ones <= 6
    elif tens == 8:
        short = ones == 1 or ones == 2 or ones == 4 or ones == 6
    else:
        short = ones <= 5 or ones == 8
    code = 2 if short else 3
    following = np.int64(number // power(n - code - 1)) % 10
    return together >= code and (following != 0 or two == 39)


@helper
def _bracketed(data, i, begin, end):
    """(end, digits, number) of "(123)" at i; "(0)", which is not dialled from abroad, counts no digits. The end is -1 if it is not there."""
    if byte_at(data, i, begin, end) != 0x28:
        return -1, 0, np.uint64(0)
    after, number = digits(data, i + 1, end, 5)
    n = after - i - 1
    if not 1 <= n <= 5 or byte_at(data, after, begin, end) != 0x29:
        return -1, 0, np.uint64(0)
    return after + 1, (0 if n == 1 and number == 0 else n), number


@helper
def _next_group(data, i, begin, end):
    """(place of the next group's first digit, digits and number of what stood in brackets before it); -1: no group follows."""
    kind, width = _separator(data, i, end)
    i += width if _parts(kind) else 0
    after, n, number = _bracketed(data, i, begin, end)
    if after >= 0:
        kind, width = _separator(data, after, end)
        i = after + (width if _parts(kind) else 0)
    elif not _parts(kind):
        return -1, 0, number
    return (i if is_digit(byte_at(data, i, begin, end)) else -1), n, number


@helper
def _international(data, first, begin, end):
    """A number that begins with "+" and a country's code."""
    start = first - 1
    before = byte_at(data, start - 1, begin, end)
    if before == 0x2B or (in_word(before) and not is_letter(before)):
        return first, -1
    i, number = digits(data, first, end, 15)
    n, whole = i - first, 15
    code_digits = n
    if data[first] == 0x31 or data[first] == 0x37:
        whole = 11
    if before == 0x28 and n <= 3 and byte_at(data, i, begin, end) == 0x29:
        start -= 1
        i += 1
    stop = i
    while n < whole:
        at, more, bracketed = _next_group(data, i, begin, end)
        if at < 0:
            break
        after, group = digits(data, at, end, 15)
        if n + more + after - at > whole:
            break
        number = (number * power(more) + (bracketed if more else np.uint64(0))) * power(after - at) + group
        n += more + after - at
        i = stop = after
    return start, stop if 9 <= n <= whole and _has_country(number, n, code_digits) else -1


@helper
def _exactly(data, i, end, size):
    """The end of just so many digits at i; -1 if there are more or fewer."""
    after, _ = digits(data, i, end, size)
    return after if after - i == size else -1


@helper
def _american(data, first, begin, end):
    """A number of North America, from its area code on: "(212) 555-0123", "212-555-0123", "212.555.0123", with or without "1"."""
    i, start = first, first
    bracket = byte_at(data, first - 1, begin, end) == 0x28 and byte_at(data, first + 3, begin, end) == 0x29
    if data[first] == 0x31:
        kind, width = _separator(data, first + 1, end)
        i += 1 + (width if _parts(kind) else 0)
        bracket = byte_at(data, i, begin, end) == 0x28
        i += int(bracket)
        if not (bracket or _parts(kind)):
            return first, -1
    elif bracket:
        start -= 1
    if not (start < first and is_letter(byte_at(data, start - 1, begin, end))) and went_before(data, start, begin, end):
        return first, -1
    after = _exactly(data, i, end, 3)
    if after < 0 or data[i] < 0x32:
        return first, -1
    if bracket:
        if byte_at(data, after, begin, end) != 0x29:
            return first, -1
        after += 1
    one, width = _separator(data, after, end)
    i = after + width
    if (one == _NONE and not bracket) or byte_at(data, i, begin, end) < 0x32:
        return first, -1
    after = _exactly(data, i, end, 3)
    if after < 0:
        return first, -1
    two, width = _separator(data, after, end)
    if not (two == _DASH and one != _DOT) and not (two == _DOT and (one == _DOT or bracket)) and not (two == _SPACE and bracket):
        return first, -1
    i = _exactly(data, after + width, end, 4)
    after_that = byte_at(data, i, begin, end)
    if i < 0 or after_that == 0x5F or (not is_letter(after_that) and goes_on(data, i, begin, end)):
        return first, -1
    return start, i


@helper
def _french(data, first, begin, end):
    """Ten digits in pairs, from 01 to 09: "01 23 45 67 89"."""
    if went_before(data, first, begin, end) or byte_at(data, first + 1, begin, end) < 0x31:
        return first, -1
    i = _exactly(data, first, end, 2)
    kind, width = _separator(data, i, end) if i >= 0 else (_NONE, 0)
    before = byte_at(data, first - 1, begin, end)
    if not _parts(kind) or (is_digit(byte_at(data, first - 2, begin, end)) and before != 0x0A):
        return first, -1
    for _ in range(4):
        other, width = _separator(data, i, end)
        i = _exactly(data, i + width, end, 2) if other == kind else -1
        if i < 0:
            return first, -1
    other, width = _separator(data, i, end)
    if (other == kind and is_digit(byte_at(data, i + width, begin, end))) or in_word(byte_at(data, i, begin, end)):
        return first, -1
    return first, i


@helper
def phone(data, first, begin, end):
    """(first byte, end) of a telephone number whose first digit is at a place; the end is -1 if there is none."""
    if byte_at(data, first - 1, begin, end) == 0x2B:
        return _international(data, first, begin, end)
    if data[first] == 0x30:
        return _french(data, first, begin, end)
    return _american(data, first, begin, end)
