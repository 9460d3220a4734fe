import { type Finding, type Path, warning } from '../problem.ts'
import { WITHOUT_EFFECT } from '../schema/aperture.ts'
import type { ConfigFile } from '../schema.ts'

/** Sections that are taken so that a file of Aperture's loads as it is. */
export const checkAperture = (file: ConfigFile): Finding[] => [
  ...WITHOUT_EFFECT.filter((key) => key in file).map((key) => idle([key])),
  ...ofDatabase
    .filter((key) => file.database[key] !== undefined)
    .map((key) => idle(['database', key])),
]

const ofDatabase = ['save_raws', 'keep_encrypted_blobs'] as const

const idle = (path: Path): Finding =>
  warning(path, `${path.at(-1)} has no effect in this version`, 'Nothing else has to change')
