import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '..', '.work')

/** Before anything is written there. */
export function makeWorkFolder(): void {
  mkdirSync(join(folder, 'logs'), { recursive: true })
}

/** A path in the benchmark's own folder, which git ignores: peers, certificates, configurations, logs. */
export function workPath(...parts: string[]): string {
  return join(folder, ...parts)
}
