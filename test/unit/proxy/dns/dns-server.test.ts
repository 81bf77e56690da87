import { once } from 'node:events'
import { Resolver } from 'node:dns/promises'
import net from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { DnsServer, type DnsServerOptions } from '../../../../src/proxy/dns/dns-server.ts'
import { Forwarder } from '../../../../src/proxy/dns/forwarder.ts'
import { MessageFraming } from '../../../../src/proxy/dns/message-framing.ts'
import { Responder } from '../../../../src/proxy/dns/responder.ts'
import { buildZone } from '../../../../src/proxy/dns/zone.ts'
import {
  dnsQuery,
  framed,
  headerOf,
  startResolver,
  udpClient,
  upstreamAnswer,
  type Answering,
} from '../../../support/dns.ts'
import { freePorts } from '../../../support/process.ts'
import { serviceOf } from './services.ts'

const host = '127.0.0.1'

interface Settings extends Partial<DnsServerOptions> {
  readonly answering?: Answering
  /** Of a resolver beyond. */
  readonly timeoutMs?: number
}

async function startServer(t: Test, settings: Settings = {}) {
  const { answering = () => undefined, timeoutMs = 5000, ...options } = settings
  const resolver = await startResolver(t, answering)
  const forwarder = new Forwarder({
    resolvers: [resolver.address],
    randomId: () => 1,
    timeoutMs,
  })
  const responder = new Responder(forwarder)
  responder.zone = buildZone([serviceOf('orders', 80)], () => '127.64.1.2')
  const server = await DnsServer.start({ address: { host, port: 0 }, responder, ...options })
  t.teardown(() => {
    server.close()
    forwarder.close()
  })
  return { server, responder, resolver, port: server.address.port }
}

/** A TCP client that gathers whole answers. */
function connect(t: Test, port: number) {
  const socket = net.connect({ port, host })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  const framing = new MessageFraming(65_535)
  const answers: Buffer[] = []
  socket.on('data', chunk => {
    framing.push(chunk)
    for (let next = framing.take(); next !== undefined; next = framing.take()) answers.push(next)
    socket.emit('answers')
  })
  const received = async (count: number): Promise<Buffer[]> => {
    while (answers.length < count) await once(socket, 'answers')
    return answers
  }
  return { socket, received }
}

/** With an error or without: what it was writing may be refused. */
async function closed(socket: net.Socket): Promise<void> {
  await new Promise(resolve => socket.once('close', resolve))
}

t.test('a stub resolver finds names of the mesh and beyond', async t => {
  const { port } = await startServer(t, { answering: query => upstreamAnswer(query, '192.0.2.1') })
  const resolver = new Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([`${host}:${port}`])
  t.same(await resolver.resolve4('orders', { ttl: true }), [{ address: '127.64.1.2', ttl: 30 }])
  await t.rejects(resolver.resolve6('orders'), { code: 'ENODATA' })
  await t.rejects(resolver.resolveMx('orders'), { code: 'ENODATA' })
  t.same(await resolver.resolve4('example.com'), ['192.0.2.1'])
})

t.test('a stub resolver asks again by TCP for what a datagram does not hold', async t => {
  const answering: Answering = query => upstreamAnswer(query, '192.0.2.1', 3000)
  const { port, resolver: upstream, responder } = await startServer(t, { answering })
  const resolver = new Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([`${host}:${port}`])
  t.same(await resolver.resolve4('example.com'), ['192.0.2.1'])
  t.equal(upstream.queries.length, 2)
  t.equal(responder.counts.forwarded, 2)
})

t.test('garbage in datagrams hurts nobody else', async t => {
  const { port } = await startServer(t)
  const client = udpClient(t, port)
  for (const bytes of fc.sample(fc.uint8Array({ maxLength: 600 }), 200))
    client.send(Buffer.from(bytes))
  const asked = dnsQuery({ id: 4711 })
  for (;;) {
    const answer = headerOf(await client.ask(asked))
    if (answer.id === 4711 && answer.counts[1] === 1) return t.pass()
  }
})

t.test('queries by TCP may be split anywhere and come one behind the other', async t => {
  const { port } = await startServer(t)
  const { socket, received } = connect(t, port)
  socket.setNoDelay(true)
  const stream = Buffer.concat([1, 2, 3].map(id => framed(dnsQuery({ id }))))
  for (const octet of stream) {
    socket.write(Buffer.from([octet]))
    await new Promise(resolve => setImmediate(resolve))
  }
  t.same(
    (await received(3)).map(answer => headerOf(answer).id),
    [1, 2, 3],
  )
})

