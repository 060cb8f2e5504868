"""Which request gets which faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.testing.faults import (
    Drawn,
    FaultPlan,
    FirstOf,
    HangUp,
    InOrder,
    Latency,
    ProxiedRequest,
    Reset,
    Rule,
    Script,
    ServerError,
    SlowDown,
)


def request(method="GET", target="/bucket/key", number=1, attempt=1, **headers):
    return ProxiedRequest(method, target, headers, number, attempt)


def drawn_for(plan, requests):
    return {(each.identity, each.attempt): plan.faults_for(each) for each in requests}


def test_every_plan_is_one():
    assert all(isinstance(plan, FaultPlan) for plan in (Script(), InOrder(), FirstOf(), Drawn([], rate=0)))


def test_a_list_goes_by_the_number_of_the_request():
    plan = InOrder(Reset(), None, HangUp())
    assert [plan.faults_for(request(number=n)) for n in range(1, 6)] == [(Reset(),), (), (HangUp(),), (), ()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"nth": 2}, [2]),
        ({"times": 2}, [1, 2]),
        ({"nth": 2, "times": 2}, [2, 3]),
    ],
)
def test_a_rule_says_how_many_of_its_requests_it_means(options, expected):
    script = Script(Rule(Reset(), method="PUT", **options))
    assert not script.faults_for(request("GET"))
    assert [n for n in range(1, 5) if script.faults_for(request("PUT"))] == expected


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (Rule(Reset(), method="PUT"), ["PUT /bucket/key?partNumber=1&uploadId=x", "PUT /bucket/key"]),
        (
            Rule(Reset(), path="/bucket/k?y"),
            ["PUT /bucket/key?partNumber=1&uploadId=x", "PUT /bucket/key", "GET /bucket/k%2By"],
        ),
        (Rule(Reset(), operation="UploadPart"), ["PUT /bucket/key?partNumber=1&uploadId=x"]),
        (Rule(Reset(), when=lambda r: "%2B" in r.target), ["GET /bucket/k%2By"]),
    ],
)
def test_a_rule_says_which_requests_it_means(rule, matches):
    lines = ["PUT /bucket/key?partNumber=1&uploadId=x", "PUT /bucket/key", "GET /bucket/k%2By", "GET /bucket"]
    assert [line for line in lines if rule.matches(request(*line.split()))] == matches


def test_the_first_rule_that_is_met_decides():
    script = Script(Rule((Latency(1), SlowDown()), nth=1), Rule(Reset(), times=1))
    assert [script.faults_for(request()) for _ in range(3)] == [(Latency(1), SlowDown()), (Reset(),), ()]


def test_the_first_plan_that_has_something_decides_and_all_count():
    plan = FirstOf(InOrder(Reset(), None, seed=5), Script(Rule(SlowDown(), nth=2), Rule(HangUp(), nth=1)))
    assert [plan.faults_for(request(number=n)) for n in (1, 2, 3)] == [(Reset(),), (SlowDown(),), ()]
    assert plan.seed == 5
    assert FirstOf().seed == 0


SOME = [request("PUT", f"/bucket/key{n}", attempt=attempt) for n in range(500) for attempt in (1, 2)]
MENU = [Reset(), HangUp(), ServerError()]


def test_the_same_seed_gives_the_same_faults_in_any_order():
    plan = Drawn(MENU, rate=0.3, seed=11)
    assert drawn_for(plan, SOME) == drawn_for(Drawn(MENU, rate=0.3, seed=11), reversed(SOME))


def test_another_seed_gives_others():
    assert drawn_for(Drawn(MENU, rate=0.3, seed=1), SOME) != drawn_for(Drawn(MENU, rate=0.3, seed=2), SOME)


def test_another_try_of_a_request_is_drawn_anew():
    plan = Drawn(MENU, rate=0.5, seed=1)
    tries = [
        tuple(bool(plan.faults_for(each)) for each in pair) for pair in zip(SOME[::2], SOME[1::2], strict=True)
    ]
    assert set(tries) == {(False, False), (False, True), (True, False), (True, True)}


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 1.0])
def test_the_rate_is_the_share_of_requests_that_get_one(rate):
    plan = Drawn(MENU, rate=rate, seed=3)
    hit = sum(bool(plan.faults_for(each)) for each in SOME)
    assert hit == pytest.approx(rate * len(SOME), abs=60 if 0 < rate < 1 else 0)


def test_every_entry_of_the_menu_is_drawn():
    plan = Drawn(MENU, rate=1, seed=3)
    assert {plan.faults_for(each)[0] for each in SOME} == set(MENU)


def test_an_entry_can_be_for_some_requests_only():
    plan = Drawn([Rule(SlowDown(), method="GET"), Rule((Latency(1), Reset()), method="PUT")], rate=1, seed=3)
    assert plan.faults_for(request("GET")) == (SlowDown(),)
    assert plan.faults_for(request("PUT")) == (Latency(1), Reset())
    assert plan.faults_for(request("HEAD")) == ()


def test_some_requests_can_be_spared():
    plan = Drawn(MENU, rate=1, when=lambda each: each.method != "HEAD")
    assert plan.faults_for(request("GET"))
    assert not plan.faults_for(request("HEAD"))


def test_a_seed_that_is_not_given_is_drawn_and_shown():
    plan = Drawn(MENU, rate=1)
    assert f"seed={plan.seed}" in repr(plan)
    assert plan.seed != Drawn(MENU, rate=1).seed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PUT /b/k?partNumber=1&uploadId=a", "PUT /b/k?partNumber=1&uploadId=b"),
        ("GET /b/k?X-Amz-Signature=a&X-Amz-Date=1", "GET /b/k?X-Amz-Date=2&X-Amz-Signature=b"),
        ("GET /b?list-type=2&prefix=p", "GET /b?prefix=p&list-type=2"),
    ],
)
def test_what_differs_from_run_to_run_is_not_part_of_the_identity(one, other):
    assert request(*one.split()).identity == request(*other.split()).identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (request("GET"), request("HEAD")),
        (request(target="/b/k"), request(target="/b/l")),
        (request(target="/b/k?partNumber=1"), request(target="/b/k?partNumber=2")),
        (request(range="bytes=0-1"), request(range="bytes=2-3")),
        (request("POST", **{"content-md5": "x"}), request("POST", **{"content-md5": "y"})),
        (request("POST", **{"x-amz-content-sha256": "x"}), request("POST", **{"x-amz-content-sha256": "y"})),
    ],
)
def test_what_makes_another_request_is_part_of_the_identity(one, other):
    assert one.identity != other.identity


@given(st.text(), st.integers())
def test_any_target_can_be_drawn_for(target, seed):
    Drawn(MENU, rate=0.5, seed=seed).faults_for(request(target=target))


def test_a_list_of_rules_is_refused_at_once():
    with pytest.raises(TypeError, match="one by one"):
        Script([Rule(ServerError())])
