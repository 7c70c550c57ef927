"""What datatrove and dolma themselves say of pages, one rule at a time: the tables that `agreement.py` compares with.

    python benchmarks/agreement_peers.py datatrove PAGES.parquet OUT.parquet [--words split]
    python benchmarks/agreement_peers.py dolma PAGES.parquet OUT.parquet

Runs where the peer is installed (`agreement-datatrove.txt`, `agreement-dolma.txt`); tamis need not be. PAGES has the columns id and text. A rule is
asked with all others off, and its column bears the name of our parameter: true = it drops the page, null = it raised an
exception. With `--words split` datatrove is given `str.split` for its words in place of spaCy, so that formulas can be told
apart from words; its C4 and PII rules, which use no words, are then left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Verdict = bool | str | None
Ask = Callable[[str], dict[str, Verdict]]
TOP = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
NEVER = float("inf")


def drops(rule: Any) -> Callable[[str], bool | None]:
    """A datatrove filter as a question: does it drop the text? None if it raises."""
    from datatrove.data import Document

    def ask(text: str) -> bool | None:
        try:
            answer = rule.filter(Document(text=text, id="page"))
        except (ZeroDivisionError, AssertionError):
            return None
        # A drop is (False, reason), a tuple that is itself true.
        return not (answer[0] if isinstance(answer, tuple) else answer)

    return ask


def gopher_quality(words: Any) -> dict[str, Any]:
    """Each rule of datatrove's Gopher quality alone, and all."""
    from datatrove.pipeline.filters import GopherQualityFilter

    ours = {
        "min_words": ("min_doc_words", 50),
        "max_words": ("max_doc_words", 100_000),
        "min_mean_word_length": ("min_avg_word_length", 3),
        "max_mean_word_length": ("max_avg_word_length", 10),
        "max_symbol_share": ("max_symbol_word_ratio", 0.1),
        "max_bullet_line_share": ("max_bullet_lines_ratio", 0.9),
        "max_ellipsis_line_share": ("max_ellipsis_lines_ratio", 0.3),
        "min_alphabetic_share": ("max_non_alpha_words_ratio", 0.8),
        "min_stop_words": ("min_stop_words", 2),
    }
    off = {theirs: None for theirs, _ in ours.values()}
    alone = {name: GopherQualityFilter(**{**off, theirs: limit}, language=words) for name, (theirs, limit) in ours.items()}
    return {**{f"gopher_quality.{name}": rule for name, rule in alone.items()}, "gopher_quality": GopherQualityFilter(language=words)}


def gopher_repetition(words: Any) -> dict[str, Any]:
    """Each rule of datatrove's Gopher repetition alone, and all."""
    from datatrove.pipeline.filters import GopherRepetitionFilter

    segments = {
        "max_duplicate_line_share": {"dup_line_frac": 0.3},
        "max_duplicate_paragraph_share": {"dup_para_frac": 0.3},
        "max_duplicate_line_char_share": {"dup_line_char_frac": 0.2},
        "max_duplicate_paragraph_char_share": {"dup_para_char_frac": 0.2},
    }
    top = {f"max_top_{n}gram_share": {"top_n_grams": ((n, limit),)} for n, limit in TOP.items()}
    duplicate = {f"max_duplicate_{n}gram_share": {"dup_n_grams": ((n, limit),)} for n, limit in DUPLICATE.items()}
    off: dict[str, Any] = {"dup_line_frac": None, "dup_para_frac": None, "dup_line_char_frac": None, "dup_para_char_frac": None}
    off |= {"top_n_grams": (), "dup_n_grams": (), "language": words}
    alone = {name: GopherRepetitionFilter(**{**off, **limit}) for name, limit in {**segments, **top, **duplicate}.items()}
    every = GopherRepetitionFilter(language=words)
    return {**{f"gopher_repetition.{name}": rule for name, rule in alone.items()}, "gopher_repetition": every}


