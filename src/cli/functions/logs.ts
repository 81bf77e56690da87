import { setTimeout as delay } from 'node:timers/promises'
import type { LogLine } from '../../functions/function-log.ts'
import { CommandError } from '../command-error.ts'
import { explainFailure } from '../fetch-failure.ts'
import { adminOf, type HostOptions } from './host-admin.ts'

export interface LogsOptions extends HostOptions {
  /** Ends when it has shown what there is. */
  readonly once: boolean
}

const pollMs = 500
const timeoutMs = 5000

/** `weft logs`: what the instances of a function write, from the last thousand lines on, until Ctrl-C. */
export async function logs(name: string, options: LogsOptions): Promise<number> {
  const admin = await adminOf(name, options)
  let after = 0
  for (;;) {
    const lines = await fetchLines(new URL(`/function/logs?after=${after}`, admin))
    for (const line of lines) console.log(formatLine(line))
    after = lines.at(-1)?.sequence ?? after
    if (options.once) return 0
    await delay(pollMs)
  }
}

function formatLine({ time, instance, text }: LogLine): string {
  return `${new Date(time).toISOString()} ${instance} | ${text}`
}

async function fetchLines(url: URL): Promise<readonly LogLine[]> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    if (response.ok) return ((await response.json()) as { lines: LogLine[] }).lines
    throw new Error(response.status === 404 ? 'hosts no function' : `answered ${response.status}`)
  } catch (error) {
    throw new CommandError(`no log from ${url.origin}: ${explainFailure(error)}`)
  }
}
