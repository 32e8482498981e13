"""Shared contact with Kubernetes and the clock: the API client, its errors, credentials, Leases."""
