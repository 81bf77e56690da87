import { writeFileSync } from 'node:fs'
import { certificateFiles } from '../setting/certificates.ts'
import type { Child } from '../setting/child.ts'
import type { ChildGroup } from '../setting/child-group.ts'
import { freePort, freePorts } from '../setting/free-port.ts'
import { commandOf, versionOf } from '../setting/installed.ts'
import { serverName } from '../setting/server-name.ts'
import { workPath } from '../setting/work-folder.ts'
import type { Subject } from '../subjects/subject.ts'

const missing = () => (versionOf('haproxy') === undefined ? 'haproxy is not installed' : undefined)

export const haproxyHop: Subject = {
  name: 'haproxy',
  topology: 'hop',
  missing,
  async start(group, backendPort) {
    const port = await freePort()
    const child = await startHaproxy(group, 'haproxy', {
      bind: `127.0.0.1:${port}`,
      server: `127.0.0.1:${backendPort}`,
    })
    return { port, proxies: [{ role: 'proxy', child }] }
  },
}

/** HTTP/2 inside mTLS, TLS 1.3 only. */
export const haproxyPair: Subject = {
  name: 'haproxy',
  topology: 'pair',
  missing,
  async start(group, backendPort) {
    const [port = 0, between = 0] = await freePorts(2)
    const outbound = await startHaproxy(group, 'haproxy-outbound', {
      bind: `127.0.0.1:${port}`,
      server: `127.0.0.1:${between} ${tls('client')} verifyhost ${serverName}`,
    })
    const inbound = await startHaproxy(group, 'haproxy-inbound', {
      bind: `127.0.0.1:${between} ${tls('server')}`,
      server: `127.0.0.1:${backendPort}`,
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

function tls(end: 'client' | 'server'): string {
  const { combined, authority } = certificateFiles(end)
  return `ssl crt ${combined} ca-file ${authority} verify required alpn h2 ssl-min-ver TLSv1.3`
}

function startHaproxy(
  group: ChildGroup,
  name: string,
  { bind, server }: { readonly bind: string; readonly server: string },
): Promise<Child> {
  const file = workPath(`${name}.cfg`)
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend downstream
  bind ${bind}
  default_backend upstream
backend upstream
  server application ${server}
`,
  )
  return group.start({ name, command: commandOf('haproxy'), args: ['-db', '-f', file] })
}
