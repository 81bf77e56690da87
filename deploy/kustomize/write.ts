// Writes the base anew: `node deploy/kustomize/write.ts`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { baseFiles } from './base-files.ts'

for (const [name, text] of baseFiles()) writeFileSync(join(import.meta.dirname, 'base', name), text)
