"""Alembic migrations, named by what changes."""
