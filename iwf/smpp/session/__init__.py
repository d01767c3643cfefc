"""What happens on one connection and in one queue: machines without IO."""
