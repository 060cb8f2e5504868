"""Every check of this project: `nox -l` lists them, `nox -s tests` runs one."""

import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "docs", "build"]

ROOT = Path(__file__).resolve().parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
DOC_TESTS = "tests/test_docs.py"
IN_PARALLEL = ("--numprocesses=3",)
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


def group(name: str) -> tuple[str, ...]:
    """Return the requirements of a dependency group: pip reads groups itself only from 25.1 on."""
    return nox.project.dependency_groups(PROJECT, name)


def install(session: nox.Session, *requirements: str) -> None:
    """Install the package as it is now, built as its users get it, and what else is required."""
    fresh = ["--reinstall-package=quackcore-async"] if session.venv_backend == "uv" else []
    session.install(*fresh, ".", *requirements)


def see_tree_last(session: nox.Session) -> None:
    """Let `tests` and `benchmarks` be imported, and yet the package from where it is installed."""
    where = session.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", silent=True)
    Path(str(where).strip(), "tree.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    session.env["PYTHONSAFEPATH"] = "1"


def run_pytest(session: nox.Session, *defaults: str) -> None:
    """Test what is installed: `pythonpath` is for runs in the tree, which it puts first."""
    see_tree_last(session)
    session.run("pytest", "--override-ini=pythonpath=", *(session.posargs or defaults))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install(*group("types"), *group("bench"), "nox")
    install(session)
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on every Python that is there; the others are named as skipped."""
    install(session, *group("test"))
    run_pytest(session, *IN_PARALLEL, "tests", f"--ignore={DOC_TESTS}")


@nox.session(python=PYTHONS[0], reuse_venv=False)
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest release of each dependency that the package says it works with."""
    session.install("uv")
    session.run_install("uv", "pip", "install", "--resolution=lowest-direct", ".")
    session.run_install("uv", "pip", "install", *group("test"))
    run_pytest(session, *IN_PARALLEL, "tests", f"--ignore={DOC_TESTS}")


@nox.session
def faults(session: nox.Session) -> None:
    """Kill and cancel at every point, and transfer with faults: `nox -s faults -- --fault-seed=7`."""
    install(session, *group("test"))
    see_tree_last(session)
    options = ("--fault-full", "--fault-objects=10000", "--durations=40", *session.posargs)
    one_by_one = (*IN_PARALLEL, "--maxschedchunk=1")  # to whoever is free: some take minutes
    session.run("pytest", "--override-ini=pythonpath=", *one_by_one, "tests/faults", *options)


@nox.session
def soak(session: nox.Session) -> None:
    """Work under faults for ten minutes, while nothing may grow: `nox -s soak -- --fault-seconds=3600`."""
    install(session, *group("test"))
    see_tree_last(session)
    options = ("--fault-seconds=600", *session.posargs)
    session.run("pytest", "--override-ini=pythonpath=", "tests/faults/test_soak.py", *options)


@nox.session
def mutants(session: nox.Session) -> None:
    """Plant faults, and count those that tests notice. Again, it goes on: `nox -s mutants -- auth --seed=7`."""
    install(session, *group("test"))
    see_tree_last(session)
    state = session.cache_dir / "mutants"
    session.run("python", "-m", "tests.mutation", f"--state={state}", *session.posargs)


@nox.session
def planted(session: nox.Session) -> None:
    """Plant bugs, one at a time, and see that a test finds each: `nox -s planted -- retry.py`."""
    install(session, *group("test"))
    see_tree_last(session)
    session.run("python", "-m", "tests.faults.planted", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run every code block of the documentation."""
    install(session, *group("test"))
    run_pytest(session, *IN_PARALLEL, DOC_TESTS)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, and print the figures as tables: `nox -s bench -- --quick`."""
    install(session, *group("bench"))
    see_tree_last(session)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the distributions, and use the wheel in an environment that has nothing else."""
    session.install("build", *PROJECT["build-system"]["requires"])
    dist, clean = (Path(session.create_tmp(), name) for name in ("dist", "clean"))
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--no-isolation", f"--outdir={dist}", silent=True)
    (wheel,) = dist.glob("*.whl")
    session.run("python", "-m", "venv", "--clear", str(clean))
    python = str(clean / SCRIPTS / "python")
    session.run(python, "-m", "pip", "install", "--quiet", str(wheel), external=True)
    session.run(python, "-I", "-c", "import quackcore_async", external=True)
    session.run(str(clean / SCRIPTS / "quack"), "version", external=True)