def fineweb_quality(words: Any) -> dict[str, Any]:
    """Each of FineWeb's own rules alone, and all. Zero is a limit here, so what is off gets one that nothing can reach."""
    from datatrove.pipeline.filters import FineWebQualityFilter

    ours = {
        "min_terminal_punctuation_line_share": ("line_punct_thr", 0.12),
        "max_short_line_share": ("short_line_thr", 0.67),
        "max_duplicate_line_char_share": ("char_duplicates_ratio", 0.01),
        "max_newlines_per_token": ("new_line_ratio", 0.3),
    }
    off = {"line_punct_thr": -1.0, "short_line_thr": NEVER, "char_duplicates_ratio": NEVER, "new_line_ratio": NEVER}
    alone = {name: FineWebQualityFilter(**{**off, theirs: limit}, language=words) for name, (theirs, limit) in ours.items()}
    return {**{f"fineweb_quality.{name}": rule for name, rule in alone.items()}, "fineweb_quality": FineWebQualityFilter(language=words)}


def c4_quality() -> dict[str, Any]:
    """Each rule of datatrove's C4 for pages, asked of the page as it is but for its blank lines, each of which is a sentence there."""
    from datatrove.pipeline.filters import C4QualityFilter

    off: dict[str, Any] = {"remove_citations": False, "filter_no_terminal_punct": False, "min_num_sentences": -1, "max_word_length": -1}
    off |= {"filter_lorem_ipsum": False, "filter_javascript": False, "filter_curly_bracket": False, "filter_policy": False}
    off |= {"min_words_per_line": 1}
    return {
        "c4_quality.min_sentences": C4QualityFilter(**{**off, "min_num_sentences": 5}),
        "c4_quality.max_curly_brackets": C4QualityFilter(**{**off, "filter_curly_bracket": True}),
        "c4_quality.max_lorem_ipsum": C4QualityFilter(**{**off, "filter_lorem_ipsum": True}),
    }


def c4_texts() -> Ask:
    """What datatrove's C4 leaves of a page, as it comes and as FineWeb ran it: by its line rules alone, and after all rules."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import C4QualityFilter

    edits: dict[str, Any] = {"min_num_sentences": -1, "filter_lorem_ipsum": False, "filter_curly_bracket": False}
    rules = {
        "c4": C4QualityFilter(),
        "c4.lines": C4QualityFilter(**edits),
        "c4_fineweb": C4QualityFilter(filter_no_terminal_punct=False),
        "c4_fineweb.lines": C4QualityFilter(filter_no_terminal_punct=False, **edits),
    }

    def ask(text: str) -> dict[str, Verdict]:
        found: dict[str, Verdict] = {}
        for name, rule in rules.items():
            page = Document(text=text, id="page")
            kept = rule.filter(page) is True
            found[f"{name}.text"] = page.text if kept else None
            if not name.endswith(".lines"):
                found[name] = not kept
        return found

    return ask


def masked() -> Ask:
    """Pages with e-mail and IP addresses masked by datatrove, by the same mark each time: its own go round from page to page."""
    from datatrove.pipeline.formatters.pii import PIIFormatter

    marks = {"email_replacement": "<EMAIL>", "ip_replacement": "<IP>"}
    emails, ips = PIIFormatter(remove_ips=False, **marks), PIIFormatter(remove_emails=False, **marks)
    return lambda text: {"mask.email.text": emails.format(text), "mask.ip.text": ips.format(text)}


def datatrove(words: str) -> Ask:
    """All of datatrove's answers to a text."""
    from datatrove.utils.typeshelper import Languages
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Split(WordTokenizer):  # type: ignore[misc]
        """`str.split` in the place of spaCy."""

        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            raise NotImplementedError

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            raise NotImplementedError

    tokens = Split() if words == "split" else Languages.english
    rules = {**gopher_quality(tokens), **gopher_repetition(tokens), **fineweb_quality(tokens)}
    others: list[Ask] = []
    if words == "spacy":
        rules |= c4_quality()
        others = [c4_texts(), masked()]
    asked = {name: drops(rule) for name, rule in rules.items()}

    def ask(text: str) -> dict[str, Verdict]:
        found: dict[str, Verdict] = {name: question(text) for name, question in asked.items()}
        for other in others:
            found |= other(text)
        return found

    return ask


