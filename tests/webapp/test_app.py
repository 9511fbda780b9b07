"""Every page, on a project and on an empty database."""

from tests.worlds import World

PAGES = (
    "/",
    "/keys",
    "/clusters",
    "/map",
    "/vocabulary",
    "/traces",
    "/transitions",
    "/transitions/p.svg",
    "/transitions/weights-negative.svg",
    "/runs",
)


def addresses(world: World) -> list[str]:
    """All addresses that show something."""
    version = f"/versions/{world.version_id}"
    return [
        *PAGES,
        version,
        f"/versions/{world.frozen_id}",
        f"{version}/clusters",
        f"{version}/clusters/c0",
        f"{version}/clusters/c10",
        f"{version}/map",
        f"{version}/map.json",
        f"{version}/noise",
        f"{version}/history",
        f"{version}/diff?before={world.frozen_id}",
        f"/traces/{world.trace_id}",
        f"/traces/{world.trace_id + 1}",
        f"/runs/{world.training_run_id}",
        f"/runs/{world.training_run_id}/loss.svg",
    ]


def test_every_page_is_shown(sign_in, world: World) -> None:
    """Nothing that a template needs is missing."""
    cora = sign_in("Cora")
    answers = {address: cora.get(address).status_code for address in addresses(world)}
    assert answers == dict.fromkeys(answers, 200)
