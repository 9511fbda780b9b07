"""The pages: people review, approve and freeze the vocabulary here."""
