import { once } from 'node:events'
import http2, { type ClientHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { answersOkHttp2 } from '../setting/probe.ts'
import { SidecarPair } from './sidecar-pair.ts'
import type { Trial, TrialResult } from './trial.ts'

const seconds = 10
const storms = 2
const burst = 40

/** A client that does nothing but cancel, beside one whose requests must not notice. */
export const cancellations: Trial = {
  name: 'cancellations',
  promise: 'streams that clients cancel never end a connection between sidecars',
  run,
}

async function run(): Promise<TrialResult> {
  const server = http2.createServer()
  server.on('stream', stream => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    stream.end('ok')
  })
  server.on('sessionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await using pair = await SidecarPair.start({ port, protocol: 'http2' }, sidecar =>
    answersOkHttp2(`http://127.0.0.1:${sidecar}`, '/'),
  )
  const origin = `http://127.0.0.1:${pair.port}`
  const over = AbortSignal.timeout(seconds * 1000)
  const steady = request(origin, over)
  const cancelled = Array.from({ length: storms }, () => cancel(origin, over))
  // By then the pool has as many connections as the load has it open.
  await sleep(1000)
  const before = await pair.meshConnections()
  const { good, bad } = await steady
  const count = (await Promise.all(cancelled)).reduce((sum, each) => sum + each, 0)
  const after = await pair.meshConnections()
  server.close()
  const lost = [...before].filter(local => !after.has(local)).length
  return {
    findings: [
      `${Math.round(count / seconds)} streams cancelled a second for ${seconds} s`,
      `${good} requests beside them answered, ${bad} failed`,
      `${before.size} connections between the sidecars, ${lost} of them ended`,
    ],
    failures: [
      ...(before.size > 0 && lost === 0 ? [] : ['connections between sidecars ended']),
      ...(bad === 0 ? [] : ['requests beside the cancelled ones failed']),
    ],
  }
}

async function request(origin: string, over: AbortSignal) {
  const counts = { good: 0, bad: 0 }
  const session = http2.connect(origin)
  session.on('error', () => {})
  while (!over.aborted) {
    if (await answersOn(session)) counts.good++
    else counts.bad++
  }
  session.destroy()
  return counts
}

async function answersOn(session: ClientHttp2Session): Promise<boolean> {
  if (session.closed || session.destroyed) return false
  const stream = session.request({ ':path': '/' })
  stream.on('error', () => {})
  stream.resume()
  try {
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpStatusHeader]
    await once(stream, 'close')
    return headers[':status'] === 200
  } catch {
    return false
  }
}

/** As fast as the sidecar lets it: a connection that is ended for its cancellations is followed by the next. */
async function cancel(origin: string, over: AbortSignal): Promise<number> {
  let cancelled = 0
  while (!over.aborted) {
    const session = http2.connect(origin)
    session.on('error', () => {})
    while (!over.aborted && !session.closed && !session.destroyed) {
      for (let i = 0; i < burst; i++) cancelled += cancelOne(session)
      await sleep(5)
    }
    session.destroy()
    await turn()
  }
  return cancelled
}

function cancelOne(session: ClientHttp2Session): number {
  if (session.closed || session.destroyed) return 0
  const stream = session.request({ ':path': '/', ':method': 'POST' })
  stream.on('error', () => {})
  stream.write('x')
  setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL))
  return 1
}
