"""What goes round every page: who may, what may come in, and how an answer travels."""
