"""Reads what a model server written in Python would read, by Starlette or by Werkzeug (first argument).

One JSON object a line on standard input, one on standard output.
"""
import asyncio
import base64
import io
import json
import sys


async def starlette(kind, content_type, body):
    from starlette.requests import Request

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode("latin-1")), (b"content-length", str(len(body)).encode())]
    request = Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}, receive)
    if kind == "json":
        # As FastAPI servers do, which take "true" for true and "5" for 5.
        return as_vllm(await request.body())
    form = await request.form()
    fields, files = {}, {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.setdefault(name, []).append(value)
        else:
            files.setdefault(name, []).append(base64.b64encode(await value.read()).decode())
    return {"fields": fields, "files": files, "model": form.get("model") if "model" in fields else None}


async def werkzeug(kind, content_type, body):
    from werkzeug.wrappers import Request

    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/", "SERVER_NAME": "x", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
        "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body),
    }
    request = Request(environ)
    if kind == "json":
        return fields_of(request.get_json(force=True))
    fields = {name: request.form.getlist(name) for name in request.form}
    files = {name: [base64.b64encode(f.read()).decode() for f in request.files.getlist(name)] for name in request.files}
    return {"fields": fields, "files": files, "model": request.form.get("model")}


def as_vllm(body):
    from pydantic import BaseModel

    class ChatRequest(BaseModel):
        model: str | None = None
        stream: bool | None = None
        max_tokens: int | None = None
        n: int | None = None
        api_base: str | None = None

    return ChatRequest.model_validate_json(body).model_dump()


def fields_of(body):
    return {name: body.get(name) for name in ("model", "stream", "max_tokens", "n", "api_base")}


def main():
    read = {"starlette": starlette, "werkzeug": werkzeug}[sys.argv[1]]
    loop = asyncio.new_event_loop()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = loop.run_until_complete(read(asked["kind"], asked["contentType"], base64.b64decode(asked["body"])))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
