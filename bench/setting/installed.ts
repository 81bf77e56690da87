import { spawnSync } from 'node:child_process'
import { workPath } from './work-folder.ts'

export type Program = 'wrk' | 'nginx' | 'haproxy' | 'envoy' | 'openssl'

const commands: Readonly<Record<Program, string>> = {
  wrk: 'wrk',
  nginx: 'nginx',
  haproxy: 'haproxy',
  envoy: workPath('envoy', '_bin', 'envoy'),
  openssl: 'openssl',
}

const versionPatterns: Readonly<Record<Program, RegExp>> = {
  wrk: /wrk (\S+)/,
  nginx: /nginx\/(\S+)/,
  haproxy: /version (\S+)/,
  envoy: /version: \w+\/([^/]+)\//,
  openssl: /OpenSSL (\S+)/,
}

/** What to start the program with; whether it is there is {@link versionOf}'s to say. */
export function commandOf(program: Program): string {
  return commands[program]
}

/** Undefined when the program is not installed. */
export function versionOf(program: Program): string | undefined {
  const flag = program === 'envoy' ? '--version' : program === 'openssl' ? 'version' : '-v'
  const result = spawnSync(commands[program], [flag], { encoding: 'utf8' })
  if (result.error !== undefined) return undefined
  // wrk and nginx print it on standard error.
  return versionPatterns[program].exec(result.stdout + result.stderr)?.[1]
}
