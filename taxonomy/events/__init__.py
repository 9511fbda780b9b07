"""What reviewers decide, as events that last, and the state that their replay gives."""