def dolma() -> Ask:
    """All of dolma's answers to a text: limits of the paper on the scores that `dolma tag` writes, of gopher_v2 and c4_v2."""
    from dolma.core.data_types import Document
    from dolma.taggers.c4 import FasterC4Tagger
    from dolma.taggers.gopher import GopherTaggerV2

    least = {"min_words": ("word_count", 50), "min_mean_word_length": ("median_word_length", 3)}
    least |= {"min_alphabetic_share": ("fraction_of_words_with_alpha_character", 0.8), "min_stop_words": ("required_word_count", 2)}
    most = {"max_words": ("word_count", 100_000), "max_mean_word_length": ("median_word_length", 10)}
    most |= {"max_symbol_share": ("symbol_to_word_ratio", 0.1)}
    most |= {"max_bullet_line_share": ("fraction_of_lines_starting_with_bullet_point", 0.9)}
    most |= {"max_ellipsis_line_share": ("fraction_of_lines_ending_with_ellipsis", 0.3)}
    repeated = {"max_duplicate_line_share": ("fraction_of_duplicate_lines", 0.3)}
    repeated |= {"max_duplicate_line_char_share": ("fraction_of_characters_in_duplicate_lines", 0.2)}
    repeated |= {f"max_top_{n}gram_share": (f"fraction_of_characters_in_most_common_{n}grams", limit) for n, limit in TOP.items()}
    repeated |= {f"max_duplicate_{n}gram_share": (f"fraction_of_characters_in_duplicate_{n}grams", limit) for n, limit in DUPLICATE.items()}
    gopher, c4 = GopherTaggerV2(), FasterC4Tagger()

    def ask(text: str) -> dict[str, Verdict]:
        page = Document(source="pages", id="page", text=text)
        scores = {name: spans[0][2] for name, spans in gopher.group_output(gopher.predict(page)).items()}
        marks = c4.group_output(c4.predict(page))
        # A score is absent for a text with fewer than n words; nothing is dropped for that.
        quality: dict[str, Verdict] = {f"gopher_quality.{name}": scores.get(score, limit) < limit for name, (score, limit) in least.items()}
        quality |= {f"gopher_quality.{name}": scores.get(score, 0) > limit for name, (score, limit) in most.items()}
        repetition: dict[str, Verdict] = {
            f"gopher_repetition.{name}": scores.get(score, 0) > limit for name, (score, limit) in repeated.items()
        }
        return {
            **quality,
            "gopher_quality": any(quality.values()),
            **repetition,
            "gopher_repetition": any(repetition.values()),
            "c4_quality.max_curly_brackets": "has_curly_brace" in marks,
            "c4_quality.max_lorem_ipsum": "has_lorem_ipsum" in marks,
        }

    return ask


def answers(pages: Path, ask: Ask) -> Iterator[dict[str, Verdict]]:
    """Ids and answers, page after page."""
    for batch in pq.ParquetFile(pages).iter_batches(batch_size=500, columns=["id", "text"]):
        for page in batch.to_pylist():
            yield {"id": page["id"], **ask(page["text"] or "")}
        sys.stderr.write(".")
        sys.stderr.flush()


def main() -> None:
    """Ask one peer about every page, and write its answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=("datatrove", "dolma"))
    parser.add_argument("pages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--words", choices=("spacy", "split"), default="spacy")
    arguments = parser.parse_args()
    ask = dolma() if arguments.peer == "dolma" else datatrove(arguments.words)
    rows = list(answers(arguments.pages, ask))
    types = {name: pa.bool_() if not (name == "id" or name.endswith(".text")) else pa.large_string() for name in rows[0]}
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(types)), arguments.out, compression="zstd")


if __name__ == "__main__":
    main()
