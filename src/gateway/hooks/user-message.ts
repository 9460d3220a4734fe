import { type Json, list, object, text } from './json.ts'

/** The last thing that a person said, in whatever dialect; empty where nobody said anything. */
export function userMessage(body: Json | undefined): string {
  const turns = [body?.messages, body?.contents, body?.input].flatMap(list)
  const said = turns.filter((turn) => (object(turn)?.role ?? 'user') === 'user').map(saidIn)
  const last = said.findLast((words) => words !== '')
  return last ?? (text(body?.input) || text(body?.prompt))
}

/** Results of tools come in the person's name and have no text of their own. */
function saidIn(turn: unknown): string {
  if (typeof turn === 'string') return turn
  const { content, parts } = object(turn) ?? {}
  if (typeof content === 'string') return content
  return [...list(content), ...list(parts)]
    .map((part) => text(object(part)?.text))
    .filter((words) => words !== '')
    .join('\n')
}
