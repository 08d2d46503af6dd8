"""Hooks of MkDocs: pages that live outside of docs/, links to files of the repository, and the list of decisions."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
BORROWED = {"security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md"}
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Adds every page of docs/decisions, and under "More" every page that mkdocs.yml does not list."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    entries = [{title(page): f"decisions/{page.name}"} for page in pages]
    config.nav = [*config.nav, {"Decisions": entries}]
    listed = set(re.findall(r"[\w./-]+\.md", str(config.nav)))
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in sorted((ROOT / "docs").rglob("*.md"))]
    if more := [{title(ROOT / "docs" / page): page} for page in pages if page not in listed]:
        config.nav.append({"More": more})
    return config


def on_files(files: Any, config: Any) -> Any:
    for name, source in BORROWED.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    """A link to a file of the repository becomes its name: the site does not hold the repository."""
    name = page.file.src_uri
    base = (ROOT / BORROWED[name]).parent if name in BORROWED else (ROOT / "docs" / name).parent

    def replaced(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = (base / target).resolve()
        if not path.exists():
            return match[0]  # MkDocs reports it
        inside = path.relative_to(ROOT / "docs").as_posix() if path.is_relative_to(ROOT / "docs") else ""
        if name in BORROWED and inside:
            return f"[{text}]({inside}{anchor})"
        borrowed = next((own for own, source in BORROWED.items() if path == ROOT / source), "")
        if borrowed:
            return f"[{text}]({'../' * name.count('/')}{borrowed})"
        if inside and path.is_file() and files.get_file_from_path(inside):
            return match[0]
        return (
            f"{text} (`{path.relative_to(ROOT).as_posix()}`)"
            if text.strip("`") not in target
            else f"`{target.lstrip('./')}`"
        )

    return LINK.sub(replaced, markdown)


def title(page: Path) -> str:
    """The first heading of a page."""
    heading = next((line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("# ")), "# ?")
    return heading.removeprefix("# ")
