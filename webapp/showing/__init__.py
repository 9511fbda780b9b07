"""Numbers, colours, keys and charts as every page shows them."""
