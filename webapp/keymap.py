"""The keys that the pages know. A page's own keys stand in its markup, as `data-key`."""

KEYS = (
    (
        "Everywhere",
        (
            ("?", "show the keys of this page"),
            ("g then o", "go to the overview"),
            ("g then q", "go to the queue"),
            ("g then b", "go to the board"),
            ("g then c", "go to the clusters"),
            ("g then m", "go to the map"),
            ("g then v", "go to the vocabulary"),
            ("g then t", "go to the traces"),
            ("g then p", "go to the transitions"),
            ("g then r", "go to the runs"),
            ("Escape", "leave a field, or close what is open"),
        ),
    ),
    (
        "Lists",
        (
            ("/", "filter"),
            ("j and k", "next and previous row"),
            ("Enter", "open the row"),
            ("u", "undo the last decision"),
        ),
    ),
    ("Queue", (("/", "filter"), ("Enter", "begin with the first"))),
    (
        "Board",
        (
            ("j and k", "next and previous cluster"),
            ("a, b, c …", "move the ticked clusters, or the one with the focus, to a category"),
            ("y", "accept the lane with the focus, else the first"),
            ("u", "undo the last decision"),
        ),
    ),
    (
        "One cluster",
        (
            ("a", "accept as it stands, and go on"),
            ("f", "flag it for a curator, and go on"),
            ("l", "leave it for later, and go on"),
            ("c", "remark"),
            ("1 to 9", "choose a category"),
            ("0", "choose no category"),
            ("Enter", "put the cluster in the chosen category, and go to the next"),
            ("r", "rename"),
            ("m", "merge with another cluster"),
            ("t", "tick labels"),
            ("s", "split the ticked labels off"),
            ("x", "mark the ticked labels as noise"),
            ("e", "open the first example in its trace"),
            ("u", "undo the last decision"),
            ("n", "next cluster to review"),
            ("j and k", "next and previous cluster"),
        ),
    ),
    ("Vocabulary", (("r", "give a reason, to submit, approve or freeze"),)),
)
