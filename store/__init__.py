"""What is remembered: tables, the engine, and verbs by aggregate."""
