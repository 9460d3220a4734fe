import type { ParseResult } from '../../../config/parse.ts'

/** The configuration where it is kept, for those who may read and change it from outside. */
export interface ConfigDocument {
  read(): Promise<{ readonly text: string; readonly version: string }>
  /** What the gateway would make of this text; nothing changes. */
  parse(text: string): ParseResult
  /**
   * Puts this text in force, unless somebody else changed the document since `version`.
   * @throws Error for people when it cannot be written, or what is around refuses it; the old one is in force then
   */
  replace(text: string, version: string): Promise<'replaced' | 'changed meanwhile'>
}
