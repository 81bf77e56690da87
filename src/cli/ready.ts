// Without node:http, which would be two thirds of the time that the command takes.
import { sidecarPorts } from '../model/bootstrap.ts'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicNow, type Now } from '../base/clock.ts'
import { CommandError } from './command-error.ts'
import { place } from './process/environment-variable.ts'

export interface ReadyOptions {
  /** Of the page to ask. Default: {@link readyUrl}. */
  readonly url?: string
  /** For one question. Default 1000. */
  readonly timeoutMs?: number
  /** As long it is asked again while the answer is no. Default 0: it is asked once. */
  readonly waitMs?: number
}

export interface ReadySurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Monotonic. */
  readonly now: Now
  readonly print: (line: string) => void
}

const defaultTimeoutMs = 1000
const pollMs = 100
/** An answer says what is waited for in a few words. */
const maxAnswerBytes = 4096

/**
 * `weft ready`: 0 when a sidecar, or whoever answers at the URL, is ready; 1 when not, and prints what is waited for.
 */
export async function ready(
  options: ReadyOptions = {},
  { environment, now, print }: ReadySurroundings = ownSurroundings,
): Promise<number> {
  const { url = readyUrl(environment), timeoutMs = defaultTimeoutMs, waitMs = 0 } = options
  const deadline = now() + waitMs
  let said: string | undefined
  for (;;) {
    const obstacle = await ask(url, timeoutMs)
    if (obstacle === undefined) return 0
    // Once for each that it waits for.
    if (obstacle !== said) print(`not ready: ${obstacle}`)
    said = obstacle
    if (now() >= deadline) return 1
    await delay(Math.min(pollMs, deadline - now()))
  }
}

const ownSurroundings: ReadySurroundings = {
  environment: process.env,
  now: monotonicNow,
  print: line => console.log(line),
}

/** What an environment that describes a sidecar makes of it: its health port, or where that is off, its admin port. */
export function readyUrl(environment: Readonly<Record<string, string | undefined>>): string {
  const { WEFT_HEALTH: health = '', WEFT_ADMIN: admin = '' } = environment
  const [written, defaultPort] =
    health.trim() === 'off' ? [admin, sidecarPorts.admin] : [health, sidecarPorts.health]
  const { host = loopback, port = defaultPort } = place.read(written.trim()) ?? {}
  return `http://${hostToAsk(host)}:${port}/ready`
}

const loopback = '127.0.0.1'

/** Whoever listens on all addresses listens on loopback too. */
function hostToAsk(host: string): string {
  if (host === '0.0.0.0' || host === '::') return loopback
  return host.includes(':') ? `[${host}]` : host
}

/** Undefined when it is ready. */
function ask(url: string, timeoutMs: number): Promise<string | undefined> {
  const { protocol, hostname, port, host, pathname, search } = new URL(url)
  if (protocol !== 'http:')
    throw new CommandError(`${url}: expected a URL that begins with http://`)
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const giveUp = (): void => resolve(`no answer from ${url} within ${timeoutMs} ms`)
  const timer = setTimeout(giveUp, timeoutMs)
  const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) }
  const socket = net.connect(address, () => {
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  })
  let answer = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    answer += text
    if (answer.length > maxAnswerBytes) resolve(obstacleIn(answer))
  })
  socket.on('end', () => resolve(obstacleIn(answer)))
  socket.on('error', error => resolve(`no answer from ${url}: ${error.message}`))
  return promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
}

function obstacleIn(answer: string): string | undefined {
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? []
  if (status === '200') return undefined
  if (status === undefined) return 'what answers there is no sidecar'
  const [, waitingFor] = /"waitingFor": *"([^"]+)"/.exec(answer) ?? []
  return waitingFor === undefined ? `it answered ${status}` : `it waits for ${waitingFor}`
}
