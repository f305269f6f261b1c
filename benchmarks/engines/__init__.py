"""One engine a file; each is a program that runs one case and prints what it measured as JSON."""
