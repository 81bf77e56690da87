import { once } from 'node:events'
import http2, { type ClientHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { answersOkHttp2 } from '../setting/probe.ts'
import { SidecarPair } from './sidecar-pair.ts'
import type { Trial, TrialResult } from './trial.ts'

const connections = 10
const streamsOnEach = 400
const total = connections * streamsOnEach
const patienceMs = 30_000

/** The application answers none before the last is there, so that all are open at once. */
export const streams: Trial = {
  name: 'streams',
  promise: `${total} streams open at once on ${connections} connections, each answered`,
  run,
}

async function run(): Promise<TrialResult> {
  const held: ServerHttp2Stream[] = []
  const server = http2.createServer()
  server.on('stream', (stream, headers) => {
    if (headers[':path'] !== '/held') return answer(stream)
    held.push(stream)
    if (held.length === total) for (const each of held) answer(each)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await using pair = await SidecarPair.start({ port, protocol: 'http2' }, sidecar =>
    answersOkHttp2(`http://127.0.0.1:${sidecar}`, '/'),
  )
  const began = performance.now()
  const sessions = Array.from({ length: connections }, () =>
    http2.connect(`http://127.0.0.1:${pair.port}`),
  )
  const outcomes = await Promise.all(sessions.flatMap(requestAll))
  const ms = performance.now() - began
  for (const session of sessions) session.destroy()
  server.close()
  const good = outcomes.filter(outcome => outcome === '200').length
  const others = [...new Set(outcomes.filter(outcome => outcome !== '200'))]
  return {
    findings: [
      `${held.length} open at once, ${good} answered with 200, ${Math.round(ms)} ms in all`,
    ],
    failures:
      good === total ? [] : [`${total - good} streams ended otherwise: ${others.join(', ')}`],
  }
}

function answer(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200 })
  stream.end('held')
}

function requestAll(session: ClientHttp2Session): Promise<string>[] {
  session.on('error', () => {})
  return Array.from({ length: streamsOnEach }, () => request(session))
}

/** The status, or what went wrong. */
function request(session: ClientHttp2Session): Promise<string> {
  return new Promise(resolve => {
    const stream = session.request({ ':path': '/held' })
    let outcome = 'no answer'
    stream.once('response', headers => (outcome = String(headers[':status'])))
    stream.once('error', error => (outcome = error.message))
    stream.setTimeout(patienceMs, () => stream.close())
    stream.resume()
    stream.once('close', () => resolve(outcome))
  })
}
