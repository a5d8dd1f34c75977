"""What the specifications ask of a central system, each requirement a test on a real socket."""
