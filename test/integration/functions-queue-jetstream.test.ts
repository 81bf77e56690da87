import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect } from '@nats-io/transport-node'
import t, { type Test } from 'tap'
import { monotonicNow, wallNow } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { JetStreamQueue } from '../../src/functions/queue/jetstream-queue.ts'
import type { JetStreamQueueOptions } from '../../src/functions/queue/jetstream-queue.ts'
import { natsMissing, NatsServer } from '../support/functions/nats.ts'
import { newEvent, takeOne, takeUpTo } from '../unit/functions/queue/events.ts'
import { testFolder } from '../support/test-folder.ts'

function open(
  t: Test,
  server: { readonly address: string },
  options: Partial<JetStreamQueueOptions> = {},
): JetStreamQueue {
  const queue = new JetStreamQueue({
    servers: [server.address],
    namespace: 'shop',
    functionName: 'hello',
    maxBytes: 64 * 1024 * 1024,
    logger: silentLogger,
    now: monotonicNow,
    wallNow,
    random: () => 0,
    ...options,
  })
  t.teardown(() => queue.close())
  return queue
}

async function start(t: Test, config?: string): Promise<NatsServer> {
  const server = await NatsServer.start(config)
  t.teardown(() => server[Symbol.asyncDispose]())
  return server
}

const options = { skip: natsMissing }

t.test(
  'a server that is killed under puts loses nothing that it has acknowledged',
  options,
  async t => {
    const server = await start(t)
    const queue = open(t, server)
    t.ok(await queue.connected(5000))
    const stored = new Set<string>()
    let refused = 0
    let putting = true
    const putters = Array.from({ length: 4 }, async () => {
      while (putting) {
        const event = newEvent()
        const result = await queue.put(event)
        if (result.kind === 'stored') stored.add(event.id)
        else {
          t.match(result, { kind: 'refused', reason: 'unavailable' })
          refused++
          await queue.connected(5000)
        }
      }
    })
    for (let kill = 0; kill < 3; kill++) {
      const enough = stored.size + 50
      while (stored.size < enough) await new Promise(resolve => setImmediate(resolve))
      await server.kill()
      await server.run()
      t.ok(await queue.connected(10_000))
    }
    putting = false
    await Promise.all(putters)
    for (let left = stored.size; left > 0;) {
      const lease = await takeOne(queue)
      if (stored.delete(lease.event.id)) left--
      t.equal(await lease.acknowledge(), true)
    }
    t.equal(stored.size, 0)
    t.ok(refused > 0)
  },
)

t.test('two consumers share the work, and each event is run by one', options, async t => {
  const server = await start(t)
  const queues = [open(t, server), open(t, server)]
  for (const queue of queues) t.ok(await queue.connected(5000))
  const ids = Array.from({ length: 60 }, () => randomUUID())
  for (const id of ids) await queues[0]?.put(newEvent({ id }))
  let taken = 0
  const shares = await Promise.all(
    queues.map(async queue => {
      const share: string[] = []
      while (taken < ids.length) {
        const [lease] = await takeUpTo(queue, 1, { waitMs: 100 })
        if (lease === undefined) continue
        taken++
        share.push(lease.event.id)
        t.equal(await lease.acknowledge(), true)
      }
      return share
    }),
  )
  t.strictSame(shares.flat().toSorted(), ids.toSorted())
  for (const share of shares) t.ok(share.length > 0)
})

t.test('functions that share a stream get their own events only', options, async t => {
  const server = await start(t)
  const hello = open(t, server)
  const other = open(t, server, { functionName: 'other' })
  for (const queue of [hello, other]) t.ok(await queue.connected(5000))
  const key = { idempotencyKey: 'k' }
  const first = await hello.put(newEvent(key))
  const second = await other.put(newEvent(key))
  t.match([first, second], [{ kind: 'stored' }, { kind: 'stored' }])
  t.match((await takeOne(other)).event, { id: 'id' in second && second.id })
  t.match((await takeOne(hello)).event, { id: 'id' in first && first.id })
})

