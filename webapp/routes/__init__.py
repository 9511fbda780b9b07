"""A module a screen: addresses, what each allows, and the page that it shows."""
