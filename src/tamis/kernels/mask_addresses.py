"""E-mail and IP addresses at a place in a text; what counts as one is said in `tamis.edits.mask`.

Each function gets the borders of the text, and returns (first byte, end) of what it found; the end is -1 if it found
nothing.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from tamis.kernels._jit import helper
from tamis.kernels._text import decode
from tamis.kernels.unicode import LETTER, MARK

LONGEST_LOCAL, LONGEST_LABEL, LONGEST_TOP, MOST_LABELS = 64, 63, 24, 9
FEWEST_DIGITS = 8


def _packed(word: str) -> int:
    """The letters of a word, up to 8, the first one lowest."""
    return int.from_bytes(word.encode(), "little")


FILE_ENDINGS = tuple(map(_packed, ("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "html", "php", "json", "xml", "pdf")))
VERSION_WORDS = tuple(map(_packed, ("v", "ver", "version", "versions", "release", "build", "revision", "rev", "firmware", "patch", "update", "oid")))


@helper
def byte_at(data, i, begin, end):
    """The byte at i; 0 outside the text."""
    return data[i] if begin <= i < end else 0


@helper
def is_digit(b):
    """From "0" to "9"."""
    return 0x30 <= b <= 0x39


@helper
def is_letter(b):
    """An ASCII letter."""
    return 0x61 <= b | 0x20 <= 0x7A


@helper
def in_word(b):
    r"""An ASCII letter or digit, or "_"."""
    return is_digit(b) or is_letter(b) or b == 0x5F


@helper
def is_one_of(b, low, high):
    """Whether b is one of 128 characters: bit k of two masks stands for the character k."""
    b = int(b)
    return b < 128 and ((high >> (b - 64) if b >= 64 else low >> b) & 1) != 0


@helper
def _word_before(data, i, begin):
    """The letters that end at i, in lower case, packed; 0 if there are none or over 8."""
    word, n = 0, 0
    while i > begin and is_letter(data[i - 1]):
        i -= 1
        n += 1
        if n > 8:
            return 0
        word = word << 8 | int(data[i] | 0x20)
    return word


@helper
def _is_listed(word, words):
    found = False
    for known in words:
        found |= word == known
    return found


@helper
def _is_local(b):
    return in_word(b) or b == 0x25 or b == 0x27 or b == 0x2B or b == 0x2D


@helper
def _local_start(data, at, begin):
    """Where the part before "@" begins; -1 if there is none."""
    i = at
    while i > begin:
        b = data[i - 1]
        if not (_is_local(b) or (b == 0x2E and i < at and data[i] != 0x2E)):
            break
        i -= 1
        if at - i > LONGEST_LOCAL:
            return -1
    while i < at and not in_word(data[i]):
        i += 1
    return i if i < at and data[at - 1] != 0x2E else -1


@helper
def _label(data, i, end, flags):
    """(end, characters, last byte) of the run of letters, digits and "-" at i."""
    n, last = 0, 0
    while i < end and n <= LONGEST_LABEL:
        b = data[i]
        width = 1
        if b >= 0x80:
            c, width = decode(data, i)
            if not flags[c] & (LETTER | MARK):
                break
        elif not (is_digit(b) or is_letter(b) or b == 0x2D):
            break
        i += width
        n += 1
        last = int(b)
    return i, n, last


@helper
def _top_end(data, i, end):
    """Where the last part of a domain that begins at i ends; -1 if it is none."""
    first = i
    while i < end and is_letter(data[i]):
        i += 1
    return i if 2 <= i - first <= LONGEST_TOP and not (i < end and is_digit(data[i])) else -1


@helper
def email(data, at, begin, end, flags):
    """The e-mail address around the "@" at a place."""
    first = _local_start(data, at, begin)
    if first < 0:
        return at, -1
    i, found = at + 1, -1
    for k in range(MOST_LABELS + 1):
        if k > 0:
            top = _top_end(data, i, end)
            found = top if top >= 0 else found
        after, n, last = _label(data, i, end, flags)
        if not 1 <= n <= LONGEST_LABEL or data[i] == 0x2D or last == 0x2D or byte_at(data, after, begin, end) != 0x2E:
            break
        i = after + 1
    if found >= 0 and _is_listed(_word_before(data, found, at), FILE_ENDINGS):
        return at, -1
    return first, found


@helper
def _is_public(a, b, c):
    """Whether an IPv4 address that begins so is reachable from everywhere: IANA's registry of special purposes, and multicast."""
    if a == 0 or a == 10 or a == 127 or a >= 224:
        return False
    if a == 100:
        return not 64 <= b < 128
    if a == 169:
        return b != 254
    if a == 172:
        return not 16 <= b < 32
    if a == 192:
        return not (b == 168 or (b == 0 and (c == 0 or c == 2)))
    if a == 198:
        return not (18 <= b < 20 or (b == 51 and c == 100))
    return not (a == 203 and b == 0 and c == 113)


