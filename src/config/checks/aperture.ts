import { type Finding, warning } from '../problem.ts'
import { WITHOUT_EFFECT } from '../schema/aperture.ts'
import type { ConfigFile } from '../schema.ts'

/** Sections that are taken so that a file of Aperture's loads as it is. */
export const checkAperture = (file: ConfigFile): Finding[] =>
  WITHOUT_EFFECT.filter((key) => key in file).map((key) =>
    warning([key], `${key} has no effect in this version`, 'Nothing else has to change'),
  )
