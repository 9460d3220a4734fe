import { html, raw } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'

/** Strokes on a grid of 24. */
const strokes = {
  home: 'M4 11l8-7 8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z',
  models: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9',
  connect: 'M9 7H7a5 5 0 0 0 0 10h2M15 7h2a5 5 0 0 1 0 10h-2M8 12h8',
  keys: 'M15 15a5 5 0 1 0-4.6-3L3 19.4V21h3.5v-2.5H9V16l1.6-1.6A5 5 0 0 0 15 15zM16 8h.01',
  sessions: 'M4 5h16v10H9l-5 4z',
  overview: 'M4 20V10M10 20V4M16 20v-7M21 20H3',
  requests: 'M4 6h16M4 12h16M4 18h10',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.500a3.5 3.5 0 0 1 0 6.500M18 14.500a6.5 6.5 0 0 1 3.5 5.5',
  access: 'M12 3l8 3v6c0 4.5-3.3 7.8-8 9-4.7-1.2-8-4.5-8-9V6zM8.5 12l2.5 2.5 4.5-5',
  quotas: 'M12 21a9 9 0 1 0-9-9M12 12l-5-4M3 17h.01M12 3v2',
  doors: 'M5 21V10a7 7 0 0 1 14 0v11zM3 21h18M15 14h.01',
  providers: 'M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01M12 7h4M12 17h4',
  config: 'M4 7h9m4 0h3M4 17h3m4 0h9M15 4.500v5M9 14.500v5',
  audit: 'M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h5',
  doctor: 'M3 12h4l2.5-6 4 12 2.5-6h5',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4',
  menu: 'M4 7h16M4 12h16M4 17h16',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  play: 'M8 5.500v13l10.5-6.500z',
  check: 'M5 12.500l4.5 4.500L19 7.5',
  cross: 'M6 6l12 12M18 6L6 18',
  out: 'M14 4h5v16h-5M4 12h11M11 8l4 4-4 4',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.500M4 20h16',
} as const

export type Icon = keyof typeof strokes

/** Beside words that say the same. */
export const icon = (name: Icon): Html =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${raw(strokes[name])}"/></svg>`
