import { writeFileSync } from 'node:fs'
import { type Protocol, protocols } from '../bench-case.ts'
import { certificateFiles } from '../setting/certificates.ts'
import type { Child } from '../setting/child.ts'
import type { ChildGroup } from '../setting/child-group.ts'
import { freePort, freePorts } from '../setting/free-port.ts'
import { commandOf, versionOf } from '../setting/installed.ts'
import { serverName } from '../setting/server-name.ts'
import { workPath } from '../setting/work-folder.ts'
import type { Subject, Upstream } from '../subjects/subject.ts'

const missing = () => (versionOf('haproxy') === undefined ? 'haproxy is not installed' : undefined)

export const haproxyHop: Subject = {
  name: 'haproxy',
  topology: 'hop',
  protocols,
  missing,
  async start(group, upstream) {
    const port = await freePort()
    const child = await startHaproxy(group, 'haproxy', {
      bind: `127.0.0.1:${port}`,
      server: application(upstream),
      protocol: upstream.protocol,
    })
    return { port, proxies: [{ role: 'proxy', child }] }
  },
}

/** HTTP/2 inside mTLS, or TCP's bytes as they are; TLS 1.3 only. */
export const haproxyPair: Subject = {
  name: 'haproxy',
  topology: 'pair',
  protocols,
  missing,
  async start(group, upstream) {
    const { protocol } = upstream
    const [port = 0, between = 0] = await freePorts(2)
    const outbound = await startHaproxy(group, 'haproxy-outbound', {
      bind: `127.0.0.1:${port}`,
      server: `127.0.0.1:${between} ${tls('client', protocol)} verifyhost ${serverName}`,
      protocol,
    })
    const inbound = await startHaproxy(group, 'haproxy-inbound', {
      bind: `127.0.0.1:${between} ${tls('server', protocol)}`,
      server: application(upstream),
      protocol,
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

/** Without TLS there is nothing to negotiate HTTP/2 with. */
function application({ port, protocol }: Upstream): string {
  return `127.0.0.1:${port}${protocol === 'http2' ? ' proto h2' : ''}`
}

function tls(end: 'client' | 'server', protocol: Protocol): string {
  const { combined, authority } = certificateFiles(end)
  const alpn = protocol === 'tcp' ? '' : 'alpn h2'
  return `ssl crt ${combined} ca-file ${authority} verify required ${alpn} ssl-min-ver TLSv1.3`
}

interface HaproxyOptions {
  readonly bind: string
  readonly server: string
  readonly protocol: Protocol
}

function startHaproxy(
  group: ChildGroup,
  name: string,
  { bind, server, protocol }: HaproxyOptions,
): Promise<Child> {
  const file = workPath(`${name}.cfg`)
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode ${protocol === 'tcp' ? 'tcp' : 'http'}
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${protocol === 'tcp' ? '' : '  http-reuse always\n'}frontend downstream
  bind ${bind}
  default_backend upstream
backend upstream
  server application ${server}
`,
  )
  return group.start({ name, command: commandOf('haproxy'), args: ['-db', '-f', file] })
}
