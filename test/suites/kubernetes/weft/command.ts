import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'

const main = resolve(import.meta.dirname, '../../../../src/main.ts')

export interface Finished {
  readonly code: number
  readonly output: string
  readonly errors: string
}

export interface CommandOptions {
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Resolves when it has ended, however that was. */
export async function run(
  [program = '', ...rest]: readonly string[],
  { input = '', environment = {} }: CommandOptions = {},
): Promise<Finished> {
  const child = spawn(program, rest, { env: { ...process.env, ...environment } })
  // Who reads nothing closes its end.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code: code ?? -1, output, errors }
}

/** `weft`, from this checkout. */
export function weftCommand(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  return run([process.execPath, main, ...command], options)
}
