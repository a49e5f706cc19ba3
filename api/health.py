"""``/healthz``: the process answers. ``/readyz``: it can do its work, database included.

Unknown paths of a Streamlit app answer 200 with HTML, so a check should read the body.
"""

from functools import cache
from importlib.metadata import version

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from services.bootstrap import open_database
from services.errors import CloudOptimError
from services.workflows.browse_system import Database, DatabaseStatus, check_database


@cache
def database() -> Database:
    """The database that readiness is about, opened (and migrated) when first asked for.

    A failure is not remembered: the next question tries again.
    """
    return open_database()


def close_database() -> None:
    """Give back its connections, where it was opened."""
    if database.cache_info().currsize:
        database().close()
        database.cache_clear()


async def healthz(_request: Request) -> JSONResponse:
    """The process is alive and answers."""
    return JSONResponse({"status": "ok", "streamlit": version("streamlit")})


async def readyz(_request: Request) -> JSONResponse:
    """Whether pages can be served; 503 with the cause and the next step where they cannot."""
    try:
        status = await run_in_threadpool(_check)
    except CloudOptimError as error:
        problem = {"status": "not ready", "problem": error.problem, "next_step": error.next_step}
        return JSONResponse(problem, status_code=503)
    return JSONResponse(
        {
            "status": "ok",
            "database": status.dialect,
            "database_kind": status.kind,
            "schema": status.schema_revision,
        }
    )


def _check() -> DatabaseStatus:
    return check_database(database())
