"""REGISTER on both sides: bindings at us, and ours at a trunk."""
