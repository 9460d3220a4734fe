import asyncio
import json
import os

import agents
import openai

client = openai.AsyncOpenAI(
    base_url=os.environ["URL"] + "/v1", api_key=os.environ["KEY"], max_retries=0
)
agents.set_tracing_disabled(True)
calls = []


def weather(city: str) -> str:
    """The weather of a city."""
    calls.append({"city": city})
    return "sunny"


async def ask(model):
    plain = agents.Agent(name="plain", model=model)
    stream = ""
    running = agents.Runner.run_streamed(plain, "Say hello.")
    async for event in running.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            stream += event.data.delta
    calling = agents.Agent(name="calling", model=model, tools=[agents.function_tool(weather)])
    await agents.Runner.run(calling, "How is the weather?")
    answer = await agents.Runner.run(plain, "Say hello.")
    return {"chat": answer.final_output, "stream": stream, "tools": calls.pop()}


async def main():
    found = {
        "chat completions": await ask(agents.OpenAIChatCompletionsModel("gpt", client)),
        "responses": await ask(agents.OpenAIResponsesModel("gpt", client)),
    }
    print(json.dumps(found))


asyncio.run(main())
