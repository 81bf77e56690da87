import type { HeaderList } from '../../headers.ts'
import { beginBytes, fieldBound } from '../hpack/encoder.ts'
import type { HpackEncoder } from '../hpack/encoder.ts'
import { headerCaseField } from './private-fields.ts'
import type { HeaderCase } from './private-fields.ts'

/** Room for the beginning of a block and all fields that a codec adds of its own, less their variable texts. */
export const fixedFieldsBound = beginBytes + 256

/** Most bytes that {@link encodeFields} writes. */
export function fieldsBound(headers: HeaderList): number {
  const { names, values } = headers
  let bound = 0
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? ''
    // Each name may stand once more, with a comma, in the header case field.
    bound += fieldBound(name, values[i] ?? '') + name.length + 1
  }
  return bound
}

export function encodeFields(
  encoder: HpackEncoder,
  headers: HeaderList,
  headerCase: HeaderCase | undefined,
): void {
  const { names, values, rawNames } = headers
  if (headerCase !== undefined && rawNames !== undefined)
    encoder.field(headerCaseField, headerCase.encode(rawNames))
  for (let i = 0; i < names.length; i++) encoder.field(names[i] ?? '', values[i] ?? '')
}
