"""Junk of twelve sorts, and documents that are odd but valid; all drawn, none of it crawled."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from _dice import Dice
from _documents import Document
from _phrases import (
    ADVERT,
    CITIES,
    CONSENT,
    FIRST_NAMES,
    GOODS,
    LAST_NAMES,
    LETTER,
    LOREM,
    MENU,
    SITES,
    STREETS,
    STUFFING,
    TEST_CARDS,
)

Words = Sequence[str]


def stuffing(dice: Dice, words: Words) -> str:
    """Repeat a few search terms for the sake of search engines."""
    goods = dice.some(GOODS, 3)
    lines = []
    for _ in range(dice.between(12, 40)):
        line = dice.pick(STUFFING).format(good=dice.pick(goods), city=dice.pick(CITIES))
        lines.append(line + (f" {dice.pick(words)}" if dice.share() < 0.2 else ""))
    return dice.pick([", ", "\n", " | "]).join(lines)


def menu(dice: Dice, words: Words) -> str:
    """List the links of a site and nothing else."""
    entries = dice.some(MENU, dice.between(18, 40)) + dice.some(words, dice.between(5, 40))
    mark = dice.pick(["\n", "\n", " | ", " » ", "\n• "])
    return mark.join(entry[:1].upper() + entry[1:] for entry in dice.shuffled(entries))


def cookie_banner(dice: Dice, words: Words) -> str:
    """Ask for consent to cookies, with a list of partners."""
    site = dice.pick(SITES)
    said = [dice.pick(options).format(site=site, n=dice.between(3, 900)) for options in CONSENT]
    partners = [
        f"{dice.pick(words).title()}{dice.pick(['ly', ' Media', 'Ads', ' GmbH', ' Ltd'])}: "
        f"{dice.between(1, 730)} days"
        for _ in range(dice.between(0, 30))
    ]
    return "\n".join([*dice.some(said, dice.between(4, len(said))), *partners])


def spintax(dice: Dice, words: Words) -> str:
    """Advertise in sentences put together from options; one in four leaves the options in."""
    good, city = dice.pick(GOODS), dice.pick(CITIES)
    spun = dice.share() >= 1 / 4
    sentences = []
    for options in dice.some(ADVERT, dice.between(7, len(ADVERT))):
        parts = [
            dice.pick(part) if spun else "{" + "|".join(part) + "}" if len(part) > 1 else part[0]
            for part in options
        ]
        sentences.append(" ".join(parts).replace("GOOD", good).replace("CITY", city))
    sentences.append(f"Tags: {', '.join(dice.some(words, dice.between(3, 15)))}")
    return " ".join(sentences)


def repeated_lines(dice: Dice, words: Words) -> str:
    """Say one to four lines over and over."""
    lines = [" ".join(dice.some(words, dice.between(4, 14))) for _ in range(dice.between(1, 4))]
    return "\n".join(dice.pick(lines) for _ in range(dice.between(15, 80)))


def table(dice: Dice, words: Words) -> str:
    """Print a table of numbers."""
    mark = dice.pick(["\t", " | ", ";", "    "])
    width = dice.between(3, 9)
    rows = [mark.join(dice.some(words, width))]
    for row in range(dice.between(15, 60)):
        cells = [f"{dice.share() * 10 ** dice.between(1, 5):.{dice.between(0, 3)}f}"] * (width - 1)
        cells = [f"{float(cell) * dice.share():.2f}" for cell in cells]
        rows.append(mark.join([f"{dice.pick(words)} {row + 1}", *cells]))
    return "\n".join(rows)


def word_salad(dice: Dice, words: Words) -> str:
    """Draw words one by one, with the full stops of a text."""
    drawn = [dice.pick(words) for _ in range(dice.between(80, 320))]
    marks = [dice.pick([".", ","]) if dice.share() < 1 / 9 else "" for _ in drawn]
    return " ".join(word + mark for word, mark in zip(drawn, marks, strict=True)) + "."


def hexadecimal(dice: Dice, words: Words) -> str:
    """Dump bytes, or list check sums of files."""
    dump = dice.share() < 0.5
    lines = []
    for row in range(dice.between(12, 50)):
        digits = f"{int(dice.share() * 16**13):013x}{int(dice.share() * 16**13):013x}"
        spaced = " ".join(digits[i : i + 2] for i in range(0, 24, 2))
        lines.append(f"{row * 16:08x}  {spaced}" if dump else f"{digits}  {dice.pick(words)}.bin")
    return "\n".join(lines)


def lorem(dice: Dice, _: Words) -> str:
    """Fill a page with the Latin of typesetters."""
    paragraphs = []
    for _number in range(dice.between(2, 7)):
        sentences = []
        for _sentence in range(dice.between(3, 8)):
            words = [dice.pick(LOREM) for _word in range(dice.between(5, 16))]
            sentences.append(" ".join(words).capitalize() + ".")
        paragraphs.append(" ".join(sentences))
    return "\n\n".join(paragraphs)


def personal_data(dice: Dice, words: Words) -> str:
    """Write a form letter with the data of a person who does not exist.

    Mail is at example.com and .org, numbers are from the ranges kept for fiction (555-01xx,
    192.0.2.x) and cards are the test cards of payment services.
    """
    first, last = dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES)
    facts = {
        "name": f"{first} {last}",
        "first": first,
        "mail": f"{first}.{last}@{dice.pick(['example.com', 'example.org'])}".lower(),
        "phone": f"+1 {dice.between(201, 989)}-555-01{dice.between(0, 99):02d}",
        "street": f"{dice.between(1, 999)} {dice.pick(STREETS)}, {dice.pick(CITIES)}",
        "card": dice.pick(TEST_CARDS),
        "address": f"192.0.2.{dice.between(1, 254)}",
        "born": f"{dice.between(1940, 2005)}-{dice.between(1, 12):02d}-{dice.between(1, 28):02d}",
        "order": f"{dice.between(10_000, 99_999)}",
        "good": dice.pick(GOODS),
    }
    said = [dice.pick(options).format(**facts) for options in LETTER]
    said.insert(2, f"Items: {', '.join(dice.some(words, dice.between(4, 25)))}.")
    return "\n\n".join(said)


def mojibake(text: str) -> str:
    """Read UTF-8 as cp1252, as a browser does; bytes without a character become controls."""
    wrong = []
    for byte in text.encode():
        try:
            wrong.append(bytes([byte]).decode("cp1252"))
        except UnicodeDecodeError:
            wrong.append(chr(byte))
    return "".join(wrong)


class Markov:
    """Babble that is plausible for three words at a time."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Remember what follows every two words of the texts."""
        self._next: dict[tuple[str, str], list[str]] = defaultdict(list)
        for text in texts:
            words = text.split()
            for a, b, c in zip(words, words[1:], words[2:], strict=False):
                self._next[a, b].append(c)
        self._starts = [pair for pair in self._next if pair[0][0].isupper()]

    def babble(self, dice: Dice, n: int) -> str:
        """Write about n words."""
        said = [*dice.pick(self._starts)]
        while len(said) < n:
            following = self._next.get((said[-2], said[-1]))
            said.extend([dice.pick(following)] if following else dice.pick(self._starts))
        return " ".join(said)


