"""`mralign serve`: the pages."""

import gc
import socket
from typing import Annotated

import sqlalchemy as sa
import typer

from mralign.database import open_database
from mralign.terminal import say
from store import schema
from store.engine import get_engine
from store.errors import InvalidInput

app = typer.Typer(help="Serve the pages.", add_completion=False)

Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is every one.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")]
Upgrade = Annotated[bool, typer.Option("--upgrade", help="Bring the schema up to date first.")]

# People think longer than uvicorn's five seconds before they press the next key.
KEEP_ALIVE_S = 75
# Objects made before the next look for cycles. A page makes some thousands, and none that last.
OBJECTS_BETWEEN_COLLECTIONS = 20_000


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000, upgrade: Upgrade = False) -> None:
    """Serve the pages until Ctrl+C."""
    if upgrade:
        schema.upgrade(get_engine())
    serve_database(get_engine() if upgrade else open_database(), host, port)


def serve_database(engine: sa.Engine, host: str, port: int) -> None:
    """Listen first, so that the address that is printed is one that answers."""
    import uvicorn

    from webapp.app import create_app

    listener = listen(host, port)
    say(f"serving {address_of(listener)} · stop with Ctrl+C")
    pages = create_app(engine)

    class Server(uvicorn.Server):
        """Ends the streams first: they would keep it waiting for as long as somebody watches."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """Stop, once what is under way is answered."""
            pages.state.streams.close()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        pages,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    spare_collections()
    Server(config).run(sockets=[listener])


def spare_collections() -> None:
    """Never search again what was loaded at the start, and search the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


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
