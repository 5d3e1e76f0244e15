"""The operator's shell: watches, stores, a queue, and the hands that carry out a plan."""
