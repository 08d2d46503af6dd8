"""The catalogue: known providers as rows of data. `load.load` reads it, `row.Row` is one entry."""
