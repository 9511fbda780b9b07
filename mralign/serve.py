"""`mralign serve`: the pages."""

import socket
from typing import Annotated

import sqlalchemy as sa
import typer

from mralign.database import open_database
from mralign.terminal import say
from store.errors import InvalidInput

app = typer.Typer(help="Serve the pages.", add_completion=False)

Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is every one.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")]


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the pages until Ctrl+C."""
    serve_database(open_database(), host, port)


def serve_database(engine: sa.Engine, host: str, port: int) -> None:
    """Listen first, so that the address that is printed is one that answers."""
    import uvicorn

    from webapp.app import create_app

    listener = listen(host, port)
    say(f"serving {address_of(listener)} · stop with Ctrl+C")
    config = uvicorn.Config(create_app(engine), log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        InvalidInput: the address cannot be had; the message says why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InvalidInput(
            f"expected to listen on {host} port {port}, but: {error.strerror}; "
            "choose another with --host and --port"
        ) from error
    listener.listen(128)
    return listener


def address_of(listener: socket.socket) -> str:
    """The address to open in a browser."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"
