import json
import os

import anthropic

client = anthropic.Anthropic(base_url=os.environ["URL"], api_key=os.environ["KEY"], max_retries=0)
ask = {
    "model": "claude",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Say hello."}],
}
schema = {"type": "object", "properties": {"city": {"type": "string"}}}
with client.messages.stream(**ask) as stream:
    streamed = "".join(stream.text_stream)
with client.messages.stream(**ask, tools=[{"name": "weather", "input_schema": schema}]) as stream:
    called = stream.get_final_message()
print(
    json.dumps(
        {
            "messages": {
                "list": [model.id for model in client.models.list()],
                "chat": client.messages.create(**ask).content[0].text,
                "stream": streamed,
                "tools": called.content[0].input,
            }
        }
    )
)
