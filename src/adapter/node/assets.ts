import { readFileSync } from 'node:fs'
import { type Assets, assetNames } from '../../admin/dashboard/assets.ts'

/** The files that our pages load. They lie beside the code that names them, in a checkout and in the published build. */
export const readAssets = (): Assets =>
  Object.fromEntries(
    assetNames.map((name) => [
      name,
      readFileSync(new URL(`../../admin/dashboard/assets/${name}`, import.meta.url), 'utf8'),
    ]),
  )
