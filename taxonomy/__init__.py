"""Open labels in, a frozen vocabulary out."""
