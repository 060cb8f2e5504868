import pytest

from quackcore_async.errors import ConflictError
from quackcore_async.transfer.claims import TargetClaims


def test_the_first_one_keeps_the_target():
    claims = TargetClaims()
    claims.claim("a")
    with pytest.raises(ConflictError) as caught:
        claims.claim("a")
    assert caught.value.code == "duplicate_target"


@pytest.mark.parametrize(("first", "second"), [("/x/a", "/x/a/b"), ("/x/a/b", "/x/a"), ("/x/a/b/c", "/x/a")])
def test_a_file_is_no_folder_of_others(first, second):
    claims = TargetClaims(nested=True)
    claims.claim(first)
    with pytest.raises(ConflictError):
        claims.claim(second)
    keys = TargetClaims()
    keys.claim(first)
    keys.claim(second)


def test_finished_targets_are_forgotten_in_time_but_never_those_under_way():
    claims = TargetClaims(remember=3)
    claims.claim("busy")
    for number in range(10):
        finish = claims.claim(str(number))
        finish()
    claims.claim("0")
    for taken in ("busy", "9", "8", "7"):
        with pytest.raises(ConflictError):
            claims.claim(taken)
