"""An evaluation: its plan, its arms and judges, its run, its report."""
