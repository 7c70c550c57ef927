"""What the kernel takes for an address or a number of a person is what a slow program of regular expressions takes for one."""

from __future__ import annotations

import ipaddress
import time
from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamis.kernels import mask
from tamis.kernels.mask_numbers import IBAN_LENGTHS

Hit = tuple[str, str]


def find(texts: list[str], kinds: tuple[str, ...] = mask.KINDS) -> list[list[Hit]]:
    """(kind, what) for each text, from the kernel; bytes that belong to no text lie around them."""
    encoded = [b"4@1." + texts[0].encode(), *(text.encode() for text in texts[1:])] if texts else []
    data = np.frombuffer(b"".join(encoded) + b"1@a.bc4111", np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)])
    if texts:
        offsets[0] = 4
    found = mask.find(data, offsets, kinds)
    hits: list[list[Hit]] = [[] for _ in texts]
    for owner, begin, end, kind in zip(found.parts.owners(offsets), *found.parts, found.kinds, strict=True):
        hits[owner].append((mask.KINDS[kind], data[begin:end].tobytes().decode()))
    return hits


WORD, SPACE, DASH = "A-Za-z0-9_", " \u00a0\u202f", "\\-\u2010\u2011\u2013"
ANY = f"{SPACE}{DASH}."
LABEL = r"(?!-)[A-Za-z0-9\p{L}\p{M}-]{1,63}(?<!-)\."
DOMAIN = regex.compile(rf"(?:{LABEL}){{1,9}}(?P<top>[A-Za-z]{{2,24}})(?![A-Za-z0-9])")
LOCAL = regex.compile(r"\.?[A-Za-z0-9_%'+-]+(?:\.[A-Za-z0-9_%'+-]+)*\Z")
FILES = {"png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "html", "php", "json", "xml", "pdf"}


def slow_emails(text: str) -> list[tuple[int, int]]:
    """E-mail addresses, from left to right."""
    found: list[tuple[int, int]] = []
    for at in (i for i, c in enumerate(text) if c == "@"):
        done = found[-1][1] if found else 0
        local, domain = LOCAL.search(text[done:at]), DOMAIN.match(text, at + 1)
        if at < done or not local or not domain or len(local[0]) > 64 or domain["top"].lower() in FILES:
            continue
        kept = local[0].lstrip("%'+-.")
        if kept:
            found.append((at - len(kept), domain.end()))
    return found


OCTET = r"(?:0|[1-9][0-9]{0,2})"
IPV4 = regex.compile(rf"(?<![{WORD}.])({OCTET})(?:\.({OCTET})){{3}}(?![{WORD}]|\.[0-9]|[-+][A-Za-z])")
VERSION = regex.compile(
    r"(?:[A-Za-z][/+-]|(?<![A-Za-z])(?:v|ver|versions?|release|build|revision|rev|firmware|patch|update|oid)[ .:=#(]{0,3})\Z", regex.I
)
RESERVED = """0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.168.0.0/16
198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 2001::/23 2001:db8::/32 3fff::/20"""
NETWORKS = [ipaddress.ip_network(network) for network in RESERVED.split()]


def slow_ip(text: str, i: int) -> tuple[int, int] | None:
    """A public IP address that begins at i."""
    match = IPV4.match(text, i)
    if match and all(int(part) < 256 for part in match[0].split(".")):
        address = ipaddress.ip_address(match[0])
        few = sum(c.isdigit() for c in match[0]) < 8
        if not few and not VERSION.search(text[:i]) and not any(address in network for network in NETWORKS if network.version == 4):
            return match.span()
    match = regex.compile(rf"(?<![{WORD}.])(?<!::)(?<!(?<![{WORD}])[0-9A-Fa-f]{{1,4}}:)[23][0-9A-Fa-f]{{3}}:[0-9A-Fa-f:]*+").match(text, i)
    if not match:
        return None
    written = match[0][:-1] if match[0].endswith(":") and not match[0].endswith("::") else match[0]
    if written == match[0] and regex.match(rf"[{WORD}]|\.[0-9]", text[match.end() :]):  # after a single colon anything may stand
        return None
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return None
    if len([group for group in written.split(":") if group]) < 3 or any(address in network for network in NETWORKS if network.version == 6):
        return None
    return i, i + len(written)


def passes_luhn(digits: str) -> bool:
    """Every second digit from the right is doubled; the sum of all digits is a multiple of ten."""
    return sum(int(c) for k, d in enumerate(reversed(digits)) for c in str(int(d) * (1 + k % 2))) % 10 == 0


ISSUERS = [
    (r"30[0-5]|3095|36|38|39", {14}),
    (r"34|37", {15}),
    (r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|35(2[89]|[3-8])|6011|64[4-9]|65", {16}),
    (r"62|5018|5020|5038|5893|6304|6759|676[123]", {16, 17, 18, 19}),
]


def is_card(digits: str) -> bool:
    """Whether some network has cards that begin so and are so long, and the last digit is right."""
    return any(regex.match(first, digits) and len(digits) in lengths for first, lengths in ISSUERS) and passes_luhn(digits)


GOES_ON = rf"(?![{WORD}]|[,.-][0-9])"


def slow_card(text: str, i: int) -> tuple[int, int] | None:
    """A card's number that begins at i."""
    if not regex.compile(rf"(?<![{WORD}+$./])(?<![0-9][,-])").match(text, i):
        return None
    for mark in "", " ", "-":
        row = f"(?<!(?<![0-9])[0-9]{{4}}{mark})" if mark else ""
        no_row = f"(?!{mark}[0-9]{{4}}(?![0-9]))" if mark else ""
        four = "[0-9]{4}"
        layouts = [mark.join([four] * 4 + ["[0-9]{3}"]), mark.join([four] * 4) + no_row] + [mark.join([four, "[0-9]{6}", f"[0-9]{{{n}}}"]) for n in (4, 5)]
        for layout in layouts if mark else ["[0-9]{14,19}"]:
            match = regex.compile(f"{row}{layout}(?![0-9])").match(text, i)
            if match and is_card(match[0].replace(mark, "")):
                return match.span() if regex.compile(GOES_ON).match(text, match.end()) else None
    return None


def slow_iban(text: str, digit: int) -> tuple[int, int] | None:
    """An account's number whose third character is at a place."""
    i = digit - 2
    head = regex.compile(rf"(?<![{WORD}])[A-Z]{{2}}[0-9]{{2}}").match(text, i) if i >= 0 else None
    if not head or head[0][:2] not in IBAN_LENGTHS:
        return None
    length = IBAN_LENGTHS[head[0][:2]]
    spaced = text[i + 4 : i + 5] == " "
    whole = text[i : i + length + (length - 1) // 4] if spaced else text[i : i + length]
    groups = [whole[k : k + 5] for k in range(0, len(whole), 5)] if spaced else [whole]
    plain = "".join(group[:4] for group in groups) if spaced else whole
    if len(plain) != length or not regex.fullmatch("[A-Z0-9]*", plain) or (spaced and any(group[4:] not in ("", " ") for group in groups)):
        return None
    if int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 != 1 or regex.match(f"[{WORD}]", text[i + len(whole) :]):
        return None
    return i, i + len(whole)


TWO_DIGITS = {20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67), 81, 82, 84, 86, *range(90, 96), 98}
UNASSIGNED = {28, 83, 89}


def has_country(digits: str, together: int) -> bool:
    """Whether the digits after "+" are a country's code and a number there."""
    if digits[0] == "1":
        return len(digits) == 11 and digits[1] >= "2" and digits[4] >= "2"
    if digits[0] == "7":
        return len(digits) == 11
    code = 2 if int(digits[:2]) in TWO_DIGITS else 3
    return digits[0] != "0" and int(digits[:2]) not in UNASSIGNED and together >= code and (digits[code] != "0" or digits[:2] == "39")


GROUP = regex.compile(rf"(?:[{ANY}]?\(([0-9]{{1,5}})\)[{ANY}]?|[{ANY}])([0-9]+)")


def slow_international(text: str, i: int) -> tuple[int, int] | None:
    """A telephone number after "+"; i is the place of the first digit."""
    if regex.search(r"[0-9_+]\Z", text[: i - 1]):
        return None
    digits = regex.compile("[0-9]+").match(text, i)[0]
    start, end, together = i - 1, i + len(digits), len(digits)
    if text[: i - 1].endswith("(") and len(digits) <= 3 and text[end : end + 1] == ")":
        start, end = start - 1, end + 1
    whole = 11 if digits[0] in "17" else 15
    while len(digits) < whole and (match := GROUP.match(text, end)):
        longer = digits + (match[1] if match[1] and match[1] != "0" else "") + match[2]
        if len(longer) > whole:
            break
        digits, end = longer, match.end()
    return (start, end) if 9 <= len(digits) <= whole and has_country(digits, together) else None


PLAIN = r"(?<![A-Z0-9_+$])(?<![0-9][,\-./])"
CLOSED = r"(?<![0-9_+$])(?<![0-9][,\-./])\([2-9][0-9]{2}\)"
ONE = rf"1(?:[{ANY}]?\([2-9][0-9]{{2}}\)"
END = r"(?![0-9_]|[,.-][0-9])"
AMERICAN = [
    regex.compile(rf"(?:{CLOSED}|{PLAIN}{ONE}))(?:[{SPACE}{DASH}/]?[2-9][0-9]{{2}}[{SPACE}{DASH}.]|\.[2-9][0-9]{{2}}[{SPACE}.])[0-9]{{4}}{END}"),
    regex.compile(rf"{PLAIN}(?:1[{ANY}])?[2-9][0-9]{{2}}(?:[{SPACE}{DASH}/][2-9][0-9]{{2}}[{DASH}]|\.[2-9][0-9]{{2}}\.)[0-9]{{4}}{END}"),
]
FRENCH = [
    regex.compile(rf"{PLAIN}(?<![0-9][\x00-\x09\x0b-\x7f])0[1-9](?:[{kind}][0-9]{{2}}){{4}}(?![{WORD}]|[{kind}][0-9])") for kind in (SPACE, DASH, ".")
]


def slow_phone(text: str, i: int) -> tuple[int, int] | None:
    """A telephone number whose first digit is at i."""
    if text[:i].endswith("+"):
        return slow_international(text, i)
    if text[i] == "0":
        return next((match.span() for pattern in FRENCH if (match := pattern.match(text, i))), None)
    starts = [i - 1] if text[:i].endswith("(") and text[i + 3 : i + 4] == ")" else [i]
    return next((match.span() for pattern in AMERICAN for at in starts if (match := pattern.match(text, at))), None)


SLOW = {"iban": slow_iban, "ip": slow_ip, "card": slow_card, "phone": slow_phone}


def slow_find(text: str, kinds: tuple[str, ...] = mask.KINDS) -> list[Hit]:
    """The definition: e-mail addresses first, then from left to right what has its first digit at a place."""
    emails = slow_emails(text) if "email" in kinds else []
    found = [("email", *span) for span in emails]
    done = 0
    for match in regex.finditer(r"(?<![0-9])[0-9]", text):
        i = match.start()
        hits = ((kind, slow(text, i)) for kind, slow in SLOW.items() if kind in kinds)
        kind, span = next(((kind, span) for kind, span in hits if span), ("", None))
        if i >= done and span and span[0] >= done and all(span[1] <= a or b <= span[0] for a, b in emails):
            found.append((kind, *span))
            done = span[1]
    return [(kind, text[a:b]) for kind, a, b in sorted(found, key=lambda hit: hit[1])]


PIECES = """john.doe a b_c + ' % - .. . , : ; ( ) [ ] / @ @@ example.com example.org .co.uk .c müller .png 2x.png x-y -x. .museum xn--p1ai
8.8.8.8 81.2.69.142 91.0.4472.124 10.12.133.5 192.0.2.1 192.168.100.200 172.15.0.111 172.16.10.111 100.63.255.1 198.17.20.30 203.0.113.7
239.1.1.100 256.100.100.1 08.100.100.100 .5 version Version: v build# Chrome/ lib- -beta 2001:db8::1:2 2a00:1450:4001:81b::200e :: : 2001
2606:4700:4700::1111 3fff:0abc:: 2001:1ff:1:: 2001:4860:4860:0:0:0:0:8888 :8080 /24 ab: see: fd00: 20:30:45
4111 1111 1111111 4111111111111111 4111-1111-1111-1111 4111 1111 1111 1111 5105105105105100 378282246310005 3782 822463 10005 30569309025904
3056 930902 5904 6200000000000000003 3530111333300000 2223003122003222 6011111111111117 1234 123 4222222222222 $ # =
GB29NWBK60161331926819 GB29 NWBK 6016 1331 9268 19 DE89370400440532013000 NO9386011117947 FR1420041010050500013M02606 DE GB29 NW
+44 (0)20 7946 0958 +1 212-555-0123 +12125550123 212 555 0123 (212) (800)555-0199 212-555-0123 1-800-555-0199 212.555.0123 1. +33 1 23 45 67 89
01 23 45 67 89 01.23.45.67.89 01-23 + +39 06 6982 +49.89123456 +7 495 1234567 +28 123456789 +10 000 000 x Tel é 請 _ 0 1 00 99
2024-01-31 12:34:56.789 978-0-306-40615-7 $1,234.56 12 000 000 48.8584, 2.2945 -75.00417""".split()  # noqa: SIM905  so many words are easier to read without quotes
PIECES += ["\u00a0", "\u2013", "\u202f", "\n", "\t", " "]
characters = st.characters(codec="utf-8", max_codepoint=0x24F) | st.sampled_from("0123456789.:-+()@ \u00a0\u2013\u2011")
texts = st.lists(st.sampled_from(PIECES) | st.sampled_from(PIECES).map(lambda piece: piece + " ") | characters, max_size=12).map("".join)
kinds = st.just(mask.KINDS) | st.sets(st.sampled_from(mask.KINDS), min_size=1).map(tuple)


@settings(max_examples=1500, deadline=None)
@given(st.lists(texts, max_size=4), kinds)
def test_kernel_finds_what_the_slow_program_finds(batch: list[str], wanted: tuple[str, ...]) -> None:
    """On any text, for any kinds, the kernel and the regular expressions find the same."""
    assert find(batch, wanted) == [slow_find(text, wanted) for text in batch]


EXACT = [
    "john.doe@example.com", "a_b%c+d'e-f@x-y.co.uk", "info@müller.de", "81.2.69.142", "172.15.0.111", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e",
    "4111 1111 1111 1111", "3782 822463 10005", "3056 930902 5904", "30569309025904", "6200000000000000003", "GB29 NWBK 6016 1331 9268 19",
    "NO9386011117947", "+44 (0)20 7946 0958", "+12125550123", "(212) 555-0123", "1-800-555-0199", "212.555.0123", "01 23 45 67 89", "(+49) 89 123456",
]  # fmt: skip


@settings(max_examples=800, deadline=None)
@example(what="2606:4700:4700::1111", place=20, put=":", other="john.doe", replaces=False)  # a letter follows, and not at once
@given(st.sampled_from(EXACT), st.integers(0, 30), st.sampled_from([*"0123456789.:-+() @x_A\n"]), st.sampled_from(["", *PIECES]), st.booleans())
def test_one_character_more_or_less(what: str, place: int, put: str, other: str, replaces: bool) -> None:  # noqa: FBT001
    """Around every form, what is one character away from it is judged as the slow program judges."""
    at = place % (len(what) + 1)
    text = what[:at] + put + what[at + replaces :]
    texts = [text, other + text, text + other]
    assert find(texts) == [slow_find(one) for one in texts]


def test_comparison_with_the_slow_program_can_fail() -> None:
    """Meta-test: texts that differ where a definition decides are told apart by both."""
    for one, two in (("8.8.4.40 81.2.69.142", "81.2.69.256"), ("4111111111111111", "4111111111111112"), ("a@b.co", "a@b.c")):
        assert find([one]) == [slow_find(one)] != find([two]) == [slow_find(two)]


@pytest.mark.parametrize("length", [0, 1, 62, 63, 64, 65, 127, 128, 129])
def test_places_in_blocks(length: int) -> None:
    """What is found does not depend on where in 64 bytes it lies, nor on how many bytes follow."""
    for what in EXACT:
        kind = slow_find(what)
        for after in ("", " ", " and so on" * 9):
            assert find(["." * length + " " + what + after]) == [kind], (what, length)


def test_many_hits() -> None:
    """More hits than there was room for are all found, in order, and parts never overlap."""
    text = "a@b.co " * 5_000
    data = np.frombuffer(text.encode(), np.uint8)
    found = mask.find(data, np.array([0, len(data)]))
    assert found.parts.begins.tolist() == list(range(0, len(text), 7))
    assert all(one <= two for one, two in pairwise(np.column_stack(found.parts).ravel().tolist()))


def test_no_text_takes_more_than_its_length() -> None:
    """Texts made to be slow are read at more than 5 MB/s: no candidate is looked at over more than a few hundred bytes."""
    for piece in ("a.", "@", "a@", "1", "1.", "+1 (", "1111-", "a-a.", "(1)", "GB29 ", "2001:"):
        data = np.frombuffer((piece * (1_000_000 // len(piece))).encode(), np.uint8)
        begun = time.thread_time()
        mask.find(data, np.array([0, len(data)]))
        assert time.thread_time() - begun < 0.2, piece
