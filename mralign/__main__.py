"""`python -m mralign` is `mralign`."""

from mralign.main import main

main()
