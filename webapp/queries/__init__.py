"""What pages read: plain rows, in as few statements as a page needs."""
