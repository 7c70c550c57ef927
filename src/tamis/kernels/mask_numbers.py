"""Numbers of cards and accounts at a place in a text; what counts as one is said in `tamis.edits.mask`.

Each function gets the place of the first digit and the borders of the text, and returns (first byte, end) of what it found;
the end is -1 if it found nothing.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels.mask_addresses import byte_at, in_word, is_digit

# SWIFT's IBAN registry: characters of an account number by country.
_IBAN = """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31
SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"""
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN.split()}
_LENGTHS = np.zeros(26 * 26, np.uint8)
for _country, _length in IBAN_LENGTHS.items():
    _LENGTHS[26 * (ord(_country[0]) - 65) + ord(_country[1]) - 65] = _length


@helper
def digits(data, i, end, most):
    """(end, number) of the digits at i; looks at `most` and one more."""
    number, first = np.uint64(0), i
    while i < end and i - first <= most and is_digit(data[i]):
        number = np.uint64(10) * number + np.uint64(data[i] - 0x30)
        i += 1
    return i, number


@helper
def goes_on(data, i, begin, end):
    """Whether a number goes on at i: a letter or digit, or a mark and a digit."""
    b = byte_at(data, i, begin, end)
    return in_word(b) or ((b == 0x2C or b == 0x2D or b == 0x2E) and is_digit(byte_at(data, i + 1, begin, end)))


@helper
def went_before(data, i, begin, end):
    """Whether what begins at i is the rest of something: after a capital, a digit, "_", "+" or "$", or a digit and a mark."""
    b = byte_at(data, i - 1, begin, end)
    if (in_word(b) and not 0x61 <= b <= 0x7A) or b == 0x2B or b == 0x24:
        return True
    return 0x2C <= b <= 0x2F and is_digit(byte_at(data, i - 2, begin, end))


@helper
def power(n):
    """Ten to the n-th."""
    p = np.uint64(1)
    for _ in range(n):
        p *= np.uint64(10)
    return p


@helper
def _has_issuer(number, n):
    """Whether a number of n digits begins as the cards of a network do that have so many."""
    four = np.int64(number // power(n - 4))
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
    after, added = digits(data, i + 1, end, size)
    return (after if after - i - 1 == size else -1), number * power(size) + added


@helper
def _grouped_card(data, first, begin, end):
    """The end of a card's number in groups 4-4-4-4, 4-4-4-4-3, 4-6-5 or 4-6-4."""
    mark = byte_at(data, first + 4, begin, end)
    i, number = digits(data, first, end, 4)
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
    if went_before(data, first, begin, end) or in_word(before) or before == 0x2E or before == 0x2F:
        return first, -1
    i, number = digits(data, first, end, 19)
    if i - first == 4:
        i = _grouped_card(data, first, begin, end)
    elif not _is_card(number, i - first):
        return first, -1
    return first, -1 if i < 0 or goes_on(data, i, begin, end) else i


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
