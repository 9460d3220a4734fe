const utf8 = (text: string) => new TextEncoder().encode(text)

/** A frame of Amazon's event stream; its checksums are not looked at. */
export const frame = (payload: string, headers = ':event-type chunk'): Uint8Array => {
  const [head, body] = [utf8(headers), utf8(payload)]
  const whole = new Uint8Array(12 + head.length + body.length + 4)
  const view = new DataView(whole.buffer)
  view.setUint32(0, whole.length)
  view.setUint32(4, head.length)
  whole.set(head, 12)
  whole.set(body, 12 + head.length)
  return whole
}

/** What `InvokeModel` makes of a model's own event. */
export const wrapped = (event: object): Uint8Array => {
  const binary = String.fromCharCode(...utf8(JSON.stringify(event)))
  return frame(JSON.stringify({ bytes: btoa(binary), p: 'abc' }))
}
