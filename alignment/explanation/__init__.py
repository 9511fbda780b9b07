"""The way back from a weight: its arithmetic, its lineage, as text and as PROV."""
