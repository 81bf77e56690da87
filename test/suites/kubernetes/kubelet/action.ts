import { connect as connectHttp2, constants } from 'node:http2'
import { request as requestHttp, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Action, Container, HttpGet } from '../cluster/objects.ts'
import type { ContainerProcess } from './process.ts'

/** Where a probe or hook of a container acts: from the node on the pod's address, never from within. */
export interface ActionTarget {
  readonly container: Container
  readonly address: string
  readonly process: ContainerProcess
}

/** @returns why it failed; undefined when it did not. */
export async function perform(
  action: Action,
  target: ActionTarget,
  timeoutMs: number,
): Promise<string | undefined> {
  if (action.exec) {
    const { code, output } = await target.process.execute(action.exec.command, timeoutMs)
    return code === 0 ? undefined : `exit code ${code}: ${output}`
  }
  if (action.sleep) {
    await sleep(Math.min(action.sleep.seconds * 1000, timeoutMs))
    return undefined
  }
  const act = action.httpGet
    ? httpGet(action.httpGet, target, timeoutMs)
    : action.grpc
      ? grpcCheck(action.grpc, target.address, timeoutMs)
      : tcpConnect(portOf(action.tcpSocket?.port ?? 0, target.container), target.address, timeoutMs)
  return act.then(
    () => undefined,
    (error: Error) => error.message,
  )
}

function portOf(port: number | string, { name, ports = [] }: Container): number {
  if (typeof port === 'number') return port
  const found = ports.find(each => each.name === port)
  if (found === undefined) throw new Error(`container ${name} has no port ${port}`)
  return found.containerPort
}

/** 200 to 399 is success, redirects are not followed, certificates not checked. */
function httpGet(action: HttpGet, target: ActionTarget, timeoutMs: number): Promise<void> {
  const headers = Object.fromEntries(
    (action.httpHeaders ?? []).map(({ name, value }) => [name, value]),
  )
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    host: action.host ?? target.address,
    port: portOf(action.port, target.container),
    path: action.path || '/',
    headers: { 'user-agent': 'kube-probe/1.34', ...headers },
    signal: AbortSignal.timeout(timeoutMs),
    agent: false as const,
    rejectUnauthorized: false,
  }
  const request = action.scheme === 'HTTPS' ? requestHttps(options) : requestHttp(options)
  return new Promise((done, fail) => {
    request.on('error', fail)
    request.on('response', ({ statusCode = 0 }) => {
      request.destroy()
      if (statusCode >= 200 && statusCode < 400) done()
      else fail(new Error(`HTTP probe failed with statuscode: ${statusCode}`))
    })
    request.end()
  })
}

function tcpConnect(port: number, host: string, timeout: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect({ host, port, timeout })
    socket.once('error', fail)
    socket.once('timeout', () => socket.destroy(new Error('timed out')))
    socket.once('connect', () => {
      socket.destroy()
      done()
    })
  })
}

/** grpc.health.v1.Health/Check; the answer's only field must be SERVING. */
function grpcCheck(
  { port, service = '' }: { readonly port: number; readonly service?: string },
  host: string,
  timeoutMs: number,
): Promise<void> {
  const name = Buffer.from(service)
  const message = service === '' ? name : Buffer.concat([Buffer.from([10, name.length]), name])
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message])
  return new Promise((done, fail) => {
    const session = connectHttp2(`http://${host}:${port}`)
    const late = setTimeout(() => fail(new Error('timed out')), timeoutMs)
    const end = (act: () => void): void => {
      clearTimeout(late)
      session.destroy()
      act()
    }
    session.once('error', error => end(() => fail(error)))
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', error => end(() => fail(error)))
    stream.on('end', () => {
      const serving = Buffer.concat(chunks)
        .subarray(5)
        .equals(Buffer.from([8, 1]))
      end(() => (serving ? done() : fail(new Error('service is not SERVING'))))
    })
    stream.end(frame)
  })
}
