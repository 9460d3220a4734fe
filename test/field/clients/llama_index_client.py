import json
import os

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

url, key = os.environ["URL"] + "/v1", os.environ["KEY"]
to = {"api_base": url, "api_key": key, "max_retries": 0}
model = OpenAILike(model="gpt", is_chat_model=True, is_function_calling_model=True, **to)


def weather(city: str) -> str:
    """The weather of a city."""
    return "sunny"


messages = [ChatMessage(role="user", content="Say hello.")]
called = model.chat_with_tools([FunctionTool.from_defaults(fn=weather)], user_msg="The weather?")
print(
    json.dumps(
        {
            "chat completions": {
                "chat": model.chat(messages).message.content,
                "stream": "".join(part.delta or "" for part in model.stream_chat(messages)),
                "tools": model.get_tool_calls_from_response(called)[0].tool_kwargs,
                "embeddings": OpenAILikeEmbedding(model_name="embed", **to).get_text_embedding("hello"),
            }
        }
    )
)
