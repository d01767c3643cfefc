"""Links to operators: connections, binds, outlets (shell)."""
