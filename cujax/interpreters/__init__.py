"""The rules of ops that users declare (`cujax.extend.core.Primitive`): derivatives, batching, programs."""

from cujax.interpreters import ad, batching, mlir

__all__ = ["ad", "batching", "mlir"]
