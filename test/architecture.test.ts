import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import t from 'tap'

const src = resolve(import.meta.dirname, '../src')

/** The floor table of ARCHITECTURE.md. Imports go down only, never sideways between folders of one floor. */
const floors: Record<string, number> = {
  'main.ts': 4,
  cli: 4,
  proxy: 3,
  control: 3,
  http: 2,
  identity: 2,
  balancing: 2,
  resilience: 2,
  discovery: 2,
  telemetry: 2,
  functions: 2,
  model: 1,
  base: 0,
}

const importPattern = /(?:from\s+|import\s*\(\s*|import\s+)'(\.{1,2}\/[^']+)'/g

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap(entry => {
    const path = join(folder, entry)
    if (statSync(path).isDirectory()) return sources(path)
    return path.endsWith('.ts') ? [path] : []
  })
}

function roomOf(path: string): string {
  return relative(src, path).split(sep)[0] ?? ''
}

t.test('every source file stands in a room of the floor table', async t => {
  for (const file of sources(src)) t.ok(roomOf(file) in floors, relative(src, file))
})

t.test('imports go down the floors and never sideways', async t => {
  for (const file of sources(src)) {
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(importPattern)) {
      const from = roomOf(file)
      const to = roomOf(resolve(dirname(file), target))
      if (from === to) continue
      const bothCommandLine = floors[from] === 4 && floors[to] === 4
      t.ok(
        bothCommandLine || (floors[from] ?? -1) > (floors[to] ?? 99),
        `${relative(src, file)} imports ${target}`,
      )
    }
  }
})
