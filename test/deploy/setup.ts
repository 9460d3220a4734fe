import { bringTools } from './parts.ts'

await bringTools((line) => console.log(line))
