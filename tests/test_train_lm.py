"""`tamis train lm`: the same text gives the same model, and what is left out or missing is said."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import models
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tamis
from tamis.cli import models as cards
from tamis.documents import utf8
from tamis.errors import DataError, RunError
from tamis.kernels.hashing import murmur128
from tamis.lm.model import Model
from tamis.lm.reference import choose
from tamis.lm.train import Settings, train

SAMPLE = Path(__file__).parents[1] / "sample_data" / "raw"
SMALL = Settings(vocabulary=400, max_bytes=400_000)


@pytest.fixture(scope="module")
def prose() -> pl.DataFrame:
    """Real documents with their languages, each once."""
    return pl.concat([pl.read_parquet(path, columns=["text", "lang"]) for path in sorted(SAMPLE.glob("*.parquet"))[:3]]).unique(
        maintain_order=True
    )


def content(model: str) -> tuple[object, ...]:
    """What a model is made of, whatever it says of its origin."""
    found = Model.load(model)
    facts = {key: found.facts[key] for key in ("documents", "bytes", "tokens", "texts_sha256", "held_out")}
    return found.tokenizer.sha256, hashlib.sha256(found.ngram.grams()[0].tobytes()).hexdigest(), facts


def test_order_and_format_make_no_difference(tmp_path, prose):
    """The same documents in another order, in other files, as JSON Lines, plain or zipped: the same model."""
    shuffled = prose.sample(fraction=1, shuffle=True, seed=3)
    half = prose.height // 2
    (tmp_path / "shards").mkdir()
    prose[:half].write_parquet(tmp_path / "shards" / "b.parquet")
    prose[half:].write_parquet(tmp_path / "shards" / "a.parquet")
    shuffled.write_ndjson(tmp_path / "prose.jsonl")
    (tmp_path / "zipped.jsonl.gz").write_bytes(gzip.compress((tmp_path / "prose.jsonl").read_bytes()))
    places = [[str(tmp_path / "shards")], [str(tmp_path / "prose.jsonl")], [str(tmp_path / "zipped.jsonl.gz")]]
    made = []
    for number, (place, workers) in enumerate(zip(places, (1, 2, 3), strict=True)):
        train(place, str(tmp_path / f"{number}.ngram"), SMALL, workers=workers)
        made.append(content(str(tmp_path / f"{number}.ngram")))
    assert made[0] == made[1] == made[2]


def test_the_same_command_writes_the_same_bytes(tmp_path):
    """Also in another process, with another number of workers and another order of files."""
    places = sorted(map(str, SAMPLE.glob("*.parquet")))[:2]
    train(places, str(tmp_path / "prose.ngram"), SMALL, workers=1)
    before = (tmp_path / "prose.ngram").read_bytes()
    command = [
        sys.executable,
        "-m",
        "tamis",
        "train",
        "lm",
        *reversed(places),
        "-o",
        str(tmp_path / "prose.ngram"),
        "--vocabulary",
        "400",
        "--max-bytes",
        "400kB",
    ]
    subprocess.run([*command, "--workers", "2"], check=True, capture_output=True)
    assert (tmp_path / "prose.ngram").read_bytes() == before


def test_what_a_model_says_of_itself(tmp_path, prose):
    """Documents, bytes and tokens that were counted, what was left out, the files, and the hash of the texts' hashes."""
    doubled = pl.concat([prose, prose[:7], pl.DataFrame({"text": ["", " \n", None], "lang": ["en"] * 3})])
    doubled.write_parquet(tmp_path / "prose.parquet")
    (told,) = train([str(tmp_path / "prose.parquet")], str(tmp_path / "prose.ngram"), SMALL)
    model = Model.load(str(tmp_path / "prose.ngram"))
    assert {key: value for key, value in told.items() if key != "file"} == model.facts
    assert (told["name"], told["tokens"]) == ("prose", model.ngram.tokens)
    held, left = told["held_out"], told["left_out"]
    assert (left["unreadable"], left["blank"], left["seen before"]) == (1, 2, 7)
    assert told["documents"] + held["documents"] + left["beyond the bytes asked for"] == prose.height
    assert 380_000 < told["bytes"] + held["bytes"] <= 400_000
    assert 0 < held["bytes"] <= 0.06 * 400_000
    assert held["thirds"][0] < held["bits_per_byte"] + 1 < held["thirds"][1] + 2
    assert told["inputs"] == [{"file": "prose.parquet", "sha256": hashlib.sha256((tmp_path / "prose.parquet").read_bytes()).hexdigest()}]
    assert told["settings"] == {"vocabulary": 400, "max_bytes": 400_000, "order": 4, "seed": 0, "text": "text", "by": None}


