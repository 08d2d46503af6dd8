"""A server of the Model Context Protocol with three tools, on standard input and output."""

import os
import sys

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations

server = FastMCP("library")


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def find_book(title: str) -> str:
    """Where a book stands."""
    return f"{title} stands on shelf 7; home is {os.environ.get('LIBRARY', 'unknown')}"


@server.tool(title="Lend a book")
def lend_book(title: str) -> str:
    """Lends a book."""
    return f"{title} is lent"


@server.tool()
def burn_down() -> str:
    """Ends the server."""
    sys.stdout.flush()
    os._exit(3)


if __name__ == "__main__":
    server.run()
