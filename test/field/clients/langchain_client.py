import json
import os

from langchain_anthropic import ChatAnthropic
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

url, key = os.environ["URL"], os.environ["KEY"]
headers = {"headers": {"Authorization": "Bearer " + key}}
openai = {"base_url": url + "/v1", "api_key": key, "max_retries": 0}


def weather(city: str) -> str:
    """The weather of a city."""
    return "sunny"


def ask(model, embeddings=None):
    call = model.bind_tools([weather]).invoke("How is the weather?").tool_calls[0]
    found = {
        "chat": model.invoke("Say hello.").text,
        "stream": "".join(chunk.text for chunk in model.stream("Say hello.")),
        "tools": call["args"],
    }
    return {**found, "embeddings": embeddings.embed_query("hello")} if embeddings else found


print(
    json.dumps(
        {
            "chat completions": ask(
                ChatOpenAI(model="gpt", **openai),
                # A server that counts in tokens of OpenAI's own is not assumed.
                OpenAIEmbeddings(model="embed", check_embedding_ctx_length=False, **openai),
            ),
            "responses": ask(ChatOpenAI(model="gpt", use_responses_api=True, **openai)),
            "messages": ask(
                ChatAnthropic(model="claude", base_url=url, api_key=key, max_retries=0)
            ),
            "ollama": ask(
                ChatOllama(model="llama3.2", base_url=url, client_kwargs=headers),
                OllamaEmbeddings(model="nomic-embed-text", base_url=url, client_kwargs=headers),
            ),
        }
    )
)
