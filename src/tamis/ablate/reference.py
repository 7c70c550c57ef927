"""The reference set: text that no verdict under test chose, to hold trained models against.

| domain | passages | bytes | what |
| --- | --- | --- | --- |
| fiction | 34 | 63,852 | Austen, Persuasion; Edgeworth, The Parent's Assistant; Chesterton, The Ball and the Cross, The Wisdom of Father Brown |
| plays | 44 | 63,667 | Edgeworth, Eton Montem and Old Poz |
| law | 28 | 54,535 | the Constitution and the Declaration of Independence of the United States |
| standards | 34 | 63,630 | NIST SP 800-53, security and privacy controls |
| how-to | 39 | 63,970 | documentation of Docutils: guides, answers, references |
| science | 37 | 63,959 | manual of FiPy, which solves partial differential equations |
| economics | 36 | 63,959 | documentation of Tax-Calculator: tax reforms and how they are reckoned; some of it program text |

437,572 bytes of English in 252 passages of 500 to 4,000 bytes, drawn by a seeded hash from documents in the public domain, under CC0-1.0 or
works of the government of the United States; `reference/NOTICE` has origins and terms, `tools/build_reference.py` makes it. There is neither
news, nor talk, nor a web page among them, three of seven domains explain software, and plays, law and half of the fiction are older than
1850: shards of one's own, as `--target`, say more.

Of its runs of 13 words, the raw shards of `sample_data/` hold 17, all of the Constitution and the Declaration, which speeches quote; 300 MB of the
benchmark corpus hold 118 of those and 56 of Docutils (a song that others quote too). As with all held-out text, overlap is taken out of the pool.
"""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files

import pyarrow as pa
import pyarrow.parquet as pq


def load() -> pa.Table:
    """The passages of the shipped reference set.

    Returns:
        text: large_string, one passage. domain, title, origin, licence: string.
    """
    return pq.read_table(io.BytesIO(_bytes()))


def sha256() -> str:
    """The SHA-256 of the set's file, in hexadecimal: part of the plan of an experiment."""
    return hashlib.sha256(_bytes()).hexdigest()


def _bytes() -> bytes:
    """The file, also from a package that is a zip archive."""
    return files("tamis.ablate").joinpath("reference/reference.parquet").read_bytes()
