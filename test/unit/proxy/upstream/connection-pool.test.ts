import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import type { ClientConnection, ClientConnectionEvents } from '../../../../src/http/stream.ts'
import { ConnectionPool, type Waiter } from '../../../../src/proxy/upstream/connection-pool.ts'

class FakeConnection implements ClientConnection {
  active = 0
  served = 0
  closed = false
  drained = false
  readonly multiplexed = true
  staleAt = Number.POSITIVE_INFINITY
  readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  get capacity(): number {
    return this.drained ? 0 : this.limit - this.active
  }

  isStale(now: number): boolean {
    return now >= this.staleAt
  }

  request(): never {
    throw new Error('not used here')
  }

  drain(): void {
    this.drained = true
  }

  destroy(): void {
    this.closed = true
  }

  sweep(): void {}
}

class FakeWaiter implements Waiter {
  connection: ClientConnection | undefined
  error: ExchangeError | undefined

  onConnection(connection: ClientConnection): void {
    this.connection = connection
    ;(connection as FakeConnection).active++
  }

  onConnectFailed(error: ExchangeError): void {
    this.error = error
  }
}

function setUp(options: { maxConnections?: number; maxPending?: number; growAt?: number } = {}) {
  const dials: {
    events: ClientConnectionEvents
    succeed: (connection: ClientConnection) => void
    fail: (error: ExchangeError) => void
  }[] = []
  const pool = new ConnectionPool({
    name: 'test',
    maxConnections: 2,
    maxPending: 10,
    ...options,
    dial: events =>
      new Promise((succeed, fail) => {
        dials.push({ events, succeed, fail })
      }),
  })
  const acquire = (now = 0): FakeWaiter => {
    const waiter = new FakeWaiter()
    pool.acquire(waiter, now)
    return waiter
  }
  return { pool, dials, acquire }
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

t.test('an HTTP/1.1 connection is handed to one waiter at a time and then reused', async t => {
  const { pool, dials, acquire } = setUp({ maxConnections: 1 })
  const first = acquire()
  const second = acquire()
  t.equal(dials.length, 1, 'the bound on connections holds')
  const connection = new FakeConnection(1)
  dials[0]?.succeed(connection)
  await turn()
  t.equal(first.connection, connection)
  t.equal(second.connection, undefined)
  connection.active = 0
  pool.onCapacity(connection)
  t.equal(second.connection, connection)
})

t.test(
  'a connection that has been idle for too long is let go, a younger one is taken',
  async t => {
    const { pool, dials, acquire } = setUp()
    acquire()
    acquire()
    const [old, young] = [new FakeConnection(1), new FakeConnection(1)]
    dials[0]?.succeed(old)
    dials[1]?.succeed(young)
    await turn()
    for (const connection of [young, old]) {
      connection.active = 0
      pool.onCapacity(connection)
      pool.onCapacity(connection)
    }
    old.staleAt = 1000
    t.equal(acquire(1000).connection, young)
    t.equal(old.drained, true)
    t.equal(acquire(1000).connection, undefined, 'each is free once')
  },
)

t.test('each waiter of an HTTP/1.1 pool gets its own dial, and its own failure', async t => {
  const { dials, acquire } = setUp()
  const waiters = [acquire(), acquire()]
  t.equal(dials.length, 2)
  dials[0]?.fail(new ExchangeError('connect_failed', 'refused'))
  await turn()
  t.equal(waiters[0]?.error?.code, 'connect_failed')
  t.equal(waiters[1]?.error, undefined)
})

t.test('one dial of a multiplexed pool serves all waiters', async t => {
  const { dials, acquire } = setUp({ growAt: 100 })
  const waiters = [acquire(), acquire(), acquire()]
  t.equal(dials.length, 1)
  const connection = new FakeConnection(100)
  dials[0]?.succeed(connection)
  await turn()
  for (const waiter of waiters) t.equal(waiter.connection, connection)
  t.equal(acquire().connection, connection)
})

t.test('those for whom a new multiplexed connection has no room get the next', async t => {
  const { dials, acquire } = setUp({ growAt: 100 })
  const waiters = [acquire(), acquire(), acquire()]
  const [first, second] = [new FakeConnection(2), new FakeConnection(2)]
  dials[0]?.succeed(first)
  await turn()
  t.equal(dials.length, 2)
  dials[1]?.succeed(second)
  await turn()
  t.strictSame(
    waiters.map(({ connection }) => connection),
    [first, first, second],
  )
  t.equal(dials.length, 2)
})

t.test('a multiplexed pool opens another connection beside a busy one', async t => {
  const { dials, acquire } = setUp({ growAt: 1 })
  acquire()
  dials[0]?.succeed(new FakeConnection(100))
  await turn()
  acquire()
  t.equal(dials.length, 2)
  const idle = new FakeConnection(100)
  dials[1]?.succeed(idle)
  await turn()
  t.equal(acquire().connection, idle, 'the least busy one is taken')
})

t.test('a failed dial of a multiplexed pool fails all who wait', async t => {
  const { dials, acquire } = setUp({ growAt: 100 })
  const waiters = [acquire(), acquire()]
  dials[0]?.fail(new ExchangeError('tls_failed', 'bad certificate'))
  await turn()
  for (const waiter of waiters) t.equal(waiter.error?.code, 'tls_failed')
})

t.test('waiters beyond the bound are refused with overloaded', async t => {
  const { acquire } = setUp({ maxPending: 1 })
  acquire()
  t.equal(acquire().error?.code, 'overloaded')
})

t.test('a cancelled waiter hears nothing more', async t => {
  const { pool, dials, acquire } = setUp()
  const waiter = acquire()
  pool.cancel(waiter)
  dials[0]?.succeed(new FakeConnection(1))
  await turn()
  t.equal(waiter.connection, undefined)
  t.equal(acquire().connection !== undefined, true, 'the connection is there for the next one')
})

t.test('a renewed pool drains what it has and dials anew', async t => {
  const { pool, dials, acquire } = setUp({ growAt: 100 })
  acquire()
  const old = new FakeConnection(100)
  dials[0]?.succeed(old)
  await turn()
  pool.renew()
  t.ok(old.drained)
  t.notOk(old.closed, 'requests in flight go on')
  acquire()
  t.equal(dials.length, 2)
})

t.test('a closed pool refuses waiters and destroys what is dialled late', async t => {
  const { pool, dials, acquire } = setUp()
  const waiter = acquire()
  pool.close()
  t.equal(waiter.error?.code, 'connect_failed')
  const late = new FakeConnection(1)
  dials[0]?.succeed(late)
  await turn()
  t.ok(late.closed)
  t.equal(acquire().error?.code, 'overloaded')
})

t.test('when a connection is retired its waiters get another', async t => {
  const { pool, dials, acquire } = setUp({ maxConnections: 1 })
  acquire()
  const connection = new FakeConnection(1)
  dials[0]?.succeed(connection)
  await turn()
  acquire()
  t.equal(dials.length, 1)
  pool.onRetired(connection)
  t.equal(dials.length, 2)
})