# sort -> (writer, kind of site, language that the site claims)
SORTS: dict[str, tuple[Callable[[Dice, Words], str], str, str | None]] = {
    "stuffing": (stuffing, "shop", "en"),
    "menu": (menu, "directory", "en"),
    "cookie_banner": (cookie_banner, "crawl", "en"),
    "spintax": (spintax, "shop", "en"),
    "repeated_lines": (repeated_lines, "forum", "en"),
    "table": (table, "directory", None),
    "word_salad": (word_salad, "crawl", "en"),
    "hex": (hexadecimal, "forum", None),
    "lorem": (lorem, "crawl", "la"),
    "personal_data": (personal_data, "shop", "en"),
}


def junk(
    real: Sequence[Document], spare: Sequence[Document], words: Words, n: int
) -> list[Document]:
    """Write n documents of each sort.

    Args:
        real: texts that babble is learnt from.
        spare: texts in other languages than English, to be misread.
        words: a vocabulary.
        n: documents a sort.
    """
    made = [
        _made(sort, number, write(Dice(sort, number), words), site, lang)
        for sort, (write, site, lang) in SORTS.items()
        for number in range(n)
    ]
    markov = Markov([d.text for d in real])
    for number in range(n):
        dice = Dice("markov", number)
        text = markov.babble(dice, dice.between(80, 500))
        made.append(_made("markov", number, text, "forum", "en"))
    for number, document in enumerate(Dice("mojibake").some(spare, n)):
        made.append(
            replace(
                _made("mojibake", number, mojibake(document.text), "crawl", document.lang),
                license=document.license,
            )
        )
    return made


def _made(what: str, number: int, text: str, source: str, lang: str | None) -> Document:
    dice = Dice("site", what, number)
    host = f"{dice.pick(GOODS).replace(' ', '-')}-{dice.between(1, 99)}"
    return Document(
        text=text,
        url=f"https://{host}.{dice.pick(['example', 'test'])}/{number * 17 + dice.between(0, 16)}",
        source=source,
        license="Apache-2.0",
        lang=lang,
        topic=dice.pick(["shopping", "travel", "health", "finance", "games"]),
        kind="junk",
        what=what,
    )


def _every(text: str, characters: str, step: int) -> str:
    """Put one of the characters in turn behind every so many characters of the text."""
    return "".join(
        c + (characters[i // step % len(characters)] if i % step == step - 1 else "")
        for i, c in enumerate(text)
    )


ODD: dict[str, Callable[[str], str]] = {
    "full_width": lambda text: "".join(
        chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text
    ),
    "combining_marks": lambda text: _every(text, "\u0301\u0323\u0308\u0330", 2),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "nel": lambda text: text.replace("\n", "\u0085"),
    "control_characters": lambda text: _every(text, "\x00\x07\x1b\u200b\ufeff", 60),
    "one_line": lambda text: " ".join(text.split()),
}
ODD_AS_THEY_ARE = {
    "empty": [""],
    "white_space": [" \n\t\u3000\n "],
    "one_word": ["Sieve", "ὀνοματοποιία"],
    "punctuation": ["!?!?... --- ***", "." * 400],
    "one_long_word": ["ha" * 4000],
}


def odd(document: Document, what: str) -> Document:
    """Return a real document in an odd, still valid spelling; it takes the place of the plain."""
    return replace(document, text=ODD[what](document.text), kind="odd", what=what)


def odd_as_they_are() -> list[Document]:
    """Return the odd documents that need no text."""
    return [
        replace(_made(what, number, text, "crawl", None), kind="odd")
        for what, texts in ODD_AS_THEY_ARE.items()
        for number, text in enumerate(texts)
    ]