@helper
def _is_version(data, i, begin):
    """Whether what stands before i says that a version follows."""
    b = byte_at(data, i - 1, begin, i)
    if (b == 0x2F or b == 0x2D or b == 0x2B) and is_letter(byte_at(data, i - 2, begin, i)):
        return True
    for _ in range(3):
        b = byte_at(data, i - 1, begin, i)
        if not (b == 0x20 or b == 0x2E or b == 0x3A or b == 0x3D or b == 0x23 or b == 0x28):
            break
        i -= 1
    return _is_listed(_word_before(data, i, begin), VERSION_WORDS)


@helper
def ipv4(data, first, begin, end):
    """The public IPv4 address whose first digit is at a place."""
    before = byte_at(data, first - 1, begin, end)
    if in_word(before) or before == 0x2E:
        return first, -1
    i, digits, number = first, 0, 0
    for k in range(4):
        if k > 0:
            if byte_at(data, i, begin, end) != 0x2E:
                return first, -1
            i += 1
        part, n = 0, 0
        while i < end and n < 4 and is_digit(data[i]):
            part = 10 * part + int(data[i]) - 0x30
            i += 1
            n += 1
        if n == 0 or n > 3 or part > 255 or (n > 1 and data[i - n] == 0x30):
            return first, -1
        digits += n
        number = number << 8 | part
    after, next_after = byte_at(data, i, begin, end), byte_at(data, i + 1, begin, end)
    if in_word(after) or (after == 0x2E and is_digit(next_after)) or ((after == 0x2D or after == 0x2B) and is_letter(next_after)):
        return first, -1
    if digits < FEWEST_DIGITS or not _is_public(number >> 24, number >> 16 & 255, number >> 8 & 255) or _is_version(data, first, begin):
        return first, -1
    return first, i


@helper
def _hex_value(b):
    if is_digit(b):
        return int(b) - 0x30
    b = int(b) | 0x20
    return b - 0x57 if 0x61 <= b <= 0x66 else -1


@helper
def _follows_group(data, i, begin, end):
    """Whether what begins at i belongs to what is before it: after "fd00:" or "::", not after "see:"."""
    before = byte_at(data, i - 1, begin, end)
    if before != 0x3A:
        return in_word(before) or before == 0x2E
    n = 0
    while n < 5 and _hex_value(byte_at(data, i - 2 - n, begin, end)) >= 0:
        n += 1
    outer = byte_at(data, i - 2 - n, begin, end)
    return outer == 0x3A if n == 0 else n < 5 and not in_word(outer)


@helper
def ipv6(data, first, begin, end):
    """The public IPv6 address whose first digit is at a place."""
    if _follows_group(data, first, begin, end):
        return first, -1
    i, groups, gap, number = first, 0, 0, 0  # the number of the first two groups
    while True:
        part, n = 0, 0
        while i < end and n < 5 and _hex_value(data[i]) >= 0:
            part = part << 4 | _hex_value(data[i])
            i += 1
            n += 1
        groups += 1
        if n > 4 or groups > 8 or (groups == 1 and n < 4):
            return first, -1
        if groups <= 2:
            number = number << 16 | (0 if groups == 2 and gap == 1 else part)
        if byte_at(data, i, begin, end) != 0x3A:
            break
        if byte_at(data, i + 1, begin, end) == 0x3A:
            if gap:
                return first, -1
            gap = groups
            i += 1
            if _hex_value(byte_at(data, i + 1, begin, end)) < 0:
                i += 1
                break
        elif _hex_value(byte_at(data, i + 1, begin, end)) < 0:
            break
        i += 1
    after = byte_at(data, i, begin, end)
    whole = 3 <= groups <= 7 if gap else groups == 8
    if not whole or in_word(after) or (after == 0x2E and is_digit(byte_at(data, i + 1, begin, end))) or (gap == groups and after == 0x3A):
        return first, -1
    reserved = number >> 9 == 0x20010000 >> 9 or number == 0x20010DB8 or number >> 12 == 0x3FFF0000 >> 12
    return first, -1 if reserved or number >> 29 != 1 else i
