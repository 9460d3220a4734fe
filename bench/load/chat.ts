/** One model for all of it. */
export const model = 'stub'

/** A request of about 400 bytes, as a small program would send it. */
export const chatBody = JSON.stringify({
  model,
  messages: [
    { role: 'system', content: 'You are a helpful assistant that answers in one sentence.' },
    {
      role: 'user',
      content:
        'Tell me in plain words why a postern is a better way into a fortress than its main gate, ' +
        'and what the guard who stands there has to know about those who knock at night.',
    },
  ],
  temperature: 0.2,
  max_tokens: 64,
})

/**
 * A request for a stream. The stub reads its length from `max_tokens` and the milliseconds between two frames from
 * `seed`: both are fields that every gateway passes on.
 */
export const streamBody = (frames: number, interval: number): string =>
  JSON.stringify({
    model,
    messages: [{ role: 'user', content: 'Count.' }],
    max_tokens: frames,
    seed: interval,
    stream: true,
  })

/** What the stub answers to a request without `stream`: some 290 bytes. */
export const answerBody = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1763700000,
  model,
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'Because it is small, and its guard knows your name.',
      },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 62, completion_tokens: 12, total_tokens: 74 },
})

export const modelsBody = JSON.stringify({
  object: 'list',
  data: [{ id: model, object: 'model', created: 1763700000, owned_by: 'bench' }],
})
