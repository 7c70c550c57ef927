"""Near-duplicates over shards: the same whatever the way there; and the disasters of the field, replayed."""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from runs import command, fates, fates_in_memory, inodes, recipe, run, snapshot, split

from tamis import judge, make_stage, near_pairs, shards
from tamis.recipe import dump

WORDS = [f"w{i}" for i in range(4000)]


def near(**parameters: Any) -> Any:
    """The stage."""
    return make_stage("near_duplicates", **parameters)


def alike(n: int = 120, seed: int = 0) -> pa.Table:
    """Documents of which many are edited copies of others, of copies too."""
    draw = random.Random(seed)
    texts: list[str] = []
    for _ in range(n):
        words = draw.choice(texts).split() if texts and draw.random() < 0.6 else draw.choices(WORDS, k=draw.randint(1, 120))
        for _ in range(draw.choice([0, 0, 1, 1, 2, 6])):
            words[draw.randrange(len(words))] = draw.choice(WORDS)
        texts.append(" ".join(words))
    return pa.table({"id": [f"d{i}" for i in range(n)], "text": texts, "score": [round(draw.random(), 2) for _ in range(n)]})


STAGES = [make_stage("unicode"), near(prefer=["score"])]


def test_shards_are_judged_like_a_table(tmp_path: Path) -> None:
    """One, two and seven workers, threads and processes, and memory: the same verdicts, partners and bytes."""
    table = alike()
    place = split(tmp_path / "in", table, 5)
    run(STAGES, place, tmp_path / "one", workers=1, mapper="serial")
    wanted = snapshot(tmp_path / "one")
    for workers, mapper in ((2, "threads"), (7, "threads"), (2, "processes")):
        run(STAGES, place, tmp_path / f"{workers}{mapper}", workers=workers, mapper=mapper)
        assert snapshot(tmp_path / f"{workers}{mapper}") == wanted
    found = fates(tmp_path / "one")
    assert found == fates_in_memory(table, judge(table, STAGES))
    assert 20 < sum(fate[0] == 0 for fate in found.values()) < 100