t.test('what the server has while nobody is there is taken by who comes', options, async t => {
  const server = await start(t)
  const gone = open(t, server, { leaseMs: 500 })
  t.ok(await gone.connected(5000))
  const event = newEvent()
  await gone.put(event)
  await takeOne(gone)
  await gone.close()
  t.match(await gone.put(newEvent()), { kind: 'refused', reason: 'unavailable' })
  t.strictSame(await takeUpTo(gone, 1, { waitMs: 5000 }), [])
  const next = open(t, server, { leaseMs: 500 })
  t.equal((await takeOne(next)).event.id, event.id)
})

t.test(
  'without a server puts are refused at once, and work begins when there is one',
  options,
  async t => {
    const server = await start(t)
    await server.kill()
    const queue = open(t, server)
    t.match(await queue.put(newEvent()), { kind: 'refused', reason: 'unavailable' })
    t.strictSame(await takeUpTo(queue, 1, { waitMs: 10 }), [])
    await server.run()
    t.ok(await queue.connected(10_000))
    t.match(await queue.put(newEvent()), { kind: 'stored' })
  },
)

t.test('a server that says nothing does not keep a queue from being closed', options, async t => {
  const mute = createServer(socket => socket.resume()).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => mute.close())
  const { port } = mute.address() as { port: number }
  const accepted = once(mute, 'connection')
  const queue = open(t, { address: `127.0.0.1:${port}` })
  const [socket] = await accepted
  const closing = queue.close()
  socket.destroy()
  await closing
  t.pass()
})

t.test('knows its depth and the age of the oldest', options, async t => {
  const server = await start(t)
  let at = wallNow()
  const queue = open(t, server, { wallNow: () => at })
  const other = open(t, server, { functionName: 'other' })
  t.ok((await queue.connected(5000)) && (await other.connected(5000)))
  await other.put(newEvent())
  t.match(await queue.measure(), { events: 0, oldestAgeMs: 0 })
  await queue.put(newEvent())
  at += 5000
  await queue.put(newEvent())
  await takeOne(queue)
  t.match(await queue.measure(), { events: 2, oldestAgeMs: 5000 })
  t.match(queue.depth, { events: 2 })
})

t.test('messages of others are taken out, and keep no event from being run', options, async t => {
  const server = await start(t)
  const lines: string[] = []
  const error = (_: object, message: string) => lines.push(message)
  const queue = open(t, server, { logger: { ...silentLogger, error } })
  t.ok(await queue.connected(5000))
  const stranger = await connect({ servers: server.address })
  await stranger.request('weft-events.shop.hello', 'garbage')
  await stranger.close()
  const event = newEvent()
  await queue.put(event)
  t.equal((await takeOne(queue)).event.id, event.id)
  t.match(lines, [/no event/])
  // It is taken out without a word of the server's.
  while ((await queue.measure()).events > 1) t.comment('one more look')
})

t.test('a payload that the server would not take is refused with what to do', options, async t => {
  const server = await start(t, 'max_payload: 10000')
  const queue = open(t, server)
  t.ok(await queue.connected(5000))
  const event = newEvent({ payload: Buffer.alloc(10_000) })
  t.match(await queue.put(event), { kind: 'refused', reason: 'too-large', detail: /max_payload/ })
  t.match(await queue.put(newEvent({ payload: Buffer.alloc(9000) })), { kind: 'stored' })
})

t.test('a stream that is not made for work is not used', options, async t => {
  const server = await start(t)
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const operator = await connect({ servers: server.address })
  const manager = await jetstreamManager(operator)
  await manager.streams.add({ name: 'weft-events', subjects: ['weft-events.>'] })
  const said = Promise.withResolvers<string>()
  const warn = (fields: { error?: Error }) => said.resolve(fields.error?.message ?? '')
  const queue = open(t, server, { logger: { ...silentLogger, warn } })
  t.match(await said.promise, /must have work-queue retention/)
  t.match(await queue.put(newEvent()), { kind: 'refused', reason: 'unavailable' })
  await manager.streams.delete('weft-events')
  await operator.close()
  t.ok(await queue.connected(10_000))
})