def test_held_out_documents_are_not_counted(tmp_path, prose):
    """They are predicted worse than counted ones, and the hash of the texts is of the counted ones alone."""
    prose.write_parquet(tmp_path / "prose.parquet")
    (told,) = train([str(tmp_path / "prose.parquet")], str(tmp_path / "m"), SMALL)
    chosen = choose([str(tmp_path / "prose.parquet")], max_bytes=400_000).groups[""]
    count = told["held_out"]["documents"]
    model = Model.load(str(tmp_path / "m"))
    held, counted = chosen.part(0, count), chosen.part(count, len(chosen))
    assert model.bits_per_byte(held.texts).mean() > 1.5 * model.bits_per_byte(counted.texts).mean()
    assert told["texts_sha256"] == hashlib.sha256(np.sort(counted.keys).astype("<u8").tobytes()).hexdigest()


def test_a_model_for_each_language(tmp_path, prose):
    """Each is trained on its own documents, is named after its value, and knows its language best."""
    french = pl.DataFrame({"text": [f"{i}: {text}" for i in range(40) for text in models.FRENCH], "lang": "fr"})
    others = pl.DataFrame({"text": ["trop peu", "sans langue", "sans langue non plus"], "lang": ["ee/et", None, ""]})
    pl.concat([prose.filter(pl.col("lang") == "en"), french, others]).write_parquet(tmp_path / "all.parquet")
    told = train([str(tmp_path / "all.parquet")], str(tmp_path / "out"), Settings(400, 300_000, by="lang"))
    assert [(one["name"], Path(one["file"]).name) for one in told] == [("en", "en.ngram"), ("fr", "fr.ngram")]
    assert told[0]["left_out"]["no lang"] == 2
    english, other = (Model.load(one["file"]) for one in told)
    text = pa.array(["Le chien cherche la table dans la cuisine, et le voisin l'a vu."], pa.large_string())
    assert other.bits_per_byte(text)[0] < 0.5 * english.bits_per_byte(text)[0]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.text("ab", max_size=3), st.sampled_from(["x", "y"])), max_size=12), st.integers(0, 12), st.integers(0, 1))
def test_the_draw(tmp_path_factory, rows, most, seed):
    """Each text once, those of the lowest draws that fit, the same whatever the order; a larger draw holds a smaller one."""
    folder = tmp_path_factory.mktemp("draw")
    frame = pl.DataFrame(rows, schema={"text": pl.String, "source": pl.String}, orient="row")
    frame.write_parquet(folder / "a.parquet")
    frame.reverse().write_parquet(folder / "b.parquet")
    one, other = (choose([str(folder / name)], by="source", max_bytes=most, seed=seed).groups for name in ("a.parquet", "b.parquet"))
    texts = {text for text, _ in rows if text}
    for group in one:
        drawn = one[group].texts.to_pylist()
        assert sum(map(len, drawn)) <= most
        assert len(set(drawn)) == len(drawn)
        every = choose([str(folder / "a.parquet")], by="source", max_bytes=1000, seed=seed).groups[group].texts.to_pylist()
        assert every[: len(drawn)] == drawn
        assert len(every) == len(drawn) or sum(map(len, every[: len(drawn) + 1])) > most
        assert one[group].keys.tolist() == murmur128(*utf8(one[group].texts))[0].tolist()
    if len({text for text, _ in rows}) == len(rows):  # or it is chance which group a text is of
        assert {group: found.texts.to_pylist() for group, found in one.items()} == {
            group: found.texts.to_pylist() for group, found in other.items()
        }
    if most >= 3 * len(rows):
        assert {text for found in one.values() for text in found.texts.to_pylist()} == texts


