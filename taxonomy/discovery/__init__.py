"""From open labels to proposed categories: the runs of `mralign cluster`."""
