import { goPart } from './go.ts'

const gitHub = (name: string): string => `https://github.com/${name}.git`

export const gomodelPart = goPart({
  name: 'gomodel',
  source: gitHub('ENTERPILOT/GoModel'),
  commit: 'a26fbd1cdef96c6aec71ce7e350ed7444bb4111c',
  version: '0.1.22',
  command: './cmd/gomodel',
})

export const ollaPart = goPart({
  name: 'olla',
  source: gitHub('thushan/olla'),
  commit: '200c24f6f2758da6f45411fbd61a89c14a4ec239',
  version: '200c24f (2026-08)',
  command: '.',
})

export const llamaSwapPart = goPart({
  name: 'llama-swap',
  source: gitHub('mostlygeek/llama-swap'),
  commit: '0bdb3720199f530b622a1934c0db89f32c94819c',
  version: '250+5',
  command: '.',
})
