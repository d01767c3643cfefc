"""Who may speak, and digest authentication on both sides."""
