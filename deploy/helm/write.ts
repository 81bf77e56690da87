// Writes anew what is made of the manifests: `node deploy/helm/write.ts`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chartFiles } from './chart-files.ts'

for (const [path, text] of chartFiles())
  writeFileSync(join(import.meta.dirname, 'weft', path), text)
