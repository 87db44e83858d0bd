# The application of the servers that run on Python: app.mjs in Flask (WSGI) and in Starlette (ASGI).

import hashlib

from counts import counted

ITERATIONS = 15_000


def key():
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", ITERATIONS, 32).hex()


def wsgi():
    from flask import Flask

    app = Flask(__name__)
    count = counted()

    @app.get("/hello")
    def hello():
        count()
        return {"hello": "world"}

    @app.get("/cpu")
    def cpu():
        count()
        return {"key": key()}

    return app


def asgi():
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    count = counted()

    async def hello(request):
        count()
        return JSONResponse({"hello": "world"})

    async def cpu(request):
        count()
        return JSONResponse({"key": key()})

    return Starlette(routes=[Route("/hello", hello), Route("/cpu", cpu)])
