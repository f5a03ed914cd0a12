"""Kubernetes shared informers for one asyncio event loop."""

__version__ = "0.1.0.dev0"