t.test('a stream that somebody removes is made again', options, async t => {
  const server = await start(t)
  const queue = open(t, server)
  t.ok(await queue.connected(5000))
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const operator = await connect({ servers: server.address })
  await (await jetstreamManager(operator)).streams.delete('weft-events')
  await operator.close()
  t.match(await queue.put(newEvent()), { kind: 'refused', reason: 'unavailable' })
  await t.rejects(takeUpTo(queue, 1, { waitMs: 4000 }))
  t.ok(await queue.connected(10_000))
  t.match(await queue.put(newEvent()), { kind: 'stored' })
  await takeOne(queue)
})

t.test('a password that was changed is read again at the next try', options, async t => {
  const server = await start(t, 'authorization { user: "weft", password: "s3cret" }')
  const passwordFile = join(testFolder(t), 'password')
  writeFileSync(passwordFile, 'wrong\n')
  const tried = Promise.withResolvers<void>()
  const lines: string[] = []
  const warn = (fields: { error?: Error }) => {
    lines.push(String(fields.error))
    tried.resolve()
  }
  const queue = open(t, server, {
    credentials: { kind: 'password', user: 'weft', passwordFile },
    logger: { ...silentLogger, warn },
  })
  await tried.promise
  writeFileSync(passwordFile, 's3cret\n')
  t.ok(await queue.connected(10_000))
  t.match(await queue.put(newEvent()), { kind: 'stored' })
  t.notMatch(lines.join(), /wrong|s3cret/)
})

t.test('a token stands in a file, too', options, async t => {
  const server = await start(t, 'authorization { token: "t0ken" }')
  const tokenFile = join(testFolder(t, { token: 't0ken' }), 'token')
  const queue = open(t, server, { credentials: { kind: 'token', tokenFile } })
  t.ok(await queue.connected(5000))
})

t.test('credentials that are not there are waited for', options, async t => {
  const server = await start(t)
  const credsFile = join(testFolder(t), 'creds')
  const said = Promise.withResolvers<object>()
  const warn = (fields: object) => said.resolve(fields)
  const queue = open(t, server, {
    credentials: { kind: 'creds', credsFile },
    logger: { ...silentLogger, warn },
  })
  t.match(await said.promise, { error: /ENOENT|Error/ })
  t.match(await queue.put(newEvent()), { kind: 'refused', reason: 'unavailable' })
})

const openssl = (...parameters: string[]) => spawnSync('openssl', parameters).status === 0
const noTls = natsMissing || (!openssl('version') && 'there is no openssl command')

t.test('TLS is checked against the authorities in a file', { skip: noTls }, async t => {
  const directory = testFolder(t)
  const [key, caFile] = [join(directory, 'key.pem'), join(directory, 'ca.pem')]
  const [strangerKey, stranger] = [join(directory, 'key2.pem'), join(directory, 'ca2.pem')]
  const create = (keyFile: string, file: string) => {
    const subject = ['-subj', '/CN=nats', '-addext', 'subjectAltName=DNS:localhost', '-days', '1']
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    return openssl('req', '-x509', ...curve, ...subject, '-keyout', keyFile, '-out', file)
  }
  t.ok(create(key, caFile) && create(strangerKey, stranger))
  const server = await start(t, `tls { cert_file: "${caFile}", key_file: "${key}" }`)
  const servers = [server.address.replace('127.0.0.1', 'localhost')]
  const queue = open(t, server, { servers, tls: { caFile } })
  t.ok(await queue.connected(5000))
  const said = Promise.withResolvers<{ error?: Error }>()
  const warn = (fields: object) => said.resolve(fields)
  open(t, server, { servers, tls: { caFile: stranger }, logger: { ...silentLogger, warn } })
  t.match((await said.promise).error?.message, /certificate/)
})

t.test('names that can’t be part of a subject are refused', async t => {
  for (const functionName of ['', 'a.b', '*', '>', 'a b'])
    t.throws(() => open(t, { address: '127.0.0.1:1' }, { functionName }), /part of a subject/)
})
