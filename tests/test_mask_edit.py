"""The edit "mask" replaces addresses and numbers of persons, and leaves everything that looks a little like them."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.edits.mask import KINDS, SIGNALS, Mask, masked
from tamis.errors import StageError
from tamis.table import make_stage

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


def table(*texts: str) -> pa.Table:
    """The documents as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


MASKED = {
    "email": [
        "john.doe@example.com", "a@b.co", "o'brien+news@mail.x-y.co.uk", "info@müller.de", "j_d%x@sub.example.museum", f"{'a' * 64}@example.com",
    ],
    "ip": [
        "81.2.69.142", "172.15.0.111", "172.32.0.111", "100.63.255.1", "192.0.3.100", "223.255.255.1", "100.128.0.1", "11.255.255.1",
        "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "2001:4860:4860:0:0:0:0:8888", "2001:200:1::5",
    ],
    "phone": [
        "+1 212-555-0123", "+12125550123", "+1 (212) 555 0123", "+44 (0)20 7946 0958", "+49-89-12345678", "+33 1 23 45 67 89", "(+351) 21 303 3101",
        "+39 06 698 20 00", "+354 519 7999", "+46\u00a08\u00a0697\u00a020\u00a000", "(212) 555-0123", "(212)555-0123", "(212) 555 0123", "212-555-0123",
        "1-800-555-0199", "1 (800) 555-0199", "212.555.0123", "212/555-0123", "212 555-0123", "212–555–0123", "01 23 45 67 89", "06.19.54.73.95",
    ],
    "card": [
        "4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111", "5555555555554444", "2223003122003222", "2720992593319364", "378282246310005",
        "3782 822463 10005", "6011111111111117", "30569309025904", "3056 930902 5904", "3530111333300000", "6200000000000005",
    ],
    "iban": [
        "GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ],
}  # fmt: skip
LEFT = {
    "email": [
        "a@b", "@user", "logo@2x.png", "user at example.com", "x@.com", "x@-a.com", ".@example.com", "john.@example.com", "react@19.2.1",
        "a@b.c", "mod@v1.2.3", f"{'a' * 65}@example.com", "a @ b.com", "a@b..com",
    ],
    "ip": [
        "10.120.133.50", "127.000.000.001", "127.0.0.1", "192.168.100.200", "172.16.100.100", "172.31.255.255", "169.254.100.100", "100.64.100.100",
        "192.0.2.100", "198.51.100.100", "203.0.113.100", "198.18.100.100", "224.100.100.100", "255.255.255.255", "0.100.100.100",
        "1.2.3.4", "8.8.8.8", "12.34.5.67", "256.100.100.100", "081.200.69.142", "81.2.69.142.5", "1.81.2.69.142", "v81.2.69.142",
        "Chrome/91.0.4472.124", "version 91.0.472.124", "Version: 91.0.472.124", "release=91.0.472.124", "lib-12.100.200.30", "12.100.200.30-beta",
        "2001:db8::1:2", "fe80::1:2:3", "::1", "2001::1:2", "3fff:0abc:1::2", "fd00:1:2::3", "20:30:45", "2024:01:31 10:20:30", "00:1a:2b:3c:4d:5e",
        "std::vector", "2606:4700::1:2::3", "2606:4700:1",
    ],
    "phone": [
        "555-0123", "2125550123", "112-555-0123", "212-155-0123", "212-555-01234", "2212-555-0123", "212-555-0123-4", "212.555-0123", "212 555 0123",
        "$212-555-0123", "+0 212 555 0123", "+1 112-555-0123", "+1 212-155-0123", "+1 212-555-012", "+1 212-555-01234", "+28 123 456 789", "+10 000 000", "+33 500 000",
        "+44 0000 000000", "12 000 000", "1 000 000 000", "2024-01-31", "2024-01-31 12:34:56", "31.01.2024", "31/01/2024", "12:34:56.789",
        "978-0-306-40615-7", "0-306-40615-2", "48.8584, 2.2945", "+40.7128, -74.0060", "00 12 34 56 78", "01 23 45 67", "01 23 45 67 89 01", "01 23-45 67 89",
        "192-168-1-1", "123-45-6789", "PO-212-555", "A212-555-0123", "3.14159265358979", "+4 4294967295", "2 01 23 45 67 89",
    ],
    "card": [
        "4111 1111 1111 1112", "4111111111111112", "4111111111111116", "41111111111111111", "4111 1111 11111111", "4111-1111 1111-1111", "4222222222222", "4006381333931",
        "1234 4111 1111 1111 1111", "4111 1111 1111 1111 1234", "0.4111111111111111", ".4111111111111111", "4111111111111111.5", "x4111111111111111",
        "1234567812345670", "9111111111111111", "1706700000000", "17067000000000000", "/4111111111111111", "1234-5678-9012-3456", "378282246310006",
    ],
    "iban": [
        "GB29 NWBK 6016 1331 9268 18", "GB29NWBK6016133192681", "gb29nwbk60161331926819", "XX29NWBK60161331926819", "XGB29NWBK60161331926819",
        "GB29NWBK60161331926819X", "GB29 NWBK60161331926819", "GB29-NWBK-6016-1331-9268-19", "ISBN 978-3-16-148410-0", "DE12345678",
    ],
}  # fmt: skip
SENTENCES = ["{}", "Mail or call {} now.", "({})", "First line\n{}\nlast line", "see:{}, and", "漢字 {} текст", "a" * 60 + " {} " + "b" * 70]


@pytest.mark.parametrize(("kind", "what"), [(kind, what) for kind in KINDS for what in MASKED[kind]])
def test_masked(kind: str, what: str) -> None:
    """Each of these is one hit of its kind, whatever stands around it."""
    edited, signals = Mask().edit(table(*(sentence.format(what) for sentence in SENTENCES)))
    assert edited.to_pylist() == [sentence.format(f"<{kind.upper()}>") for sentence in SENTENCES]
    assert signals.to_dict(as_series=False) == {SIGNALS[one]: [int(one == kind)] * len(SENTENCES) for one in KINDS}


@pytest.mark.parametrize("what", [what for kind in KINDS for what in LEFT[kind]])
def test_left(what: str) -> None:
    """None of these is a hit of any kind, whatever stands around it."""
    texts = [sentence.format(what) for sentence in SENTENCES]
    edited, signals = Mask().edit(table(*texts))
    assert edited.to_pylist() == texts
    assert set(signals.sum().row(0)) == {0}


GLUED = {
    "Tel:+12125550123Fax:+12125550124": "Tel:<PHONE>Fax:<PHONE>",
    "Experts212-444-6615About": "Experts<PHONE>About",
    "hello@example.com(415) 766-4198PO Box": "<EMAIL><PHONE>PO Box",
    "请联系abc@qq.com谢谢": "请联系<EMAIL>谢谢",
    "john@example.com-based <x@y.org>; mailto:z@y.org?subject": "<EMAIL>-based <<EMAIL>>; mailto:<EMAIL>?subject",
    "email=a@b.org&ip=81.2.69.142": "email=<EMAIL>&ip=<IP>",
    "@user@mastodon.social, https://user:pass@example.com/": "@<EMAIL>, https://user:<EMAIL>/",
    "+1 212-555-0123@example.com": "+1 <EMAIL>",
    "4111111111111111@example.com": "<EMAIL>",
    "http://81.2.69.142:8080/ and [2606:4700:4700::1111]:443, 81.2.69.0/24": "http://<IP>:8080/ and [<IP>]:443, 81.2.69.0/24",
    "::ffff:81.2.69.142": "::ffff:<IP>",
    "81.2.69.142-81.2.69.144": "<IP>-<IP>",
    "4111 1111 1111 1111 123 12/30": "<CARD> 123 12/30",
    "IBAN: GB29NWBK60161331926819.": "IBAN: <IBAN>.",
    "+49 170 1234567, +49 171 1234567": "<PHONE>, <PHONE>",
    "212-555-0123 x45, 212-555-0123x45": "<PHONE> x45, <PHONE>x45",
}


@pytest.mark.parametrize(("text", "expected"), GLUED.items())
def test_running_text(text: str, expected: str) -> None:
    """Where a page's parts were glued together, and where kinds meet, the whole of each is masked and nothing else."""
    assert masked(text) == expected


def test_kinds_and_replacements() -> None:
    """Only what is asked for is masked and counted; FineWeb's way is a matter of parameters."""
    edit = Mask(kinds=("ip", "email"), replacements={"email": "email@example.com", "ip": "192.0.2.1"})
    edited, signals = edit.edit(table("a@b.org at 81.2.69.142, +1 212-555-0123", "nothing"))
    assert edited.to_pylist() == ["email@example.com at 192.0.2.1, +1 212-555-0123", "nothing"]
    assert signals.to_dict(as_series=False) == {"emails": [1, 0], "ips": [1, 0]}
    assert dict(signals.schema) == {"emails": pl.UInt32, "ips": pl.UInt32}


def test_nothing_may_replace() -> None:
    """A replacement may be empty, and longer than what it replaces."""
    texts = ["a@b.org", "x a@b.org y a@b.org z", ""]
    assert Mask(replacements={"email": ""}).edit(table(*texts))[0].to_pylist() == ["", "x  y  z", ""]
    assert Mask(replacements=dict.fromkeys(KINDS, "")).edit(table(*texts))[0].to_pylist() == ["", "x  y  z", ""]
    assert Mask(replacements={"email": "é" * 99}).edit(table(*texts))[0].to_pylist() == ["é" * 99, f"x {'é' * 99} y {'é' * 99} z", ""]


def test_texts_that_need_nothing_keep_their_bytes() -> None:
    """If no text holds anything, the edit returns the buffer it was given."""
    docs = table("plain", "version 1.2.3.4, @user", "漢字", "")
    edited, _ = Mask().edit(docs)
    assert edited.buffers()[2].address == docs.column("text").chunk(0).buffers()[2].address


def test_one_text_among_many() -> None:
    """Only the text that needs it is changed, wherever it lies, also in a slice of a larger table."""
    texts = [f"text {i} é" for i in range(20)]
    edited, signals = Mask().edit(table(*texts[:7], "a@b.org", *texts[7:]).slice(5, 5))
    assert edited.to_pylist() == [*texts[5:7], "<EMAIL>", *texts[7:9]]
    assert signals["emails"].to_list() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kinds": ("mail",)}, 'mask: there is no kind "mail". Did you mean "email"?'),
        ({"kinds": ()}, 'mask: "kinds" is empty, so that nothing would be masked.\nFix: name some, or leave the stage out.'),
        ({"replacements": {"ips": "x"}}, 'mask: there is no kind "ips". Did you mean "ip"?'),
    ],
)
def test_impossible_parameters_are_refused(parameters: dict[str, object], message: str) -> None:
    """The check says which kind does not exist."""
    with pytest.raises(StageError) as refused:
        Mask(**parameters).check()  # type: ignore[arg-type]
    assert str(refused.value) == message


