"""The SMPP edge: an ESME (SMPP 3.4)."""
