"""Speed on record: ratios in one run, on one machine, against one local upstream. Run by `make bench`."""
