import json
import os

import litellm

url, key = os.environ["URL"], os.environ["KEY"]
messages = [{"role": "user", "content": "Say hello."}]
parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]


def ask(**to):
    to = {**to, "api_key": key, "messages": messages, "max_retries": 0}
    call = litellm.completion(**to, tools=tools).choices[0].message.tool_calls[0]
    return {
        "chat": litellm.completion(**to).choices[0].message.content,
        "stream": "".join(
            chunk.choices[0].delta.content or "" for chunk in litellm.completion(**to, stream=True)
        ),
        "tools": json.loads(call.function.arguments),
    }


found = {
    "chat completions": ask(model="openai/gpt", api_base=url + "/v1"),
    "messages": ask(model="anthropic/claude", api_base=url),
    "generate content": ask(model="gemini/gemini", api_base=url + "/v1beta"),
    "ollama": ask(model="ollama_chat/llama3.2", api_base=url),
}
embedded = litellm.embedding(model="openai/embed", input=["hello"], api_base=url + "/v1", api_key=key)
found["chat completions"]["embeddings"] = embedded.data[0]["embedding"]
print(json.dumps(found))