def test_recipes_can_say_it() -> None:
    """A recipe's lists and mappings become the parameters."""
    made = make_stage("mask", kinds=["email"], replacements={"email": "[mail]"})
    assert made == Mask(kinds=("email",), replacements={"email": "[mail]"})


def test_planted_data_is_masked() -> None:
    """Of the made-up letters in the sample data every e-mail address, telephone number and card is masked, and no documentation address."""
    truth = pl.read_parquet(ROOT / "sample_data" / "truth.parquet").filter(pl.col("what") == "personal_data")
    texts = pl.read_parquet(ROOT / "sample_data" / "raw" / "*.parquet").join(truth, on="id")["text"].to_list()
    planted = [r"[\w.]+@example\.(?:com|org)", r"\+1 \d{3}-555-01\d\d", r"(?<=card number )\d[\d ]+\d"]
    edited, signals = Mask().edit(table(*texts))
    counts = [sum(len(re.findall(pattern, text)) for text in texts) for pattern in planted]
    assert [sum(len(re.findall(pattern, text)) for text in edited.to_pylist()) for pattern in planted] == [0, 0, 0]
    assert signals.sum().row(0, named=True) == {"emails": counts[0], "ips": 0, "phones": counts[1], "cards": signals["cards"].sum(), "ibans": 0}
    assert signals["cards"].sum() >= counts[2] > 0


@pytest.mark.skipif(not DATA.exists(), reason="shared data is absent")
def test_real_pages() -> None:
    """On 1,354 crawled pages: a reader found no wrong one among 100 telephone numbers, and one among 60 e-mail addresses."""
    texts = pq.read_table(DATA / "wcxb" / "pages.parquet", columns=["text"]).column("text").to_pylist()
    _, signals = Mask().edit(table(*texts))
    assert signals.sum().row(0, named=True) == {"emails": 421, "ips": 1, "phones": 949, "cards": 0, "ibans": 0}
