"""The fault corpus: wrong rewrites of real models, and how many of them verification catches.

``python -m tests.faults`` prints the table. ``models`` are what is rewritten, ``kinds`` the wrong
rewrites, ``correct`` rewrites that must pass, ``truth`` says independently of graphfix what a
rewrite did to the outputs, ``trials`` brings them together.
"""
