"""Draw the facts as a data card: README.md, as the Hugging Face hub and `datasets.load_dataset` read it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import yaml

from tamis.plan import shown_bytes
from tamis.report import card_mix, markup
from tamis.report.markup import cut, lead, number, percent, plural, visible

Fact = Mapping[str, Any]
SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"),
    (10**11, "10B<n<100B"),
    (10**12, "100B<n<1T"),
)
LICENSES = {
    "apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0",
    "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0", "odbl", "odc-by", "pddl", "unlicense", "bsd-2-clause", "bsd-3-clause", "isc", "mpl-2.0", "gpl-2.0", "gpl-3.0",
    "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "artistic-2.0", "wtfpl", "zlib",
}  # fmt: skip
"""Licences by the names that the hub has for them: those of SPDX in lower case, but for `SPDX_NAMES`."""
SPDX_NAMES = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl"}
NO_LANGUAGE = ("und", "zxx", "mul", "mis", "unk")
SHOWN_RECIPE = 20_000
AXIS_NAMES = {"source": "source", "lang": "language", "license": "licence", "topic": "topic", "date": "year", "length": "length"}


def draw(facts: Fact) -> str:
    """The card, as Markdown in UTF-8."""
    name = facts["recipe"]["name"]
    parts = [f"---\n{front_matter(facts)}---\n", f"# {text(name)}\n", _what(facts), _recipe(facts), funnel(facts)]
    parts += [*_composition(facts), *card_mix.sections(facts), _limits(facts), _reproduce(facts)]
    return "\n".join(part for part in parts if part)


def front_matter(facts: Fact) -> str:
    """What machines read: YAML."""
    # `datasets` (5.2) caches a local folder by its name and what stands here, not by its files: without the digest, another run in a
    # folder of the same name would silently load the data of the first.
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    files = [{"split": "train", "path": "data/*.parquet"}]
    content: dict[str, Any] = {
        "configs": [{"config_name": "default", "data_files": files, "description": f"run {digest[:16]}"}],
        "size_categories": [next((name for most, name in SIZES if facts["documents"]["written"] < most), "n>1T")],
    }
    axes = {axis["axis"]: axis for axis in facts["axes"]}
    languages = sorted({code for row in _curated(axes, "lang") if (code := language(row["value"]))})
    if languages:
        content["language"] = languages
    licenses = [row["value"] for row in _curated(axes, "license")]
    if len(licenses) == 1 and licenses[0] is not None and licenses[0].strip():
        known = license_name(licenses[0])
        content |= {"license": known} if known else {"license": "other", "license_name": _slug(licenses[0])}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=False)


def language(value: str | None) -> str | None:
    """The ISO 639 code of a language as data call it ("en", "en-US", "eng_Latn"); None for what is none."""
    match = re.fullmatch(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*", (value or "").strip().lower())
    return match[1] if match and match[1] not in NO_LANGUAGE else None


def license_name(value: str) -> str | None:
    """The hub's name of a licence that data call by its SPDX name; None for one that it has no name for."""
    name = re.sub(r"-(only|or-later)$", "", value.strip().lower())
    name = SPDX_NAMES.get(name, name)
    return name if name in LICENSES else None


