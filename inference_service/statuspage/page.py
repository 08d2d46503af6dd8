"""The page is three files next to this one, so that its policy needs no exception for inline code. Read once."""

from importlib import resources

FILES = {
    name: (resources.files(__package__).joinpath(name).read_text(encoding="utf-8"), mime)
    for name, mime in (("page.html", "text/html"), ("page.css", "text/css"), ("page.js", "text/javascript"))
}
