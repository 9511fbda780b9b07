"""What each page knows: a frozen dataclass a page, which names its template."""
