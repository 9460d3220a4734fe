import json
import os
import tempfile

home = tempfile.mkdtemp()
os.environ["LLM_USER_PATH"] = home
with open(os.path.join(home, "extra-openai-models.yaml"), "w") as file:
    file.write(
        f"""
- model_id: gateway
  model_name: gpt
  api_base: {os.environ["URL"]}/v1
  api_key_name: gateway
  supports_tools: true
"""
    )
with open(os.path.join(home, "keys.json"), "w") as file:
    json.dump({"gateway": os.environ["KEY"]}, file)

import llm  # noqa: E402, its settings are read when it is imported

model = llm.get_model("gateway")
calls = []


def weather(city: str) -> str:
    """The weather of a city."""
    calls.append({"city": city})
    return "sunny"


model.chain("How is the weather?", tools=[weather]).text()
print(
    json.dumps(
        {
            "chat completions": {
                "chat": model.prompt("Say hello.", stream=False).text(),
                "stream": "".join(model.prompt("Say hello.")),
                "tools": calls.pop(),
            }
        }
    )
)