def test_another_seed_is_another_draw(prose, tmp_path):
    """Half of the text is drawn; of two seeds each has documents that the other lacks."""
    prose.write_parquet(tmp_path / "prose.parquet")
    half = prose["text"].str.len_bytes().sum() // 2
    one, other = (set(choose([str(tmp_path / "prose.parquet")], max_bytes=half, seed=seed).groups[""].texts.to_pylist()) for seed in (0, 1))
    assert 0.2 < len(one & other) / len(one) < 0.8


def test_too_little_text_is_said(tmp_path):
    """Ten documents make no model, nor do long ones that are few."""
    few, short = tmp_path / "few.jsonl", tmp_path / "short.jsonl"
    few.write_text("\n".join(json.dumps({"text": f"{i} " * 50_000}) for i in range(5)))
    short.write_text("\n".join(json.dumps({"text": f"text {i:02}"}) for i in range(30)))
    for path, found in ((few, "5 documents with 500,000 bytes"), (short, "30 documents with 210 bytes")):
        said = f"^{found} of text are too little for a model: it takes 20 documents and 100,000 bytes.\nFix: give more reference text.$"
        with pytest.raises(DataError, match=said):
            train([str(path)], str(tmp_path / "m"), Settings())
    assert not (tmp_path / "m").exists()


def test_impossible_input_is_said(tmp_path):
    """Missing files and columns, broken lines, a folder in place of a file: one sentence each."""
    (tmp_path / "other.jsonl").write_text('{"body": "x"}\n')
    (tmp_path / "broken.jsonl").write_text('{"text": "x"}\n{"text": \n')
    (tmp_path / "number.jsonl").write_text('{"text": 3}\n')
    (tmp_path / "cut.parquet").write_bytes((SAMPLE / "part-000.parquet").read_bytes()[:5000])
    cases = [
        ("nowhere.parquet", DataError, '"{}" does not exist.'),
        ("nowhere.jsonl", DataError, '"{}" does not exist.\nFix: name Parquet or JSON Lines files.'),
        ("other.jsonl", DataError, '{}: tamis train lm reads the field "text", which no line has.'),
        ("broken.jsonl", DataError, '"{}" cannot be read: JSON parse error: Invalid value. in row 1.'),
        ("number.jsonl", DataError, '"{}" cannot be read: JSON parse error: Column(/text) changed from string to number in row 0.'),
        ("cut.parquet", DataError, '"{}" cannot be read: Parquet magic bytes not found in footer'),
    ]
    for name, kind, said in cases:
        place = str(tmp_path / name)
        with pytest.raises(kind, match="^" + re.escape(said.format(place))):
            train([place], str(tmp_path / "m"), Settings())
    with pytest.raises(DataError, match='reads the column "body", which the data lacks'):
        train([str(SAMPLE)], str(tmp_path / "m"), Settings(text="body"))
    with pytest.raises(
        RunError, match=f'^"{tmp_path}" is a folder, and a model is a file.\nFix: give a name in it: -o {tmp_path}/prose.ngram.$'
    ):
        train([str(SAMPLE)], str(tmp_path), Settings())


