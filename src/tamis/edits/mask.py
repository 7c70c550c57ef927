"""Addresses and numbers of persons, replaced by a mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import fresh_bytes, large_string, utf8
from tamis.errors import StageError, suggest
from tamis.stage import Edit

Kind = Literal["email", "ip", "phone", "card", "iban"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SIGNALS = {"email": "emails", "ip": "ips", "phone": "phones", "card": "cards", "iban": "ibans"}


@dataclass(frozen=True)
class Mask(Edit):
    """Replace e-mail addresses, public IP addresses, telephone, card and bank account numbers.

    What is masked is what has the form below and passes the checks; names, postal addresses and dates of birth are not
    looked for. Where two kinds overlap, an e-mail address comes first, then whatever begins first.

    | kind | form | not masked |
    | --- | --- | --- |
    | email | up to 64 of A-Z a-z 0-9 _ % ' + - with single dots between, "@", up to 9 labels (letters of any script, digits, "-"), a last label of 2 to 24 ASCII letters | file names ("logo@2x.png"), "a@b", "@user", "user at host" |
    | ip | IPv4: four numbers up to 255 without leading zeros, at least 8 digits. IPv6: 8 groups, or at least 3 and "::", within 2000::/3 | what IANA reserves (private, loopback, documentation, multicast); after "version", "release", "Chrome/" and the like; within a longer dotted number; where a letter follows at once |
    | phone | "+", a country's code, 9 to 15 digits in groups parted by a space, dot or dash, or in brackets; "(212) 555-0123", "212-555-0123", "212.555.0123", also after "1"; "01 23 45 67 89" | other national forms, "555-0123", digits alone |
    | card | 14 to 19 digits, alone or in groups 4-4-4-4, 4-4-4-4-3, 4-6-5, 4-6-4, with the first digits of a network that has cards so long, and Luhn's check digit | one of a row of such groups; after ".", "/" or within a longer number |
    | iban | a country of the registry, its number of characters, alone or in groups of 4, and the check digits modulo 97; capitals | lower case |

    A version like 1.2.3.4 has fewer than 8 digits; so have 1.2 % of all addresses. A telephone number of North America has an
    area code and an exchange from 200 on; a country's code is an assigned one, with 11 digits in all after +1 and +7, and no 0
    after the others but +39. Cards: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro; Visa's
    old numbers of 13 digits are not looked for, because the bar codes of goods have as many.

    Signals, one for each kind that is asked for:
        emails, ips, phones, cards, ibans: u32, how many were replaced.

    Args:
        kinds: what to look for.
        replacements: other marks than "<EMAIL>", "<IP>", "<PHONE>", "<CARD>", "<IBAN>". FineWeb has addresses of the same
            form: `{kinds: [email, ip], replacements: {email: email@example.com, ip: 192.0.2.1}}`.

    Source:
        RFC 5321 and 1123 (addresses), IANA's registries of special-purpose addresses (RFC 6890), ITU-T E.164 and the North
        American Numbering Plan, ISO/IEC 7812 (cards), ISO 13616 and SWIFT's registry (IBAN). Each is narrowed, as above, to
        what is hardly ever anything else.
    """

    kinds: tuple[Kind, ...] = KINDS
    replacements: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse kinds that do not exist, and none at all."""
        for kind in (*self.kinds, *self.replacements):
            if kind not in KINDS:
                raise StageError(f'{self.name()}: there is no kind "{kind}". {suggest(kind, KINDS, what="kinds:")}')
        if not self.kinds:
            raise StageError(f'{self.name()}: "kinds" is empty, so that nothing would be masked.\nFix: name some, or leave the stage out.')

    def edit(self, docs: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        """Find what is to be masked, and rewrite the texts that hold any."""
        from tamis.kernels import mask
        from tamis.kernels.splice import splice

        data, offsets = utf8(docs.column("text"))
        found = mask.find(data, offsets, self.kinds)
        owners = found.parts.owners(offsets)
        counts = {
            SIGNALS[kind]: np.bincount(owners[found.kinds == k], minlength=docs.num_rows).astype(np.uint32)
            for k, kind in enumerate(KINDS)
            if kind in self.kinds
        }
        if not len(owners):
            return large_string(data, offsets), pl.DataFrame(counts)
        marks = [self.replacements.get(kind, f"<{kind.upper()}>").encode() for kind in KINDS]
        pieces = np.frombuffer(b"".join(marks), np.uint8)
        borders = np.cumsum([0, *map(len, marks)])
        return large_string(*splice(data, offsets, found.parts, pieces, borders, found.kinds.astype(np.int64), fresh_bytes)), pl.DataFrame(counts)


def masked(text: str) -> str:
    """A text with everything replaced that `Mask` replaces by default."""
    docs = pa.table({"text": pa.array([text], pa.large_string())})
    return str(Mask().edit(docs)[0][0].as_py())
