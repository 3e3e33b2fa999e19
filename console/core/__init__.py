"""What every app stands on: the gate, the actor, errors, forms, jobs, events and secrets."""
