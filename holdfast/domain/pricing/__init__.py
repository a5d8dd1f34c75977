"""What charging costs: cutting a session into periods, pricing them, explaining every cent."""
