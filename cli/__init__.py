"""The `holdfast` command: one module per command, and the supervisor that `holdfast up` is."""