@pytest.mark.parametrize("seed", [1, 2])
def test_order_of_shards_does_not_matter(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shuffled documents in other shards, in large row groups and small chunks, have the same fates."""
    table = alike()
    order = np.random.default_rng(seed).permutation(table.num_rows)
    monkeypatch.setattr(shards, "CHUNK_BYTES", 3_000)
    run(STAGES, split(tmp_path / "in", table.take(pa.array(order)), [4, 9, 80]), tmp_path / "out")
    assert fates(tmp_path / "out") == fates_in_memory(table, judge(table, STAGES))


def test_another_hash_seed(tmp_path: Path) -> None:
    """Python's own hash has no part in it."""
    import os

    place = split(tmp_path / "in", alike(), 3)
    (tmp_path / "recipe.yaml").write_text(dump(recipe(*STAGES)))
    for seed in ("1", "2"):
        done = command("run", tmp_path / "recipe.yaml", place, "-o", tmp_path / seed, env={**os.environ, "PYTHONHASHSEED": seed})
        assert done.returncode == 0, done.stderr
    assert snapshot(tmp_path / "1") == snapshot(tmp_path / "2")


class PowerCut(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("after", [1, 4, 7, 9, 10, 12])
def test_killed_at_any_point(tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends at any file goes on with the same command, and is the same in the end."""
    import os

    rename = os.replace
    count = 0

    def replace(source: str, target: str) -> None:
        nonlocal count
        count += 1
        if count > after:
            raise PowerCut
        rename(source, target)

    place = split(tmp_path / "in", alike(), 3)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        with pytest.raises(PowerCut):
            run(STAGES, place, tmp_path / "out", mapper="serial")
    run(STAGES, place, tmp_path / "out")
    run(STAGES, place, tmp_path / "whole")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_deciding_anew_needs_no_text(tmp_path: Path) -> None:
    """A higher threshold, another preference and one stage less are decided from what is stored, though the shards hold other texts."""
    table = alike()
    place = split(tmp_path / "in", table, 3)
    run(STAGES, place, tmp_path / "out")
    before = inodes(tmp_path / "out", "signals", "relations")
    for stages in (
        [make_stage("unicode"), near(threshold=0.9)],
        [make_stage("unicode"), near(prefer=["-score"], keep_copies={2: 2})],
        [make_stage("unicode"), make_stage("rules", min={"score": 0.5}), near(prefer=["score"])],
    ):
        run(stages, place, tmp_path / "out")
        assert before.items() <= inodes(tmp_path / "out", "signals", "relations").items()
        assert len(inodes(tmp_path / "out", "relations")) == 1
        assert fates(tmp_path / "out") == fates_in_memory(table, judge(table, stages))


def test_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets that do not fit into memory together are compared part by part, with the same result."""
    table = alike(300)
    place = split(tmp_path / "in", table, 5)
    run(STAGES, place, tmp_path / "much")
    monkeypatch.setattr(near_pairs, "SET_ITEMS", 500)
    run(STAGES, place, tmp_path / "little")
    assert snapshot(tmp_path / "little") == snapshot(tmp_path / "much")


@pytest.mark.parametrize("chunk", [64_000_000, 2_000])
def test_rows_set_aside(tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some rows are no texts, every number still means the same document, and partners are at the right address."""
    table = alike()
    holes = pa.array([None if i % 7 == 3 else text for i, text in enumerate(table["text"].to_pylist())])
    table = table.set_column(1, "text", holes)
    monkeypatch.setattr(shards, "CHUNK_BYTES", chunk)
    run(STAGES, split(tmp_path / "in", table, [50, 51]), tmp_path / "out")
    wanted = {name: fate for name, fate in fates_in_memory(table, judge(table, STAGES)).items() if fate[1] != "unreadable"}
    assert fates(tmp_path / "out") == wanted
    assert sum(fate[4] is not None for fate in wanted.values()) > 20


def test_no_documents(tmp_path: Path) -> None:
    """Nothing, and nothing but empty texts, is sifted without a fuss."""
    for texts in ([], ["", "", "…"]):
        table = pa.table({"id": [str(i) for i in range(len(texts))], "text": pa.array(texts, pa.string()), "score": pa.array([0.0] * len(texts))})
        manifest = run(STAGES, split(tmp_path / f"in{len(texts)}", table, 1), tmp_path / f"out{len(texts)}")
        assert manifest["counts"]["kept"] == len(texts)
        assert manifest["not_compared"] == {"near_duplicates": 0}


# Disasters


def shingle_set(text: str) -> set[tuple[str, ...]]:
    """Python's set of shingles."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))} if words else set()


def verified(texts: list[str], ledger: pl.DataFrame, most: int = 300) -> None:
    """Of removed documents, `most` of them, each has a kept twin at .8."""
    copies = ledger["copies"].to_list()
    for row in ledger.filter(pl.col("copies") == 0).head(most).iter_rows(named=True):
        a, b = shingle_set(texts[row["row"]]), shingle_set(texts[int(row["partner"])])
        assert copies[int(row["partner"])] > 0
        assert len(a & b) / len(a | b) == row["similarity"] >= 0.8


def fillings(n: int, holes: int, length: int = 200) -> list[str]:
    """One template of `length` words with `holes` words that are filled in, each differently; every filling has a copy or none."""
    draw = np.random.default_rng(0)
    template = [f"t{i}" for i in range(length)]
    texts = []
    for filled in draw.integers(0, 10**9, (n, holes)):
        for hole, word in zip(range(length // (2 * holes), length, length // holes), filled, strict=False):
            template[hole] = f"x{word}"
        texts.append(" ".join(template))
    return texts


@pytest.mark.parametrize("n", [3_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_one_template_with_many_fillings(n: int, tmp_path: Path) -> None:
    """A template whose fillings are alike leaves a handful, in time that grows with their number, and says what it did not compare."""
    texts = fillings(n, 4)  # J = 176 / 216 = .81 between any two
    manifest = run([near()], split(tmp_path / "in", pa.table({"id": [str(i) for i in range(n)], "text": texts}), 3), tmp_path / "out")
    assert manifest["counts"]["kept"] <= 3 + n // 5_000
    ledger = pl.read_parquet(tmp_path / "out" / "ledger" / "*.parquet")
    similarities = ledger["similarity"].drop_nulls()
    assert similarities.min() >= 0.8
    assert manifest["not_compared"]["near_duplicates"] > n
    assert any("did not compare" in warning for warning in manifest["warnings"])


def test_a_template_whose_fillings_differ(tmp_path: Path) -> None:
    """Fillings that are not alike stay, in an over-full bucket too; those that have a copy among thousands are found."""
    n = 3_000
    texts = fillings(n, 6)  # J = 170 / 230 = .74
    draw = random.Random(0)
    copied = draw.sample(range(n), 200)
    texts += [texts[i] + " and a few words more" for i in copied]
    ledger = judge(pa.table({"text": texts}), [near()])
    alive = ledger["copies"].to_list()
    assert sum(alive[:n]) + sum(alive[n:]) >= n
    assert sum(alive[i] and alive[n + k] for k, i in enumerate(copied)) == 0
    verified(texts, ledger)


def test_chains(tmp_path: Path) -> None:
    """A ~ B ~ C ~ …: of a chain of 2,000, in which only neighbours are alike, no more goes than has a kept neighbour."""
    texts = [" ".join(f"c{i}" for i in range(10 * k, 10 * k + 120)) for k in range(2_000)]  # J of neighbours 106/126, of others below .8
    ledger = judge(pa.table({"text": texts}), [near(bands=[32, 4])])  # that find every link
    kept = ledger.filter(pl.col("copies") > 0)["row"].to_list()
    assert 2_000 / 3 <= len(kept) <= 2_000 / 2
    assert all(b - a in (2, 3) for a, b in pairwise(kept))
    assert ledger["cluster_size"].unique().to_list() == [2_000]
    verified(texts, ledger)


def test_one_word_texts() -> None:
    """Texts of one word are alike if they are the same word."""
    draw = random.Random(0)
    texts = [f"{draw.choice(WORDS)}{draw.choice('.!?')}" for _ in range(20_000)]
    ledger = judge(pa.table({"text": texts}), [near()])
    kept = ledger.filter(pl.col("copies") > 0)["row"].to_list()
    assert Counter(texts[row][:-1] for row in kept) == Counter({text[:-1] for text in texts})


def test_all_identical() -> None:
    """A hundred thousand equal texts cost hardly more than measuring them, and one stays."""
    ledger = judge(pa.table({"text": ["the same words in every text of them all"] * 100_000}), [near()])
    assert ledger["copies"].sum() == 1
    assert ledger["cluster_size"].unique().to_list() == [100_000]
    assert ledger.filter(pl.col("copies") == 0)["similarity"].unique().to_list() == [1.0]


def test_repeated_words() -> None:
    """Texts that repeat one shingle more or less often are the same set, whatever their lengths."""
    ledger = judge(pa.table({"text": ["spam " * (5 + i % 400) for i in range(4_000)]}), [near()])
    assert ledger["copies"].sum() == 1


def test_one_text_in_fifty_languages() -> None:
    """Translations are not near-duplicates: one text in fifty languages stays fifty times, two copies of each are one."""
    rights = pl.read_parquet(Path(__file__).parents[1] / "sample_data" / "raw" / "*.parquet").filter(pl.col("source") == "udhr", pl.col("text").str.len_bytes() > 500)
    texts = rights.group_by("lang", maintain_order=True).agg(pl.col("text").first())["text"].to_list()[:50]
    assert len(texts) >= 25
    ledger = judge(pa.table({"text": texts + [text + " !" for text in texts]}), [near()])
    assert ledger["copies"].sum() == len(texts)


# What people are shown

STORY = " ".join(f"word{i}" for i in range(60))
SHOWN = pa.table({
    "id": ["whole", "changed", "same", "other", "long"],
    "text": [STORY, STORY.replace("word30 ", "another \x1b[31m "), STORY.replace(" ", "\n"), "something else", STORY + " and then"],
    "score": [0.9, 0.1, 0.2, 0.5, 0.3],
})


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over a few documents."""
    folder = tmp_path_factory.mktemp("shown")
    run([near(prefer=["score"])], split(folder / "in", SHOWN, 2), folder / "out")
    return folder / "out"


DIFFERENCES = {
    "changed": ["word 31: word26 word27 word28 word29 [-word30-] {+another �[31m+} word31 word32 word33 word34"],
    "same": ["the same words; only white space differs"],
    "long": ["word 61: word56 word57 word58 word59 {+and then+}"],
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_explain_shows_the_difference(shown: Path, name: str) -> None:
    """A dropped document is shown beside the one that stayed: only where they differ, and nothing that a terminal would act on."""
    from tamis import explain, folder

    (one,) = explain.explain(folder.opened(str(shown)), name)
    assert one["difference"] == DIFFERENCES[name]
    text = explain.as_text(one)
    assert f"Compared with part-000.parquet:0, [-words-] only there, {{+words+}} only here:\n  {DIFFERENCES[name][0]}\n" in text


def test_explain_without_the_shards(shown: Path, tmp_path: Path) -> None:
    """When the shards are gone the rest is still explained."""
    from tamis import explain, folder

    shutil.copytree(shown.parent, tmp_path / "copy")
    inputs = (tmp_path / "copy" / "out" / "inputs.json").read_text()
    (tmp_path / "copy" / "out" / "inputs.json").write_text(inputs.replace(str(shown.parent), str(tmp_path / "gone")))
    (one,) = explain.explain(folder.opened(str(tmp_path / "copy" / "out")), "changed")
    assert one["difference"][0].startswith(f"not shown: {tmp_path}/gone/in/part-000.parquet, which ")


def test_clusters(shown: Path) -> None:
    """The command lists the largest and the least alike clusters."""
    done = command("clusters", shown)
    name = fates_name(shown)
    assert done.stdout == (
        "1 cluster, 3 documents removed\n\n"
        "  largest            documents   kept   least   median   least alike\n"
        f"  {name}           4      1   0.823    0.966   changed (part-000.parquet:1)\n\n"
        "  least alike        documents   kept   least   median   least alike\n"
        f"  {name}           4      1   0.823    0.966   changed (part-000.parquet:1)\n\n"
        f"Next: tamis explain {shown} ID shows where a document differs from the one that stayed.\n"
    )


def fates_name(out: Path) -> str:
    """The name of the only cluster."""
    (name,) = pl.read_parquet(out / "ledger" / "*.parquet")["cluster"].drop_nulls().unique()
    return str(name)


def test_a_run_without_clusters(tmp_path: Path) -> None:
    """A run that makes no clusters says so."""
    run([make_stage("unicode")], split(tmp_path / "in", SHOWN, 1), tmp_path / "out")
    done = command("clusters", tmp_path / "out")
    assert (done.returncode, done.stderr) == (2, f"Error: no stage of {tmp_path}/out makes clusters.\nFix: put near_duplicates into the recipe.\n")
