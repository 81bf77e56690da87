import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { monotonicNow, wallNow } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { JetStreamQueue } from '../../src/functions/queue/jetstream-queue.ts'
import { SqliteQueue } from '../../src/functions/queue/sqlite-queue.ts'
import { natsMissing, NatsServer } from '../support/functions/nats.ts'
import { contract } from '../unit/functions/queue/contract.ts'
import { testFolder } from '../support/test-folder.ts'

t.test('SQLite', async t => {
  for (const { name, options = {}, run } of contract)
    t.test(name, async t => {
      const queue = new SqliteQueue({
        path: join(testFolder(t), 'state', 'events.sqlite'),
        limits: { ...(options.maxEvents !== undefined && { maxEvents: options.maxEvents }) },
        logger: silentLogger,
        now: monotonicNow,
      })
      t.teardown(() => queue.close())
      await run(t, queue)
    })
})

t.test('JetStream', { skip: natsMissing }, async t => {
  const server = await NatsServer.start()
  t.teardown(() => server[Symbol.asyncDispose]())
  for (const { name, options = {}, run } of contract)
    t.test(name, async t => {
      const queue = new JetStreamQueue({
        servers: [server.address],
        namespace: 'shop',
        functionName: 'hello',
        stream: `events-${randomUUID()}`,
        maxBytes: 16 * 1024 * 1024,
        ...options,
        logger: silentLogger,
        now: monotonicNow,
        wallNow,
        random: Math.random,
      })
      t.teardown(() => queue.close())
      t.ok(await queue.connected(5000))
      await run(t, queue)
    })
})
