"""The web app's launcher: the screens, our own routes and the access guard in one process.

``python app.py``, ``streamlit run app.py`` and ``uvicorn app:app`` all start it. The line that
begins with ``app = st.App(`` must stay as it is: Streamlit finds the app by reading this file, and
where it finds none it serves ``pages/*.py`` directly, past every check of access.
"""

from pathlib import Path

import streamlit as st

from api.lifespan import lifespan
from api.loopback import refuse_public_address
from api.middleware import MIDDLEWARE
from api.routes import ROUTES
from api.startup import starting
from services.settings import load_settings

ROOT = Path(__file__).resolve().parent

if __name__ != "__main__":  # python app.py takes its address from the settings, see below
    refuse_public_address({"server.address": st.get_option("server.address")})

app = st.App(ROOT / "ui" / "main.py", routes=ROUTES, middleware=MIDDLEWARE, lifespan=lifespan)

if __name__ == "__main__":
    with starting():
        settings = load_settings()
    app.run(config={"server.address": settings.host, "server.port": settings.port})
