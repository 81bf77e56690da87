import { spawnSync } from 'node:child_process'
import { workPath } from './work-folder.ts'

export type Program = 'wrk' | 'h2load' | 'iperf3' | 'nginx' | 'haproxy' | 'envoy' | 'openssl'

const commands: Readonly<Record<Program, string>> = {
  wrk: 'wrk',
  h2load: 'h2load',
  iperf3: 'iperf3',
  nginx: 'nginx',
  haproxy: 'haproxy',
  envoy: workPath('envoy', '_bin', 'envoy'),
  openssl: 'openssl',
}

const versionPatterns: Readonly<Record<Program, RegExp>> = {
  wrk: /wrk (\S+)/,
  h2load: /nghttp2\/(\S+)/,
  iperf3: /iperf (\S+)/,
  nginx: /nginx\/(\S+)/,
  haproxy: /version (\S+)/,
  envoy: /version: \w+\/([^/]+)\//,
  openssl: /OpenSSL (\S+)/,
}

const versionFlags: Partial<Record<Program, string>> = {
  envoy: '--version',
  h2load: '--version',
  openssl: 'version',
}

/** What to start the program with; whether it is there is {@link versionOf}'s to say. */
export function commandOf(program: Program): string {
  return commands[program]
}

/** Undefined when the program is not installed. */
export function versionOf(program: Program): string | undefined {
  const flag = versionFlags[program] ?? '-v'
  const result = spawnSync(commands[program], [flag], { encoding: 'utf8' })
  if (result.error !== undefined) return undefined
  // wrk and nginx print it on standard error.
  return versionPatterns[program].exec(result.stdout + result.stderr)?.[1]
}
