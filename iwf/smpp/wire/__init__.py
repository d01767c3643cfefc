"""The wire of SMPP: numbers, PDUs and their octets, frames.  Pure."""