def test_the_command(tmp_path, tamis_command, monkeypatch):
    """It prints what was made and how to use it; a user's mistake is one sentence and exit code 2."""
    monkeypatch.chdir(tmp_path)
    words = ["train", "lm", SAMPLE / "part-000.parquet", "--max-bytes", "200kB", "--vocabulary", "300"]
    code, out, _ = tamis_command(*words, "-o", "prose.ngram")
    facts = Model.load("prose.ngram").facts
    held = facts["held_out"]
    lines = out.splitlines()
    assert code == 0
    assert re.split(r"\s{2,}", lines[1].strip()) == [
        "prose.ngram",
        f"{facts['documents']:,}",
        f"{facts['bytes'] / 1000:.0f} kB",
        f"{facts['tokens']:,}",
        f"{held['bits_per_byte']:.3f}",
        f"up to {held['thirds'][0]:.3f}",
        f"from {held['thirds'][1]:.3f}",
    ]
    assert lines[-2:] == [
        f"Left out: {facts['left_out']['beyond the bytes asked for']:,} beyond the bytes asked for.",
        "Next: in a recipe, perplexity: {model: prose.ngram}",
    ]
    _, out, _ = tamis_command(*words, "-o", "by", "--by", "lang")
    assert out.splitlines()[-1] == "Next: in a recipe, perplexity: {model: {en: by/en.ngram}}"
    _, out, _ = tamis_command(*words, "-o", "by", "--by", "lang", "--json")
    assert [one["file"] for one in json.loads(out)] == ["by/en.ngram"]
    code, _, wrong = tamis_command(*words, "-o", "m", "--text", "body")
    said = 'tamis train lm reads the column "body", which the data lacks. There are columns: id, text, url, source, license, lang, topic, date, quality.'
    assert (code, wrong.splitlines()[-2:]) == (2, [f"Error: {SAMPLE / 'part-000.parquet'}: {said}", "Fix: say which it is: --text text."])


def test_a_model_can_be_asked(tmp_path, prose):
    """`tamis models` prints the card of a model of text: the file's hash and size, what it was trained on, and what it makes of the rest."""
    prose.write_parquet(tmp_path / "prose.parquet")
    (made,) = train([str(tmp_path / "prose.parquet")], str(tmp_path / "p.ngram"), SMALL)
    card = cards.described(str(tmp_path / "p.ngram"))
    content = (tmp_path / "p.ngram").read_bytes()
    assert (card["name"], card["sha256"], card["bytes"]) == ("p", hashlib.sha256(content).hexdigest(), len(content))
    assert (card["documents"], card["training_bytes"], card["held_out"]) == (made["documents"], made["bytes"], made["held_out"])
    said = [re.split(r"  +", line.strip(), maxsplit=1) for line in cards.as_text(card).split("\n")]
    assert [name for name, _ in said] == ["name", "kind", "sha256", "bytes", "counts", "trained", "tamis", "input", "texts", "held out"]
    assert dict(said)["bytes"] == f"{len(content):,}"
    assert dict(said)["counts"] == f"4-grams of {card['vocabulary']:,} tokens, {made['tokens']:,} seen"
    assert dict(said)["trained"].startswith(f"on {made['documents']:,} documents, ")


def test_files_that_are_no_models_of_text_are_said_to_be_none(tmp_path, prose):
    """Parquet of something else, and a damaged model, are errors that name the file."""
    prose.write_parquet(tmp_path / "prose.parquet")
    with pytest.raises(DataError, match="is not a model of `tamis train lm`"):
        cards.described(str(tmp_path / "prose.parquet"))
    (tmp_path / "half.ngram").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="is not a model of `tamis train lm`"):
        cards.described(str(tmp_path / "half.ngram"))


def test_a_run_names_the_models_that_it_asked(tmp_path, prose):
    """The manifest has the hash of every model of text that a stage was given, by language or one for all."""
    prose.write_parquet(tmp_path / "prose.parquet")
    train([str(tmp_path / "prose.parquet")], str(tmp_path / "p.ngram"), SMALL)
    (tmp_path / "data").mkdir()
    prose[:5].write_parquet(tmp_path / "data" / "a.parquet")
    for number, model in enumerate((str(tmp_path / "p.ngram"), {"en": str(tmp_path / "p.ngram")})):
        recipe = tamis.Recipe("test", (tamis.make_stage("perplexity", model=model),))
        tamis.run(recipe, [str(tmp_path / "data")], str(tmp_path / f"out{number}"))
        named = json.loads((tmp_path / f"out{number}" / "manifest.json").read_text())["files"]
        assert named == {"perplexity": {"p.ngram": hashlib.sha256((tmp_path / "p.ngram").read_bytes()).hexdigest()}}
