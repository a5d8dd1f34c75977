"""The words, a module per language. A new language is a new module and a line in `reader`."""
