"""A stand-in for S3 that costs so little that a benchmark measures the client alone."""

from benchmarks.sink.process import Sink, run_sink

__all__ = ["Sink", "run_sink"]
