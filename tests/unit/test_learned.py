"""What requests have taught about deployments, and for how long it is remembered."""

from inference_service.routing.learned import AGE, MOST, Learned

NOW = 1_000.0
SIX_HOURS = 6 * 3_600.0


def test_of_a_deployment_that_nobody_has_asked_nothing_is_known() -> None:
    learned = Learned()
    assert learned.refused_fields("p/a", NOW) == frozenset()
    assert not learned.denied("p/a", "vision", NOW)
    assert learned.prefills("p/a", NOW)
    assert learned.echoes("p/a") is None


def test_a_refused_field_is_remembered_for_six_hours_and_for_that_deployment_only() -> None:
    learned = Learned()
    learned.refuses_field("p/a", "sampling.seed", NOW)
    learned.refuses_field("p/a", "sampling.top_p", NOW + 1)
    assert learned.refused_fields("p/a", NOW) == {"sampling.seed", "sampling.top_p"}
    assert learned.refused_fields("p/b", NOW) == frozenset()
    assert learned.refused_fields("p/a", NOW + SIX_HOURS) == {"sampling.top_p"}
    assert learned.refused_fields("p/a", NOW + SIX_HOURS + 1) == frozenset()
    assert AGE == SIX_HOURS


def test_a_missing_capability_is_remembered_for_six_hours() -> None:
    learned = Learned()
    learned.lacks("p/a", "vision", NOW)
    assert learned.denied("p/a", "vision", NOW + SIX_HOURS - 1)
    assert not learned.denied("p/a", "tools", NOW)
    assert not learned.denied("p/b", "vision", NOW)
    assert not learned.denied("p/a", "vision", NOW + SIX_HOURS)


def test_a_refused_prefill_is_remembered_for_six_hours() -> None:
    learned = Learned()
    learned.refuses_prefill("p/a", NOW)
    assert not learned.prefills("p/a", NOW + SIX_HOURS - 1)
    assert learned.prefills("p/b", NOW)
    assert learned.prefills("p/a", NOW + SIX_HOURS)


def test_how_a_deployment_continues_is_what_it_did_last() -> None:
    learned = Learned()
    learned.continued("p/a", echoed=True)
    assert learned.echoes("p/a") is True
    learned.continued("p/a", echoed=False)
    assert learned.echoes("p/a") is False
    assert learned.echoes("p/b") is None


def test_facts_about_one_deployment_stand_beside_each_other() -> None:
    learned = Learned()
    learned.refuses_field("p/a", "x", NOW)
    learned.lacks("p/a", "vision", NOW)
    learned.continued("p/a", echoed=True)
    assert learned.refused_fields("p/a", NOW) == {"x"}
    assert learned.denied("p/a", "vision", NOW)
    assert learned.prefills("p/a", NOW)
    assert learned.echoes("p/a") is True


def test_a_reload_forgets_everything() -> None:
    learned = Learned()
    learned.refuses_field("p/a", "x", NOW)
    learned.refuses_prefill("p/a", NOW)
    learned.forget()
    assert learned.refused_fields("p/a", NOW) == frozenset()
    assert learned.prefills("p/a", NOW)


def test_the_memory_is_bounded_and_the_oldest_deployment_goes_first() -> None:
    learned = Learned()
    for number in range(MOST):
        learned.continued(f"d{number}", echoed=True)
    learned.continued("d0", echoed=False)  # known: nobody has to go
    assert learned.echoes("d1") is True
    learned.continued("new", echoed=True)
    assert learned.echoes("d0") is None
    assert learned.echoes("d1") is True
    assert learned.echoes("new") is True
