"""Duplicates in a report: clusters, similarities and pairs are those of the ledger, and the places where texts differ are real."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from report_runs import SAMPLE, Rows, report, run, written

from tamis import clusters
from tamis.folder import Finished
from tamis.report import duplicates, gather


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run that drops exact duplicates of the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("exact") / "out")


@pytest.fixture(scope="module")
def rows(done: Finished) -> Rows:
    """The documents behind it."""
    return Rows(done, SAMPLE)


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run that drops near-duplicates of the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("near") / "out", [{"near_duplicates": {"prefer": ["length"]}}])


def test_clusters_are_those_of_the_ledger(done: Finished, rows: Rows) -> None:
    """A cluster is a document that stayed and all that were dropped in its favour."""
    dropped = Counter(row["partner"] for row in rows.rows if row["stage"] == "exact_duplicates")
    sizes = Counter(count + 1 for count in dropped.values())
    largest = [{"size": size, "clusters": sizes[size], "removed": sizes[size] * (size - 1)} for size in sorted(sizes, reverse=True)[:10]]
    told = {"stage": "exact_duplicates", "removed": sum(dropped.values()), "clusters": len(dropped), "largest": largest}
    (found,) = report(done)["duplicates"]
    assert {key: found[key] for key in told} == told


def test_clusters_of_two_stages_are_kept_apart(tmp_path: Path) -> None:
    """A document that one stage keeps and the next drops counts for each as that stage saw it."""
    texts = ["a b c", "a b c", "a b c", "x y z", "x y z"]
    folder = written(tmp_path / "in", text=texts, url=["1", "2", "3", "1", "4"])
    found = report(run(folder, tmp_path / "out", ["exact_duplicates", {"exact_duplicates": {"column": "url"}}]))["duplicates"]
    assert next((one["stage"], one["clusters"], one["removed"]) for one in found) == ("exact_duplicates", 2, 3)
    assert sum(one["removed"] for one in found) == 3 + sum(one["removed"] for one in found[1:])


def test_named_clusters_are_counted_by_their_members(near: Finished) -> None:
    """Clusters of near-duplicates are as many as `tamis clusters` finds, in all and by size."""
    (found,) = report(near)["duplicates"]
    told = clusters.clusters(near, most=10_000)
    assert (found["clusters"], found["removed"]) == (told["clusters"], told["removed"])
    sizes = Counter(one["size"] for one in told["largest"])
    assert {one["size"]: one["clusters"] for one in found["largest"]} == {size: sizes[size] for size in sorted(sizes, reverse=True)[:10]}
    assert sum(band["removed"] for band in found["sizes"]) == found["removed"]
    for band in found["sizes"]:
        assert band["clusters"] == sum(count for size, count in sizes.items() if band["least"] <= size <= band["most"])


def test_similarities_are_those_of_the_ledger(near: Finished) -> None:
    """Every dropped document is in the bin of its similarity."""
    (found,) = report(near)["duplicates"]
    similar = [row["similarity"] for row in Rows(near, SAMPLE).rows if row["stage"] == "near_duplicates"]
    edges = found["similarity"]["edges"]
    assert sum(found["similarity"]["documents"]) == len(similar) == found["removed"]
    for low, high, count in zip(edges, edges[1:], found["similarity"]["documents"], strict=False):
        last = high == 1.0
        assert count == sum(low - 5e-5 <= value < high - 5e-5 or (last and value >= high - 5e-5) for value in similar)


@pytest.mark.parametrize(("order", "told"), [("largest_pairs", "largest"), ("doubtful_pairs", "doubtful")])
def test_the_pairs_shown_are_the_largest_and_the_most_doubtful(near: Finished, order: str, told: str) -> None:
    """Five clusters of each kind; of each the document that is least like its partner."""
    (found,) = report(near)["duplicates"]
    named = [row for row in Rows(near, SAMPLE).rows if row["stage"] == "near_duplicates"]
    wanted = clusters.clusters(near, most=10_000)[told]
    key = "size" if told == "largest" else "least"
    shown = [pair["cluster_size"] if told == "largest" else pair["similarity"] for pair in found[order]]
    assert shown == [one[key] for one in wanted if one["least"] < 1 or told == "largest"][:5]
    for pair in found[order]:
        inside = [row for row in named if row["cluster"] == pair["cluster"]]
        assert pair["similarity"] == min(row["similarity"] for row in inside)
        assert {"address": pair["address"], "partner": pair["partner"]} in [
            {"address": f"{row['shard']}:{row['row']}", "partner": row["partner"]} for row in inside
        ]


def test_pairs_do_not_depend_on_slabs(near: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pairs are found however much of the ledger is read at a time."""
    once = gather.gather(near).duplicates
    monkeypatch.setattr(gather, "ROWS", 1)
    again = gather.gather(near).duplicates
    assert duplicates.told(again, ["near_duplicates"]) == duplicates.told(once, ["near_duplicates"])


def test_places_where_two_texts_differ_are_shown_and_masked(tmp_path: Path) -> None:
    """The word that was changed stands beside the one that it was, and an address is masked before it is compared."""
    body = " ".join(f"word{i}" for i in range(60))
    texts = [f"{body} red jane@example.com and some more of the same", f"{body} blue joe@example.com and some more of the same"]
    done = run(written(tmp_path / "in", text=texts), tmp_path / "out", [{"near_duplicates": {"floor": 0.7, "threshold": 0.7}}])
    (found,) = report(done)["duplicates"]
    (pair,) = found["doubtful_pairs"]
    (place,) = pair["places"]
    assert {place["gone"], place["come"]} == {"red", "blue"}
    assert (place["word"], place["after"].split()[0], pair["same_text"]) == (61, "<EMAIL>", False)
    assert "example.com" not in Path(done.out, "report.json").read_text("utf-8")
