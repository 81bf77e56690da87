import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ChildGroup } from '../setting/child-group.ts'
import { freePort } from '../setting/free-port.ts'
import { answersOk } from '../setting/probe.ts'
import { SidecarPair } from './sidecar-pair.ts'
import type { Trial, TrialResult } from './trial.ts'

const total = 10_000
const atATime = 200
const mostBytes = 30 * 1024
/** Long enough for what connecting left behind to be collected. */
const settleMs = 8_000
const patienceMs = 20_000
const serverProgram = fileURLToPath(import.meta.resolve('./websocket-server.ts'))

/** Only the handshake is RFC 6455's: to a sidecar what follows it is bytes, and idle ones send none. */
export const webSockets: Trial = {
  name: 'websockets',
  promise: `${total} idle WebSockets through one sidecar, less than ${mostBytes / 1024} KiB for each`,
  run,
}

async function run(): Promise<TrialResult> {
  await using application = new ChildGroup()
  const port = await freePort()
  const args = [serverProgram, String(port)]
  // A process of its own, since one may often have no more than 20,000 sockets.
  await application.startNode({ name: 'websocket-server', args })
  await application.waitUntilListening(port)
  await using pair = await SidecarPair.start({ port, protocol: 'http1' }, sidecar =>
    answersOk(`http://127.0.0.1:${sidecar}/`),
  )
  const sockets = await openAll(pair, atATime)
  await sleep(settleMs)
  const before = await pair.rss()
  sockets.push(...(await openAll(pair, total - sockets.length)))
  await sleep(settleMs)
  const after = await pair.rss()
  const alive = (await Promise.all(sockets.map(echoes))).filter(Boolean).length
  for (const socket of sockets) socket.destroy()
  const each = {
    outbound: (after.outbound - before.outbound) / (sockets.length - atATime),
    inbound: (after.inbound - before.inbound) / (sockets.length - atATime),
  }
  return {
    findings: [
      `${sockets.length} open, ${alive} carried bytes both ways afterwards`,
      `bytes for each: outbound sidecar ${Math.round(each.outbound)}, inbound ${Math.round(each.inbound)}`,
      `resident in all: outbound ${megabytes(after.outbound)}, inbound ${megabytes(after.inbound)} MiB`,
    ],
    failures: [
      ...(alive === total ? [] : [`${total - alive} of ${total} did not live`]),
      ...(Math.max(each.outbound, each.inbound) < mostBytes ? [] : ['too many bytes for each']),
    ],
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0)
}

async function openAll(pair: SidecarPair, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const wave = Math.min(atATime, count - sockets.length)
    const opened = await Promise.all(Array.from({ length: wave }, () => open(pair.port)))
    sockets.push(...opened)
  }
  return sockets
}

async function open(port: number): Promise<Socket> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'd2VmdCBjYXBhY2l0eSEhIQ==',
    'sec-websocket-version': '13',
  }
  const request = http.request({ host: '127.0.0.1', port, headers, agent: false })
  request.once('response', ({ statusCode }) =>
    request.destroy(new Error(`a WebSocket was answered with ${statusCode}`)),
  )
  request.end()
  const signal = AbortSignal.timeout(patienceMs)
  const [, socket] = (await once(request, 'upgrade', { signal })) as [IncomingMessage, Socket]
  socket.on('error', () => socket.destroy())
  return socket
}

async function echoes(socket: Socket): Promise<boolean> {
  socket.write('ping')
  try {
    const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(patienceMs) })) as [
      Buffer,
    ]
    return answer.toString() === 'ping'
  } catch {
    return false
  }
}
