"""The page itself lies beside this file; it is read once."""

from importlib import resources

PAGE = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
