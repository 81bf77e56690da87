// Writes the JSON Schemas anew, after a change of src/model/kinds: `node config/schemas/write.ts && npx oxfmt config`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jsonSchemas } from './json-schemas.ts'

for (const [name, schema] of jsonSchemas())
  writeFileSync(join(import.meta.dirname, name), `${JSON.stringify(schema, null, 2)}\n`)
