import json
import os

from google import genai
from google.genai import types

client = genai.Client(
    api_key=os.environ["KEY"], http_options=types.HttpOptions(base_url=os.environ["URL"])
)
ask = {"model": "gemini", "contents": "Say hello."}
schema = {"type": "object", "properties": {"city": {"type": "string"}}}
declaration = types.FunctionDeclaration(name="weather", parameters_json_schema=schema)
config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declaration])])
models = client.models
print(
    json.dumps(
        {
            "generate content": {
                "list": [model.name.removeprefix("models/") for model in models.list()],
                "chat": models.generate_content(**ask).text,
                "stream": "".join(part.text or "" for part in models.generate_content_stream(**ask)),
                "tools": models.generate_content(**ask, config=config).function_calls[0].args,
                "embeddings": models.embed_content(model="gemini-embed", contents="hello")
                .embeddings[0]
                .values,
            }
        }
    )
)
