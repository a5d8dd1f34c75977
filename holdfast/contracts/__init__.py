"""What rooms tell each other: facts, messages, declared activities and workflows, names, ports."""
