import { fileURLToPath } from 'node:url'
import { certificateFiles, type PairEnd } from '../setting/certificates.ts'
import { freePort, freePorts } from '../setting/free-port.ts'
import type { Subject } from '../subjects/subject.ts'
import type { LimitRole } from './arguments.ts'

const http1 = fileURLToPath(import.meta.resolve('./http1.ts'))
const multiplexed = fileURLToPath(import.meta.resolve('./multiplexed.ts'))

export const limitHop: Subject = {
  name: 'limit',
  topology: 'hop',
  protocols: ['http1'],
  missing: () => undefined,
  async start(group, upstream) {
    const port = await freePort()
    const args = [http1, 'hop' satisfies LimitRole, String(port), String(upstream.port)]
    const child = await group.startNode({ name: 'limit', args })
    return { port, proxies: [{ role: 'proxy', child }] }
  },
}

/** All requests on one mTLS connection. */
export const limitPair: Subject = limitPairWith('limit', multiplexed)

/** One mTLS connection for each request in flight. */
export const limitPairHttp1: Subject = limitPairWith('limit-http1', http1)

function limitPairWith(name: string, program: string): Subject {
  return {
    name,
    topology: 'pair',
    protocols: ['http1'],
    missing: () => undefined,
    async start(group, upstream) {
      const [port = 0, between = 0] = await freePorts(2)
      const start = (role: LimitRole, ports: readonly number[], end: PairEnd) =>
        group.startNode({
          name: `${name}-${role}`,
          args: [program, role, ...ports.map(String), ...certificates(end)],
        })
      // Inbound first: the multiplexed limit dials once, when it starts.
      const inbound = await start('inbound', [between, upstream.port], 'server')
      await group.waitUntilListening(between)
      const outbound = await start('outbound', [port, between], 'client')
      return {
        port,
        proxies: [
          { role: 'outbound', child: outbound },
          { role: 'inbound', child: inbound },
        ],
      }
    },
  }
}

function certificates(end: PairEnd): string[] {
  const { certificate, key, authority } = certificateFiles(end)
  return [certificate, key, authority]
}
