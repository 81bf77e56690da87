import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import type { Payload } from '../bench-case.ts'
import { commandOf } from './installed.ts'

const timeoutMs = 1_000

/** Whether the payload gets its answer on `port` of the loopback address. */
export function carries(port: number, { protocol, path }: Payload): Promise<boolean> {
  const origin = `http://127.0.0.1:${port}`
  if (protocol === 'http1') return answersOk(origin + path)
  return protocol === 'http2' ? answersOkHttp2(origin, path) : reachesIperf3(port)
}

/** Whether `url` answers 200 in full. */
export function answersOk(url: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = request(url, { agent: false, timeout: timeoutMs }, response => {
      response.resume()
      response.once('close', () => resolve(response.complete && response.statusCode === 200))
    })
    probe.once('timeout', () => probe.destroy())
    // Refused or reset means not ready yet, and the caller asks again.
    probe.once('error', () => resolve(false))
    probe.end()
  })
}

/** Whether somebody listens on `port`. */
export function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(port, '127.0.0.1')
    probe.once('close', () => resolve(false))
    // Refused means not yet.
    probe.once('error', () => resolve(false))
    probe.once('connect', () => {
      resolve(true)
      probe.destroy()
    })
  })
}

/** Whether `path` is answered 200 over HTTP/2 without TLS. */
export function answersOkHttp2(origin: string, path: string): Promise<boolean> {
  return new Promise(resolve => {
    const session = connectHttp2(origin)
    const probe = session.request({ ':path': path })
    let status: number | undefined
    probe.once('response', headers => (status = headers[':status']))
    probe.resume()
    // Its stream's close, which follows an error too, says all there is to say.
    session.once('error', () => {})
    probe.once('error', () => {})
    probe.setTimeout(timeoutMs, () => session.destroy())
    probe.once('close', () => {
      session.destroy()
      resolve(status === 200)
    })
  })
}

/** Only its own client can tell: a proxy accepts whether or not somebody is behind it. */
async function reachesIperf3(port: number): Promise<boolean> {
  const args = ['-c', '127.0.0.1', '-p', String(port), '-n', '1K', '--connect-timeout', '1000']
  const probe = spawn(commandOf('iperf3'), args, { stdio: 'ignore', timeout: timeoutMs * 3 })
  const [code] = await once(probe, 'close')
  return code === 0
}
