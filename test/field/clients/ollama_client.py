import json
import os

import ollama

headers = {"Authorization": "Bearer " + os.environ["KEY"]}
client = ollama.Client(host=os.environ["URL"], headers=headers)
messages = [{"role": "user", "content": "Say hello."}]
parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
called = client.chat("llama3.2", messages, tools=tools)
print(
    json.dumps(
        {
            "ollama": {
                "list": [model.model for model in client.list().models],
                "chat": client.chat("llama3.2", messages).message.content,
                "stream": "".join(
                    part.message.content for part in client.chat("llama3.2", messages, stream=True)
                ),
                "tools": dict(called.message.tool_calls[0].function.arguments),
                "embeddings": list(client.embed("nomic-embed-text", "hello").embeddings[0]),
            }
        }
    )
)
