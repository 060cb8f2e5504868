"""Clients of services: HTTP with credentials and pagination, and S3."""
