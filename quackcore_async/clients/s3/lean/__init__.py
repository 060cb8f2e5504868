"""The lean engine: the hot operations of S3 as signed requests over connections of its own."""
