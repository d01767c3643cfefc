"""An SMSC to try things out with, and a peer for tests."""
