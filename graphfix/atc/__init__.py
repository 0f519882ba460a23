"""ATC: its command line as a value, the checks that need no ATC, and what its errors mean."""
