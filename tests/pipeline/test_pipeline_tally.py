from osfsync.pipeline.tally import PROBLEMS_KEPT, Tally


def test_problems_are_bounded_and_the_rest_is_told() -> None:
    tally = Tally()
    for number in range(PROBLEMS_KEPT + 7):
        tally.problem("Truck 1", f"{number}.osf", "not-found", "404")
    told = tally.told_problems()
    assert len(told) == PROBLEMS_KEPT + 1
    assert told[-1].explanation.startswith("7 more problems")


def test_few_problems_are_told_as_they_are() -> None:
    tally = Tally()
    tally.problem("Truck 1", None, "busy", "Later.")
    assert [problem.explanation for problem in tally.told_problems()] == ["Later."]


def test_a_file_that_comes_after_all_did_not_fail() -> None:
    tally = Tally(listed=1)
    tally.failed_files.add(("d", "a.osf"))
    assert tally.file_counts().failed == 1
    tally.file_fetched("d", "a.osf")
    counts = tally.file_counts()
    assert (counts.failed, counts.fetched, counts.left) == (0, 1, 0)
