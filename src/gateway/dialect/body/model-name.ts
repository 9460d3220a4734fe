import { Failure } from '../../../platform/failure.ts'

const CONTROL = /[\u0000-\u001f\u007f]/
const MAX_NAME = 256

/**
 * A model's name as a provider could list it.
 * @throws Failure `invalid_request`
 */
export const modelName = (model: string): string => {
  if (
    model === '' ||
    model.length > MAX_NAME ||
    model !== model.trim() ||
    CONTROL.test(model) ||
    // Half a surrogate pair: readers put different things in its place.
    !model.isWellFormed() ||
    model.split('/').includes('..')
  ) {
    throw new Failure('invalid_request', 'The field "model" must be the name of a model.')
  }
  return model
}
