"""What a vocabulary says: presets, contents and their hash, what it is worth, SKOS, migration."""
