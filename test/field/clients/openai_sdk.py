import json
import os

import openai

client = openai.OpenAI(base_url=os.environ["URL"] + "/v1", api_key=os.environ["KEY"], max_retries=0)
messages = [{"role": "user", "content": "Say hello."}]
parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
ask = {"model": "gpt", "messages": messages}

chunks = client.chat.completions.create(**ask, stream=True)
stream = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
call = client.chat.completions.create(**ask, tools=tools).choices[0].message.tool_calls[0]
events = client.responses.create(model="gpt", input="Say hello.", stream=True)
tool = {"type": "function", "name": "weather", "parameters": parameters, "strict": False}
called = client.responses.create(model="gpt", input="How is the weather?", tools=[tool])
print(
    json.dumps(
        {
            "chat completions": {
                "list": [model.id for model in client.models.list()],
                "chat": client.chat.completions.create(**ask).choices[0].message.content,
                "stream": stream,
                "tools": json.loads(call.function.arguments),
                "embeddings": client.embeddings.create(model="embed", input="hello").data[0].embedding,
            },
            "responses": {
                "chat": client.responses.create(model="gpt", input="Say hello.").output_text,
                "stream": "".join(
                    event.delta for event in events if event.type == "response.output_text.delta"
                ),
                "tools": json.loads(called.output[0].arguments),
            },
        }
    )
)
