import { z } from 'zod'
import { kinds } from '../../src/model/parsing/validate.ts'

const draft = 'http://json-schema.org/draft-07/schema#'

/**
 * What editors check configuration by: the file of each kind by its name, and `weft.schema.json` for files that hold
 * several kinds. What spans fields or documents is checked by `weft validate` only.
 */
export function jsonSchemas(): ReadonlyMap<string, object> {
  const files = new Map<string, object>()
  for (const [kind, schema] of Object.entries(kinds)) {
    const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-07' })
    files.set(fileOf(kind), { $schema, title: kind, ...rest })
  }
  const anyOf = [...files.keys()].map(file => ({ $ref: file }))
  files.set('weft.schema.json', { $schema: draft, title: 'Configuration of Weft', anyOf })
  return files
}

/** `http-route.schema.json` of HTTPRoute. */
function fileOf(kind: string): string {
  return `${kind.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase()}.schema.json`
}
