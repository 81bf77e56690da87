import { writeFileSync } from 'node:fs'
import type { Child } from '../setting/child.ts'
import type { ChildGroup } from '../setting/child-group.ts'
import { freePorts } from '../setting/free-port.ts'
import { commandOf, versionOf } from '../setting/installed.ts'
import { workPath } from '../setting/work-folder.ts'
import type { Subject } from '../subjects/subject.ts'
import { envoyBootstrap, type EnvoyConfig } from './envoy-config.ts'

const missing = () => (versionOf('envoy') === undefined ? 'envoy is not installed' : undefined)

export const envoyHop: Subject = {
  name: 'envoy',
  topology: 'hop',
  missing,
  async start(group, backendPort) {
    const [port = 0, adminPort = 0] = await freePorts(2)
    const child = await startEnvoy(group, 'envoy', {
      adminPort,
      listener: { port, mtls: false },
      cluster: { port: backendPort, mtls: false, http2: false },
    })
    return { port, proxies: [{ role: 'proxy', child }] }
  },
}

/** HTTP/2 inside mTLS, as a mesh would run it. */
export const envoyPair: Subject = envoyPairOver('envoy', true)

export const envoyPairHttp1: Subject = envoyPairOver('envoy-http1', false)

function envoyPairOver(name: string, http2: boolean): Subject {
  return {
    name,
    topology: 'pair',
    missing,
    async start(group, backendPort) {
      const [port = 0, between = 0, outAdmin = 0, inAdmin = 0] = await freePorts(4)
      const outbound = await startEnvoy(group, `${name}-outbound`, {
        adminPort: outAdmin,
        listener: { port, mtls: false },
        cluster: { port: between, mtls: true, http2 },
      })
      const inbound = await startEnvoy(group, `${name}-inbound`, {
        adminPort: inAdmin,
        listener: { port: between, mtls: true },
        cluster: { port: backendPort, mtls: false, http2: false },
      })
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

function startEnvoy(group: ChildGroup, name: string, config: EnvoyConfig): Promise<Child> {
  const file = workPath(`${name}.json`)
  writeFileSync(file, envoyBootstrap(config))
  // Base ids name shared memory: a port of this process's own is unique on the machine.
  const baseId = String(config.adminPort)
  return group.start({
    name,
    command: commandOf('envoy'),
    args: ['-c', file, '--concurrency', '1', '--base-id', baseId, '--log-level', 'error'],
  })
}
