import { writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger, type Logger } from '../../../../src/base/log.ts'
import type { DnsBootstrap } from '../../../../src/model/bootstrap.ts'
import { startNameServer } from '../../../../src/proxy/dns/name-server.ts'
import { freePorts } from '../../../support/process.ts'
import {
  dnsQuery,
  headerOf,
  startResolver,
  udpClient,
  upstreamAnswer,
} from '../../../support/dns.ts'

async function start(t: Test, options: Partial<DnsBootstrap>) {
  const warnings: string[] = []
  const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) }
  const server = await startNameServer({ host: '127.0.0.1', port: 0, ...options }, logger)
  t.teardown(() => server.close())
  const code = async () => {
    const { ask } = udpClient(t, server.address.port)
    return headerOf(await ask(dnsQuery({ name: 'example.com' }))).code
  }
  return { server, warnings, code }
}

t.test('names beyond the mesh are answered from the first moment', async t => {
  const { address } = await startResolver(t, query => upstreamAnswer(query, '192.0.2.1'))
  const { warnings, code } = await start(t, { upstreams: [address] })
  t.equal(await code(), 0)
  t.same(warnings, [])
})

t.test('resolvers come from resolv.conf unless they are given', async t => {
  const resolvConf = join(t.testdir(), 'resolv.conf')
  writeFileSync(resolvConf, 'nameserver 192.0.2.1\nnameserver 2001:db8::1\n')
  const { server } = await start(t, { resolvConf })
  t.same(server.resolvers, [
    { host: '192.0.2.1', port: 53 },
    { host: '2001:db8::1', port: 53 },
  ])
  const given = await start(t, { resolvConf, upstreams: [{ host: '192.0.2.9', port: 5353 }] })
  t.same(given.server.resolvers, [{ host: '192.0.2.9', port: 5353 }])
})

t.test(
  'without a resolver names beyond the mesh are refused, and the log says what to do',
  async t => {
    const missing = await start(t, { resolvConf: join(t.testdir(), 'nothing') })
    t.equal(await missing.code(), 5)
    t.match(missing.warnings, [/cannot be read/, /set dns.upstreams/])
    t.equal(await (await start(t, { upstreams: [] })).code(), 5)
  },
)

t.test('it does not ask itself', async t => {
  const [port = 0] = await freePorts(1)
  const own = { host: '127.0.0.1', port }
  const { server, warnings, code } = await start(t, { ...own, upstreams: [own] })
  t.same(server.resolvers, [])
  t.match(warnings, [/no other resolver/])
  t.equal(await code(), 5)
})

t.test('on all addresses, each of them is itself', async t => {
  const [port = 0] = await freePorts(1)
  const outside = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  const locals = outside.map(({ address }) => ({ host: address, port }))
  const others = [
    { host: '127.0.0.1', port: port + 1 },
    { host: '192.0.2.1', port },
  ]
  const upstreams = [{ host: '127.9.9.9', port }, { host: '0.0.0.0', port }, ...locals, ...others]
  const { server } = await start(t, { host: '0.0.0.0', port, upstreams })
  t.same(server.resolvers, others)
})