t.test('of many queries by TCP eight wait for a resolver, then reading rests', async t => {
  const { port, resolver } = await startServer(t)
  const { socket } = connect(t, port)
  const names = Array.from({ length: 20 }, (_, id) =>
    framed(dnsQuery({ id, name: `${id}.example` })),
  )
  socket.write(Buffer.concat(names))
  while (resolver.queries.length < 8) await new Promise(resolve => setImmediate(resolve))
  await once(socket.setTimeout(50), 'timeout')
  t.equal(resolver.queries.length, 8)
  t.equal(socket.destroyed, false)
})

t.test('all queries of a connection are answered although few may wait', async t => {
  const answering: Answering = query => upstreamAnswer(query, '192.0.2.1', 9000)
  const { port } = await startServer(t, { answering, idleMs: 3_600_000 })
  const { socket, received } = connect(t, port)
  const ids = Array.from({ length: 50 }, (_, id) => id)
  const stream = Buffer.concat(ids.map(id => framed(dnsQuery({ id, name: `${id}.example` }))))
  // Half-closed at once: what was asked is answered all the same, and then it ends.
  socket.end(stream)
  const answers = await received(ids.length)
  t.same(
    answers.map(answer => headerOf(answer).id).toSorted((a, b) => a - b),
    ids,
  )
  if (!socket.closed) await closed(socket)
})

t.test('a TCP connection with a message of an impossible length is cut', async t => {
  const { port } = await startServer(t)
  for (const length of [0, 11, 4097, 65_535]) {
    const { socket } = connect(t, port)
    socket.write(Buffer.from([length >> 8, length & 255]))
    await closed(socket)
  }
  t.pass()
})

t.test('a TCP connection that brings no whole query ends, however busy it is', async t => {
  const { port } = await startServer(t, { idleMs: 60 })
  const { socket } = connect(t, port)
  socket.write(Buffer.from([16, 0]))
  const busy = setInterval(() => socket.write(Buffer.from([0])), 10)
  t.teardown(() => clearInterval(busy))
  await closed(socket)
  t.pass()
})

t.test('TCP connections beyond the most are closed', async t => {
  const { port } = await startServer(t, { maxConnections: 1 })
  const first = connect(t, port)
  first.socket.write(framed(dnsQuery()))
  await first.received(1)
  await closed(connect(t, port).socket)
  first.socket.write(framed(dnsQuery()))
  t.equal((await first.received(2)).length, 2)
})

t.test('what a client asked that has gone is not looked into any more', async t => {
  const { port, responder, resolver } = await startServer(t, { timeoutMs: 300 })
  let looked = 0
  const respond = responder.respond.bind(responder)
  responder.respond = (message, transport) => {
    looked++
    return respond(message, transport)
  }
  const { socket } = connect(t, port)
  const names = Array.from({ length: 20 }, (_, id) => framed(dnsQuery({ name: `${id}.example` })))
  socket.write(Buffer.concat(names))
  while (resolver.queries.length < 8) await new Promise(resolve => setImmediate(resolve))
  socket.resetAndDestroy()
  while (responder.counts.failed < 8) await new Promise(resolve => setImmediate(resolve))
  // That it has gone is seen when the first answer is written, after which one more is taken.
  t.ok(looked <= 9, `${looked}`)
})

t.test(
  'a taken port is named with the setting that moves it, whichever protocol has it',
  async t => {
    const { port, responder } = await startServer(t)
    await t.rejects(DnsServer.start({ address: { host, port }, responder }), {
      message: new RegExp(
        `${host}:${port} \\(DNS; move it with sidecar.dns.port of the Workload\\)`,
      ),
    })
    const { ask } = udpClient(t, port)
    t.equal(headerOf(await ask(dnsQuery({ id: 9 }))).id, 9, 'and goes on being served')
    const upstream = await startResolver(t, () => undefined)
    await t.rejects(DnsServer.start({ address: upstream.address, responder }), /EADDRINUSE/)
  },
)

t.test('a loop through another resolver ends by itself, with an error', async t => {
  const [one = 0, two = 0] = await freePorts(2)
  const startLoop = async (own: number, other: number): Promise<Responder> => {
    const resolvers = [{ host, port: other }]
    const forwarder = new Forwarder({ resolvers, randomId: () => own & 255, timeoutMs: 50 })
    const responder = new Responder(forwarder)
    const server = await DnsServer.start({ address: { host, port: own }, responder })
    t.teardown(() => server.close())
    return responder
  }
  const responders = [await startLoop(one, two), await startLoop(two, one)]
  const { ask } = udpClient(t, one)
  t.equal(headerOf(await ask(dnsQuery({ name: 'example.com' }))).code, 2)
  const seen = () =>
    responders.map(({ counts }) => Object.values(counts).reduce((sum, count) => sum + count))
  while (seen().includes(0)) await new Promise(resolve => setImmediate(resolve))
  // The first has it from the client and from the loop, the second once: it does not go round.
  t.same(seen(), [2, 1])
})
