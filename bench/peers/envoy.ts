import { writeFileSync } from 'node:fs'
import { type Protocol, protocols } from '../bench-case.ts'
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
  protocols,
  missing,
  async start(group, { port: backendPort, protocol }) {
    const [port = 0, adminPort = 0] = await freePorts(2)
    const child = await startEnvoy(group, 'envoy', {
      adminPort,
      listener: { port, mtls: false },
      cluster: { port: backendPort, mtls: false, protocol },
    })
    return { port, proxies: [{ role: 'proxy', child }] }
  },
}

/** HTTP/2 inside mTLS, as a mesh would run it; TCP's bytes as they are, each connection in one of mTLS. */
export const envoyPair: Subject = envoyPairOver('envoy', 'http2', protocols)

export const envoyPairHttp1: Subject = envoyPairOver('envoy-http1', 'http1', ['http1'])

function envoyPairOver(name: string, inside: Protocol, carried: readonly Protocol[]): Subject {
  return {
    name,
    topology: 'pair',
    protocols: carried,
    missing,
    async start(group, { port: backendPort, protocol }) {
      const between = protocol === 'tcp' ? protocol : inside
      const [port = 0, inboundPort = 0, outAdmin = 0, inAdmin = 0] = await freePorts(4)
      const outbound = await startEnvoy(group, `${name}-outbound`, {
        adminPort: outAdmin,
        listener: { port, mtls: false },
        cluster: { port: inboundPort, mtls: true, protocol: between },
      })
      const inbound = await startEnvoy(group, `${name}-inbound`, {
        adminPort: inAdmin,
        listener: { port: inboundPort, mtls: true },
        cluster: { port: backendPort, mtls: false, protocol },
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
