"""What labelers and annotators see and give: steps, windows, consensus, and their runs."""
