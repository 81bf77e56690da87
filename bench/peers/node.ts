import { fileURLToPath } from 'node:url'
import { freePort } from '../setting/free-port.ts'
import type { Subject } from '../subjects/subject.ts'

export const undiciHop: Subject = nodeHop(
  'undici',
  'undici',
  import.meta.resolve('./undici-proxy.ts'),
)

export const httpProxyHop: Subject = nodeHop(
  'http-proxy',
  'http-proxy',
  import.meta.resolve('./http-proxy.ts'),
)

/** A program that takes its own port and the backend's, and needs one npm package. */
function nodeHop(name: string, needed: string, program: string): Subject {
  return {
    name,
    topology: 'hop',
    protocols: ['http1'],
    missing() {
      try {
        import.meta.resolve(needed)
        return undefined
      } catch {
        return `the npm package ${needed} is not installed`
      }
    },
    async start(group, upstream) {
      const port = await freePort()
      const args = [fileURLToPath(program), String(port), String(upstream.port)]
      const child = await group.startNode({ name, args })
      return { port, proxies: [{ role: 'proxy', child }] }
    },
  }
}
