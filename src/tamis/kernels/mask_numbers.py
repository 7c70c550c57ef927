"""Numbers of cards, accounts and telephones at a place in a text; what counts as one is said in `tamis.edits.mask`.

Each function gets the place of the first digit and the borders of the text, and returns (first byte, end) of what it found;
the end is -1 if it found nothing.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels.mask_addresses import byte_at, in_word, is_digit, is_letter

# SWIFT's IBAN registry: characters of an account number by country.
_IBAN = """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31
SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"""
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN.split()}
_LENGTHS = np.zeros(26 * 26, np.uint8)
for _country, _length in IBAN_LENGTHS.items():
    _LENGTHS[26 * (ord(_country[0]) - 65) + ord(_country[1]) - 65] = _length

_NONE, _SPACE, _DASH, _DOT, _SLASH = range(5)


@helper
def _digits(data, i, end, most):
    """(end, number) of the digits at i; looks at `most` and one more."""
    number, first = np.uint64(0), i
    while i < end and i - first <= most and is_digit(data[i]):
        number = np.uint64(10) * number + np.uint64(data[i] - 0x30)
        i += 1
    return i, number


@helper
def _goes_on(data, i, begin, end):
    """Whether a number goes on at i: a letter or digit, or a mark and a digit."""
    b = byte_at(data, i, begin, end)
    return in_word(b) or ((b == 0x2C or b == 0x2D or b == 0x2E) and is_digit(byte_at(data, i + 1, begin, end)))


@helper
def _went_before(data, i, begin, end):
    """Whether what begins at i is the rest of something: after a capital, a digit, "_", "+" or "$", or a digit and a mark."""
    b = byte_at(data, i - 1, begin, end)
    if (in_word(b) and not 0x61 <= b <= 0x7A) or b == 0x2B or b == 0x24:
        return True
    return 0x2C <= b <= 0x2F and is_digit(byte_at(data, i - 2, begin, end))


@helper
def _power(n):
    p = np.uint64(1)
    for _ in range(n):
        p *= np.uint64(10)
    return p


@helper
def _has_issuer(number, n):
    """Whether a number of n digits begins as the cards of a network do that have so many."""
    four = np.int64(number // _power(n - 4))
    two = four // 100
    if n == 14:
        return 3000 <= four <= 3059 or four == 3095 or two == 36 or two == 38 or two == 39
    if n == 15:
        return two == 34 or two == 37
    if n == 16 and (51 <= two <= 55 or 2221 <= four <= 2720):
        return True
    if n == 16 and (four // 1000 == 4 or 3528 <= four <= 3589 or four == 6011 or 6440 <= four <= 6499 or two == 65):
        return True
    maestro = four == 5018 or four == 5020 or four == 5038 or four == 5893 or four == 6304 or four == 6759 or 6761 <= four <= 6763
    return n >= 16 and (two == 62 or maestro)


@helper
def _is_card(number, n):
    """Whether n digits have an issuer and pass Luhn's test."""
    if not 14 <= n <= 19 or not _has_issuer(number, n):
        return False
    total = np.uint64(0)
    for k in range(n):
        d = number % np.uint64(10) * np.uint64(1 + k % 2)
        total += d // np.uint64(10) + d % np.uint64(10)
        number //= np.uint64(10)
    return total % np.uint64(10) == 0


@helper
def _group(data, i, end, mark, number, size):
    """(end, number with the group added) of a mark and just so many digits at i; -1 if that is not there."""
    if i >= end or data[i] != mark:
        return -1, number
    after, added = _digits(data, i + 1, end, size)
    return (after if after - i - 1 == size else -1), number * _power(size) + added


@helper
def _grouped_card(data, first, begin, end):
    """The end of a card's number in groups 4-4-4-4, 4-4-4-4-3, 4-6-5 or 4-6-4."""
    mark = byte_at(data, first + 4, begin, end)
    i, number = _digits(data, first, end, 4)
    if mark != 0x20 and mark != 0x2D:
        return -1
    if first - 5 >= begin and data[first - 1] == mark and not is_digit(byte_at(data, first - 6, begin, end)):
        row = True
        for k in range(2, 6):
            row = row and is_digit(data[first - k])
        if row:
            return -1
    second, both = _group(data, i, end, mark, number, 4)
    if second < 0:
        second, both = _group(data, i, end, mark, number, 6)
        if second < 0:
            return -1
        for size in range(4, 6):
            third, whole = _group(data, second, end, mark, both, size)
            if third >= 0 and _is_card(whole, 10 + size):
                return third
        return -1
    for _ in range(2):
        second, both = _group(data, second, end, mark, both, 4)
        if second < 0:
            return -1
    third, whole = _group(data, second, end, mark, both, 3)
    if third >= 0 and _is_card(whole, 19):
        return third
    row, _ = _group(data, second, end, mark, both, 4)
    return second if row < 0 and _is_card(both, 16) else -1


@helper
def card(data, first, begin, end):
    """A payment card's number."""
    before = byte_at(data, first - 1, begin, end)
    if _went_before(data, first, begin, end) or in_word(before) or before == 0x2E or before == 0x2F:
        return first, -1
    i, number = _digits(data, first, end, 19)
    if i - first == 4:
        i = _grouped_card(data, first, begin, end)
    elif not _is_card(number, i - first):
        return first, -1
    return first, -1 if i < 0 or _goes_on(data, i, begin, end) else i


