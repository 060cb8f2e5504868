"""All bugs that are planted."""

from tests.faults.planted import local_bugs, login_bugs, running_bugs, s3_bugs, transfer_bugs
from tests.faults.planted.bug import Bug

BUGS: tuple[Bug, ...] = (
    *s3_bugs.BUGS,
    *local_bugs.BUGS,
    *transfer_bugs.BUGS,
    *login_bugs.BUGS,
    *running_bugs.BUGS,
)
