"""`python -m quackcore_async` is `quack`."""

from quackcore_async.cli.app import main

main()
