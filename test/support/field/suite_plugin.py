"""
For pytest, when it runs the own tests of an SDK against another address than the mock that they were written for.

FIELD_KEY       what the SDK shows as its key
FIELD_OUTCOMES  file for the outcome of each test
FIELD_ANSWERS   a mock without a description of its API, which gets the answer to each call before the call
"""

import datetime
import inspect
import json
import os
import sys
import typing
import urllib.request

outcomes = {}


def pytest_collection_finish(session):
    conftest = sys.modules.get("tests.conftest")
    if conftest is not None:
        conftest.api_key = os.environ["FIELD_KEY"]


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        outcomes[report.nodeid] = {
            "outcome": report.outcome,
            "message": message(report) if report.outcome == "failed" else "",
        }


def message(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else str(report.longrepr))[:300]


def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        with open(os.environ["FIELD_OUTCOMES"], "w") as file:
            json.dump(outcomes, file)


def pytest_configure(config):
    if "FIELD_ANSWERS" in os.environ:
        from anthropic import _base_client

        teach(_base_client.SyncAPIClient)
        teach(_base_client.AsyncAPIClient)


def teach(client):
    """Has the mock know the type of an answer before the SDK asks for it."""
    asks = client.request

    def request(self, cast_to, options, *more, stream=False, stream_cls=None, **named):
        tell(options, cast_to, stream)
        return asks(self, cast_to, options, *more, stream=stream, stream_cls=stream_cls, **named)

    client.request = request


def tell(options, cast_to, stream):
    answer = {
        "method": options.method.upper(),
        "path": options.url.split("?")[0],
        "type": "text/event-stream" if stream else "application/json",
        "body": events() if stream else json.dumps(example(cast_to)),
    }
    if not stream and inspect.isclass(cast_to) and "Binary" in cast_to.__name__:
        answer.update(type="application/octet-stream", body="bytes")
    if "JSONLDecoder" in str(cast_to):
        answer.update(type="application/x-jsonl", body=json.dumps(example(typing.get_args(cast_to)[0])))
    urllib.request.urlopen(
        urllib.request.Request(
            os.environ["FIELD_ANSWERS"] + "/_answer",
            json.dumps(answer).encode(),
            {"content-type": "application/json"},
            method="PUT",
        )
    ).read()


SCALARS = {
    str: "string",
    int: 1,
    float: 0.5,
    bool: True,
    type(None): None,
    object: {},
    datetime.datetime: "2026-01-02T03:04:05Z",
    datetime.date: "2026-01-02",
}


def example(kind):
    """The smallest value of a type that the SDK's strict check takes."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in SCALARS:
        return SCALARS[kind]
    if hasattr(kind, "__value__"):
        return example(kind.__value__)
    if origin is typing.Literal:
        return args[0]
    if origin is typing.Annotated:
        return example(args[0])
    if origin is list:
        return [example(args[0])]
    if origin is dict:
        return {}
    if origin is typing.Union or type(kind).__name__ == "UnionType":
        return example(next(each for each in args if each is not type(None)))
    if hasattr(kind, "model_fields"):
        return {
            field.alias or name: example(field.annotation)
            for name, field in kind.model_fields.items()
            if field.is_required() or name == "data"
        }
    return {}


def events():
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    stream = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 1},
        },
        {"type": "message_stop"},
    ]
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in stream)
