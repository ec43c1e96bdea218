"""What libraries extend cujax with: ops of their own, `core.Primitive`, with rules in `cujax.interpreters`."""

from cujax.extend import backend, core

__all__ = ["backend", "core"]
