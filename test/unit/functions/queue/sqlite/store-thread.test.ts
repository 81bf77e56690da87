import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import {
  defaultLimits,
  type StoreReply,
  type StoreResult,
} from '../../../../../src/functions/queue/sqlite/protocol.ts'
import type {
  StoreCommand,
  ThreadRequest,
} from '../../../../../src/functions/queue/sqlite/protocol.ts'
import { StoreThread } from '../../../../../src/functions/queue/sqlite/store-thread.ts'
import { mockTime } from '../../../../support/mock-time.ts'
import { newEvent } from '../events.ts'

/** The far end, which answers when a test says so. */
class FakeWorker extends EventEmitter {
  readonly requests: ThreadRequest[] = []

  get lastBatch(): readonly StoreCommand[] {
    const last = this.requests.at(-1)
    return last === undefined || last === 'stop' ? [] : last
  }

  postMessage(request: ThreadRequest): void {
    this.requests.push(request)
    if (request === 'stop') this.emit('exit', 0)
  }

  async terminate(): Promise<number> {
    this.emit('exit', 1)
    return 1
  }

  answer(results?: readonly StoreResult[], notices: StoreReply['notices'] = []): void {
    const depth = { events: 1, bytes: 2, oldestAgeMs: 3 }
    const stored = this.lastBatch.map(() => ({ kind: 'stored', id: 'x' }) as const)
    const reply: StoreReply = { results: results ?? stored, depth, notices }
    this.emit('message', reply)
  }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
const put = (bytes = 2): Extract<StoreCommand, { kind: 'put' }> => ({
  kind: 'put',
  event: newEvent({ payload: Buffer.alloc(bytes) }),
})

function open(t: Test, logger = silentLogger): { worker: FakeWorker; thread: StoreThread } {
  const worker = new FakeWorker()
  const spawn = (): Worker => worker as unknown as Worker
  const thread = new StoreThread({ path: '/x', limits: defaultLimits }, logger, spawn)
  t.teardown(() => worker.emit('exit', 0))
  return { worker, thread }
}

t.test('what comes in one turn goes together, and what comes meanwhile goes next', async t => {
  const { worker, thread } = open(t)
  const first = [thread.send<'put'>(put()), thread.send<'put'>(put())]
  await turn()
  const later = [
    thread.send<'put'>(put()),
    thread.send<'take'>({ kind: 'take', max: 1, leaseMs: 1 }),
  ]
  await turn()
  t.equal(worker.requests.length, 1)
  t.equal(worker.lastBatch.length, 2)
  worker.answer()
  t.match(await Promise.all(first), [{ kind: 'stored' }, { kind: 'stored' }])
  t.match(worker.lastBatch, [{ kind: 'put' }, { kind: 'take' }])
  const taken = { events: [], nextInMs: undefined }
  worker.answer([{ kind: 'duplicate', id: 'y' }, taken])
  t.strictSame(await Promise.all(later), [{ kind: 'duplicate', id: 'y' }, taken])
  t.strictSame(thread.depth, { events: 1, bytes: 2, oldestAgeMs: 3 })
})

t.test('one transaction has no more than so many bytes', async t => {
  const { worker, thread } = open(t)
  for (let i = 0; i < 20; i++) void thread.send<'put'>(put(1024 * 1024))
  await turn()
  t.equal(worker.lastBatch.length, 8)
  worker.answer()
  t.equal(worker.lastBatch.length, 8)
  worker.answer()
  t.equal(worker.lastBatch.length, 4)
})

t.test('no more puts wait for the disk than allowed, by count and by bytes', async t => {
  const { worker, thread } = open(t)
  for (let i = 0; i < 64; i++) void thread.send<'put'>(put(1024 * 1024))
  t.match(await thread.send<'put'>(put()), { kind: 'refused', reason: 'count' })
  await turn()
  worker.answer()
  const waiting = Array.from({ length: 4096 }, () => thread.send<'put'>(put(0)))
  t.match(await waiting.at(-1), { kind: 'refused', reason: 'count' })
})

t.test('those who put are told when the disk does not answer, and others wait for it', async t => {
  mockTime(t)
  const { worker, thread } = open(t)
  const flying = thread.send<'put'>(put())
  const asked = thread.send<'take'>({ kind: 'take', max: 1, leaseMs: 1 })
  await turn()
  const waiting = thread.send<'put'>(put())
  mock.timers.tick(10_000)
  for (const each of [flying, waiting, thread.send<'put'>(put())])
    t.match(await each, { kind: 'refused', reason: 'unavailable' })
  const taken = { events: [], nextInMs: 5 }
  worker.answer([{ kind: 'stored', id: 'x' }, taken])
  t.strictSame(await asked, taken)
  const next = thread.send<'put'>(put())
  await turn()
  worker.answer()
  t.match(await next, { kind: 'stored' })
})

t.test('a thread that ends answers all that is asked of it', async t => {
  const { worker, thread } = open(t)
  const flying = thread.send<'put'>(put())
  await turn()
  const waiting = thread.send<'acknowledge'>({ kind: 'acknowledge', handle: { row: 1, token: 1 } })
  worker.emit('error', new Error('out of memory'))
  worker.emit('exit', 1)
  t.match(await flying, { kind: 'refused', reason: 'unavailable' })
  t.equal(await waiting, false)
  t.match(await thread.send<'take'>({ kind: 'take', max: 1, leaseMs: 1 }), { failure: /ended/ })
  await thread.close()
})

t.test('close waits for what is under way', async t => {
  const { worker, thread } = open(t)
  const flying = thread.send<'put'>(put())
  const closing = thread.close()
  await turn()
  worker.answer()
  t.match(await flying, { kind: 'stored' })
  await closing
  t.equal(worker.requests.at(-1), 'stop')
})

t.test('close gives up a thread that does not answer', async t => {
  mockTime(t)
  const { thread } = open(t)
  const flying = thread.send<'put'>(put())
  await turn()
  const closing = thread.close()
  mock.timers.tick(5000)
  await closing
  t.match(await flying, { kind: 'refused', reason: 'unavailable' })
})

t.test('what the store has to say is logged', async t => {
  const lines: object[] = []
  const logger = { ...silentLogger, error: (fields: object) => lines.push(fields) }
  const { worker, thread } = open(t, logger)
  void thread.send<'put'>(put())
  await turn()
  worker.answer(undefined, [{ fields: { aside: 'x' }, message: 'damaged' }])
  t.strictSame(lines, [{ aside: 'x' }])
})