@helper
def iban(data, digit, begin, end):
    """A bank account's number; the digit is its third character."""
    first = digit - 2
    if first < begin or in_word(byte_at(data, first - 1, begin, end)):
        return first, -1
    for k in range(2):
        if not 0x41 <= data[first + k] <= 0x5A:
            return first, -1
    length = _LENGTHS[26 * (int(data[first]) - 0x41) + int(data[first + 1]) - 0x41]
    spaced = byte_at(data, first + 4, begin, end) == 0x20
    head, rest, i = 0, 0, first
    for k in range(length):
        if spaced and k and k % 4 == 0:
            if byte_at(data, i, begin, end) != 0x20:
                return first, -1
            i += 1
        b = int(byte_at(data, i, begin, end))
        if is_digit(b) and k >= 2:
            value, tens = b - 0x30, 10
        elif 0x41 <= b <= 0x5A and not 2 <= k < 4:
            value, tens = b - 0x37, 100
        else:
            return first, -1
        if k < 4:
            head = head * tens + value
        else:
            rest = (rest * tens + value) % 97
        i += 1
    found = length > 0 and (rest * 1_000_000 + head) % 97 == 1 and not in_word(byte_at(data, i, begin, end))
    return first, i if found else -1


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
def _has_country(number, n, together):
    """Whether n digits, from 9 to 15, are a number of some country: its code, within those that stand together first, and no 0 after it but in Italy."""
    two = np.int64(number // _power(n - 2))
    if two < 10:
        return False
    if two < 20:
        area, exchange = np.int64(number // _power(n - 4)) % 1000, np.int64(number // _power(n - 7)) % 1000
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
    following = np.int64(number // _power(n - code - 1)) % 10
    return together >= code and (following != 0 or two == 39)


@helper
def _bracketed(data, i, begin, end):
    """(end, digits, number) of "(123)" at i; "(0)", which is not dialled from abroad, counts no digits. The end is -1 if it is not there."""
    if byte_at(data, i, begin, end) != 0x28:
        return -1, 0, np.uint64(0)
    after, number = _digits(data, i + 1, end, 5)
    n = after - i - 1
    if not 1 <= n <= 5 or byte_at(data, after, begin, end) != 0x29:
        return -1, 0, np.uint64(0)
    return after + 1, (0 if n == 1 and number == 0 else n), number


@helper
def _next_group(data, i, begin, end):
    """(place of the next group's first digit, digits and number of what stood in brackets before it); -1: no group follows."""
    kind, width = _separator(data, i, end)
    i += width if kind != _SLASH else 0
    after, n, number = _bracketed(data, i, begin, end)
    if after >= 0:
        kind, width = _separator(data, after, end)
        i = after + (width if kind != _SLASH else 0)
    elif kind == _NONE or kind == _SLASH:
        return -1, 0, number
    return (i if is_digit(byte_at(data, i, begin, end)) else -1), n, number


@helper
def _international(data, first, begin, end):
    """A number that begins with "+" and a country's code."""
    start = first - 1
    before = byte_at(data, start - 1, begin, end)
    if before == 0x2B or (in_word(before) and not is_letter(before)):
        return first, -1
    i, number = _digits(data, first, end, 15)
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
        after, group = _digits(data, at, end, 15)
        if n + more + after - at > whole:
            break
        number = (number * _power(more) + (bracketed if more else np.uint64(0))) * _power(after - at) + group
        n += more + after - at
        i = stop = after
    return start, stop if 9 <= n <= whole and _has_country(number, n, code_digits) else -1


@helper
def _exactly(data, i, end, size):
    """The end of just so many digits at i; -1 if there are more or fewer."""
    after, _ = _digits(data, i, end, size)
    return after if after - i == size else -1


@helper
def _american(data, first, begin, end):
    """A number of North America, from its area code on: "(212) 555-0123", "212-555-0123", "212.555.0123", with or without "1"."""
    i, start = first, first
    bracket = byte_at(data, first - 1, begin, end) == 0x28 and byte_at(data, first + 3, begin, end) == 0x29
    if data[first] == 0x31:
        kind, width = _separator(data, first + 1, end)
        i += 1 + (width if kind != _SLASH else 0)
        bracket = byte_at(data, i, begin, end) == 0x28
        i += int(bracket)
        if not (bracket or (width and kind != _SLASH)):
            return first, -1
    elif bracket:
        start -= 1
    if not (start < first and is_letter(byte_at(data, start - 1, begin, end))) and _went_before(data, start, begin, end):
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
    if i < 0 or after_that == 0x5F or (not is_letter(after_that) and _goes_on(data, i, begin, end)):
        return first, -1
    return start, i


@helper
def _french(data, first, begin, end):
    """Ten digits in pairs, from 01 to 09: "01 23 45 67 89"."""
    if _went_before(data, first, begin, end) or byte_at(data, first + 1, begin, end) < 0x31:
        return first, -1
    i = _exactly(data, first, end, 2)
    kind, width = _separator(data, i, end) if i >= 0 else (_NONE, 0)
    before = byte_at(data, first - 1, begin, end)
    if kind == _NONE or kind == _SLASH or (is_digit(byte_at(data, first - 2, begin, end)) and before != 0x0A):
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
    """A telephone number."""
    if byte_at(data, first - 1, begin, end) == 0x2B:
        return _international(data, first, begin, end)
    if data[first] == 0x30:
        return _french(data, first, begin, end)
    return _american(data, first, begin, end)