def _slug(value: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", value.lower()).strip("-.")[:60] or "unnamed"


def _curated(axes: Mapping[str, Fact], name: str) -> Sequence[Fact]:
    return axes[name]["curated"] if name in axes else []


def text(value: str, longest: int = markup.LONGEST) -> str:
    """A text of somebody else's as Markdown that shows it and does nothing: no markup, links, HTML or line breaks."""
    shown = escape(visible(cut(value, longest)), quote=False)
    shown = re.sub(r"([\\`*_{}\[\]#|~:@$])", r"\\\1", shown)
    shown = re.sub(r"(?i)\b(www)\.", r"\1\\.", shown)  # a link even without markup, as "://" and "@" are
    return re.sub(r"^(\s*\d*)([-+=.)])", r"\1\\\2", shown)  # the beginning of a list or heading


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; all columns but the first hold numbers."""
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _what(facts: Fact) -> str:
    return (
        f"Text for pre-training language models, curated with tamis {text(facts['tamis'])}. {lead(facts)}\n\n"
        f"`data/` has {plural(facts['documents']['written'], 'row')} with the columns of the input. `ledger/` says of every readable "
        f"document whether it was kept and why not; `report.html` shows it in numbers.\n\n{_load(facts)}"
    )


def _load(facts: Fact) -> str:
    if not facts["documents"]["written"]:  # `datasets` (5.2) refuses a split without rows
        return "No document was kept, so there is nothing to load.\n"
    return '```python\nfrom datasets import load_dataset\n\ndocuments = load_dataset("THIS_FOLDER", split="train")\n```\n'


def _recipe(facts: Fact) -> str:
    recipe = visible(facts["recipe"]["yaml"], "\n")
    said = "Every parameter, defaults too."
    if len(recipe) > SHOWN_RECIPE:
        recipe, said = recipe[:SHOWN_RECIPE] + "\n", f"{said} Cut here; `recipe.yaml` has all of it."
    longest = max((len(run) for run in re.findall(r"`+", recipe)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"## Recipe\n\n{said}\n\n{fence}yaml\n{recipe}{fence}\n"


def funnel(facts: Fact) -> str:
    """The stages in order, under a heading."""
    rows = []
    for i, step in enumerate(facts["stages"], 1):
        front = [f"{i} {text(step['stage'])}", number(step["reached"])]
        if step["edits"]:
            rows.append([*front, "edits", "-", "-"])
        else:
            rows.append([*front, number(step["dropped"]), percent(step["dropped_share_of_reached"]), shown_bytes(step["dropped_bytes"])])
    documents = facts["documents"]
    rows.append(["kept", number(documents["kept"]), "", "", ""])
    return "## Where the documents went\n\n" + table(["stage", "reached", "dropped", "share of what reached it", "bytes dropped"], rows)


def _composition(facts: Fact) -> Iterator[str]:
    axes = {axis["axis"]: axis for axis in facts["axes"]}
    for name, title in (("license", "Licences"), ("source", "Sources"), ("lang", "Languages")):
        rows = _curated(axes, name)
        if not rows:
            continue
        lines = [[_value(row["value"]), *_counted(row)] for row in rows]
        rest = axes[name]["curated_others"]
        lines += [[plural(rest["value"], "other value"), *_counted(rest)]] if rest else []
        column = text(str(axes[name]["column"]))
        said = f"As the data's own column {column} says; nobody has verified it.\n\n"
        yield f"## {title}\n\n{said}{table([name, 'documents kept', 'share of kept', 'bytes'], lines)}"


def _counted(row: Fact) -> list[str]:
    return [number(row["documents"]), percent(row["documents_share_of_kept"]), shown_bytes(row["bytes"])]


def _value(value: str | None) -> str:
    if value is None:
        return "none given"
    return text(value) if value.strip() else "empty"


def _limits(facts: Fact) -> str:
    lines = [
        "Documents were kept or dropped by the rules of the recipe; no person has read them.",
        "Only the stages in the recipe did anything to the text. Personal data is in it unless one of them masks it.",
        *_shown(facts),
        "Bytes are of the text in UTF-8 as it was read; edits may have changed it since.",
        *_uneven(facts),
    ]
    if facts["documents"]["quarantined"]:
        lines.append(f"{plural(facts['documents']['quarantined'], 'document')} of the input could not be read; see `quarantine/`.")
    lines += [text(warning, 2_000) for warning in facts["warnings"]]
    return "## Known limits\n\n" + listed(lines)


def listed(lines: Iterable[str]) -> str:
    """A list."""
    return "".join(f"- {line}\n" for line in lines)


def _shown(facts: Fact) -> Iterator[str]:
    """What the report shows of the texts."""
    told = facts["samples"]
    if told["each_side"] and not told["missing"]:
        hidden = "with addresses and numbers of persons masked" if told["masked"] else "with personal data as it is"
        yield f"`report.html` and `report.json` hold excerpts of documents, dropped ones too, {hidden}: remove them where that must not be passed on."


def _uneven(facts: Fact) -> Iterator[str]:
    """The groups that were hit hardest and least."""
    for axis in facts["axes"]:
        rows = sorted(axis["rows"], key=lambda row: row["kept_share_of_documents"] if row["documents"] else 2)
        rows = [row for row in rows if row["documents"]]
        if len(rows) > 1 and rows[0]["kept_share_of_documents"] < rows[-1]["kept_share_of_documents"]:
            worst, best = ((_value(row["value"]), percent(row["kept_share_of_documents"])) for row in (rows[0], rows[-1]))
            name = AXIS_NAMES[axis["axis"]]
            yield f"The share kept differs by {name}, from {worst[1]} ({worst[0]}) to {best[1]} ({best[0]}); `report.html` has the others."


def _reproduce(facts: Fact) -> str:
    beside = " The recipe names files, which belong beside it." if facts["recipe"]["shortened"] else ""
    versions = ", ".join(f"{text(name)} {text(version)}" for name, version in {"tamis": facts["tamis"], **facts["versions"]}.items())
    return (
        "## How to reproduce\n\n```sh\ntamis run recipe.yaml SHARDS -o OUT\n```\n\n"
        f"The same shards give the same bytes with the same packages ({versions}).{beside} SHARDS were "
        f"{plural(len(facts['inputs']), 'file')}, whose SHA-256 `report.json` lists.\n"
    )
