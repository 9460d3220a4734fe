import asyncio
import json
import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(base_url=os.environ["URL"] + "/v1", api_key=os.environ["KEY"])
model = OpenAIChatModel("gpt", provider=provider)
calls = []


def weather(city: str) -> str:
    """The weather of a city."""
    calls.append({"city": city})
    return "sunny"


async def main():
    plain = Agent(model)
    async with plain.run_stream("Say hello.") as running:
        stream = "".join([text async for text in running.stream_text(delta=True)])
    await Agent(model, tools=[weather]).run("How is the weather?")
    answer = await plain.run("Say hello.")
    found = {"chat": answer.output, "stream": stream, "tools": calls.pop()}
    print(json.dumps({"chat completions": found}))


asyncio.run(main())
