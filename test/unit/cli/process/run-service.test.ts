import { EventEmitter } from 'node:events'
import t from 'tap'
import { silentLogger } from '../../../../src/base/log.ts'
import { runService, type Service } from '../../../../src/cli/process/run-service.ts'

class FakeService implements Service {
  readonly calls: string[] = []
  readonly draining = Promise.withResolvers<void>()
  readonly drained = Promise.withResolvers<void>()

  async drain(): Promise<void> {
    this.calls.push('drain')
    this.draining.resolve()
    await this.drained.promise
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }
}

function setUp() {
  const source = new EventEmitter()
  const service = new FakeService()
  const started = Promise.withResolvers<void>()
  async function start(): Promise<Service> {
    // The race inside runService has seen the service before anything after this turn.
    setImmediate(started.resolve)
    return service
  }
  const ended = runService(start, { logger: silentLogger, source, crashDrainMs: 5 })
  return { source, service, started: started.promise, ended }
}

for (const signal of ['SIGTERM', 'SIGINT'])
  t.test(`${signal} drains and ends with 0`, async t => {
    const { source, service, started, ended } = setUp()
    await started
    source.emit(signal)
    await service.draining.promise
    service.drained.resolve()
    t.equal(await ended, 0)
    t.same(service.calls, ['drain'])
  })

t.test('a second signal closes at once and ends with 1', async t => {
  const { source, service, started, ended } = setUp()
  await started
  source.emit('SIGTERM')
  await service.draining.promise
  source.emit('SIGINT')
  t.equal(await ended, 1)
  t.same(service.calls, ['drain', 'close'])
})

t.test('an uncaught error drains only briefly and ends with 1', async t => {
  const { source, service, started, ended } = setUp()
  await started
  source.emit('uncaughtException', new Error('bug'))
  t.equal(await ended, 1)
  t.same(service.calls, ['drain', 'close'])
})

t.test('an uncaught error ends with 1 although everything could be drained', async t => {
  const { source, service, started, ended } = setUp()
  await started
  service.drained.resolve()
  source.emit('uncaughtException', new Error('bug'))
  t.equal(await ended, 1)
})

t.test('a signal before the service has started ends with 0', async t => {
  const source = new EventEmitter()
  const never = new Promise<Service>(() => {})
  const ended = runService(() => never, { logger: silentLogger, source })
  source.emit('SIGTERM')
  t.equal(await ended, 0)
})

t.test('a failed start is logged, ends with 1 and leaves no listener behind', async t => {
  const source = new EventEmitter()
  const error = new Error('no such folder')
  const start = async (): Promise<Service> => {
    throw error
  }
  const logged: unknown[] = []
  const logger = { ...silentLogger, error: (...line: unknown[]) => logged.push(line) }
  t.equal(await runService(start, { logger, source }), 1)
  t.same(logged, [[{ error }, 'could not start']])
  t.same(source.eventNames(), [])
})
