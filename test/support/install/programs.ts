import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

const cache = resolve(import.meta.dirname, '../../../node_modules/.cache/weft-kubernetes')

/** Where the programs are; undefined, and a reason to skip, where one is missing. */
export function findPrograms<N extends string>(
  ...names: readonly N[]
): { readonly programs: Readonly<Record<N, string>> } | { readonly missing: string } {
  const found = names.map(name => [name, find(name)] as const)
  const missing = found.flatMap(([name, path]) => (path === undefined ? [name] : []))
  if (missing.length > 0)
    return { missing: `no ${missing.join(', ')}: npm run e2e:kubernetes gets them, once` }
  return { programs: Object.fromEntries(found) as Record<N, string> }
}

function find(name: string): string | undefined {
  const path = `${cache}/${name}-v1.34.0`
  if (existsSync(path)) return path
  return spawnSync(name, ['--help'], { stdio: 'ignore' }).error === undefined ? name : undefined
}
