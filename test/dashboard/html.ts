const voids = new Set(['br', 'hr', 'img', 'input', 'link', 'meta', 'path', 'rect', 'col'])

/** What is closed though something else is open, or never closed: browsers mend it in silence, mostly wrong. */
export const unclosed = (text: string): string[] => {
  const open: string[] = []
  const wrong: string[] = []
  for (const [, slash, name = '', , alone] of text.matchAll(
    /<(\/?)([a-z][a-z0-9]*)\b([^>]*?)(\/?)>/g,
  )) {
    if (alone || voids.has(name)) continue
    if (!slash) open.push(name)
    else if (open.pop() !== name) wrong.push(`</${name}>`)
    if (wrong.length > 0) break
  }
  return [...wrong, ...(wrong.length > 0 ? [] : open)]
}
