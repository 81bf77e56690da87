import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { monotonicNow } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { defaultPolicy } from '../../src/functions/queue/delivery-policy.ts'
import { Delivery } from '../../src/functions/queue/delivery.ts'
import type { Outcome } from '../../src/functions/queue/outcome.ts'
import { SqliteQueue } from '../../src/functions/queue/sqlite-queue.ts'
import { newEvent, takeOne, takeUpTo } from '../unit/functions/queue/events.ts'
import { testFolder } from '../support/test-folder.ts'

const source = (path: string): string =>
  pathToFileURL(resolve(import.meta.dirname, '../../src', path)).href

/** Prints `+id` once an event is stored, `~id` before one is acknowledged, and `-id` once it is. */
const busyProgram = `
  import { randomUUID } from 'node:crypto'
  import { writeSync } from 'node:fs'
  import { monotonicNow } from ${JSON.stringify(source('base/clock.ts'))}
  import { silentLogger } from ${JSON.stringify(source('base/log.ts'))}
  import { SqliteQueue } from ${JSON.stringify(source('functions/queue/sqlite-queue.ts'))}

  const queue = new SqliteQueue({ path: process.argv[1], logger: silentLogger, now: monotonicNow })
  const { signal } = new AbortController()
  // A pipe whose reader is slow takes nothing for a while.
  const say = (sign, id) => {
    for (;;)
      try {
        return writeSync(1, sign + id + '\\n')
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error
      }
  }
  async function putAll() {
    for (;;) {
      const id = randomUUID()
      const result = await queue.put({ id, payload: Buffer.alloc(500, id) })
      if (result.kind !== 'stored') throw new Error(JSON.stringify(result))
      say('+', id)
    }
  }
  async function takeSome() {
    for (;;) {
      for (const lease of await queue.take({ max: 1, leaseMs: 60_000, waitMs: 1000, signal })) {
        say('~', lease.event.id)
        if (await lease.acknowledge()) say('-', lease.event.id)
      }
    }
  }
  await Promise.all([putAll(), putAll(), putAll(), putAll(), takeSome()])
`

function open(path: string): SqliteQueue {
  return new SqliteQueue({ path, logger: silentLogger, now: monotonicNow })
}

t.test('a process that is killed, again and again, loses nothing that it was promised', async t => {
  const path = join(testFolder(t), 'events.sqlite')
  const said = { '+': new Set<string>(), '~': new Set<string>(), '-': new Set<string>() }
  for (let kill = 0; kill < 10; kill++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', busyProgram, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    let rest = randomInt(1, 500)
    // What it said before it died counts, to the last line.
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.length === 37) said[line[0] as keyof typeof said].add(line.slice(1))
      if (--rest === 0) child.kill('SIGKILL')
    }
    t.strictSame(await exited, [null, 'SIGKILL'])
  }
  await using _ = { [Symbol.asyncDispose]: () => queue.close() }
  const queue = open(path)
  const left = new Set<string>()
  for (;;) {
    const leases = await takeUpTo(queue, 500, { waitMs: 0 })
    if (leases.length === 0) break
    for (const { event } of leases) {
      left.add(event.id)
      if (!event.payload.equals(Buffer.alloc(500, event.id))) t.fail('a payload is not its own')
    }
  }
  const lost = [...said['+']].filter(id => !left.has(id) && !said['~'].has(id))
  const back = [...said['-']].filter(id => left.has(id))
  t.comment(`${said['+'].size} stored, ${said['-'].size} acknowledged, ${left.size} left`)
  t.strictSame({ lost, back }, { lost: [], back: [] })
  t.ok(said['+'].size > 100)
})

/** A disk of 3 MiB. */
class SmallDisk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'weft-disk-'))
  /** Why it could not be mounted; false when it was. */
  readonly missing: string | false

  constructor() {
    const mount = ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', this.path]
    const { status } = spawnSync('mount', mount)
    this.missing = status !== 0 && 'only root can mount a file system, where it is allowed at all'
  }

  [Symbol.dispose](): void {
    if (this.missing === false) spawnSync('umount', [this.path])
    rmSync(this.path, { recursive: true })
  }
}

function whyNoDisk(): string | false {
  using disk = new SmallDisk()
  return disk.missing
}

t.test('a disk that is full refuses puts, and all else goes on', { skip: whyNoDisk() }, async t => {
  // Not in the test's own folder, which is removed before anything is unmounted.
  using disk = new SmallDisk()
  const ballast = join(disk.path, 'ballast')
  writeFileSync(ballast, Buffer.alloc(1024 * 1024))
  const path = join(disk.path, 'events.sqlite')
  let queue = open(path)
  await using _ = { [Symbol.asyncDispose]: () => queue.close() }
  const put = () => queue.put(newEvent({ payload: Buffer.alloc(50_000) }))

  let stored = 0
  let result = await put()
  for (; result.kind === 'stored'; result = await put()) stored++
  t.match(result, { kind: 'refused', reason: 'disk', detail: /full/ })
  t.ok(stored > 3)
  t.equal(queue.depth.events, stored)

  // Nor is there room to write down what is done.
  fill(join(disk.path, 'filler'))
  const leases = await takeUpTo(queue, 1000, { leaseMs: 1 })
  t.equal(leases.length, stored)
  const [first, ...others] = leases
  for (const lease of others) t.equal(await lease.acknowledge(), true)
  t.equal(await first?.giveBack({ delayMs: 0, attempts: 0, throttles: 1 }), true)
  t.equal((await takeOne(queue)).event.id, first?.event.id)
  t.strictSame(await takeUpTo(queue, 1000, { waitMs: 20 }), [])
  t.equal(queue.depth.events, 1)

  rmSync(ballast)
  rmSync(join(disk.path, 'filler'))
  t.match(await put(), { kind: 'stored' })
  await queue.close()
  queue = open(path)
  const left = (await takeUpTo(queue, 1000)).map(({ event }) => event.id)
  t.equal(left.length, 2, 'all that was done is written down now')
  t.equal(left[0], first?.event.id)
})

/** Takes what a disk has left. */
function fill(path: string): void {
  for (;;)
    try {
      appendFileSync(path, Buffer.alloc(4096))
    } catch {
      return
    }
}

t.test('each event is delivered or told of, whatever its function does', async t => {
  const queue = open(join(testFolder(t), 'events.sqlite'))
  t.teardown(() => queue.close())
  const outcomes: readonly Outcome[] = [
    { kind: 'success', result: Buffer.from('1'), version: '$LATEST' },
    { kind: 'function-error', document: Buffer.from('{}'), errorType: 'E', version: '$LATEST' },
    { kind: 'system-error', detail: 'none' },
  ]
  const ended = new Map<string, string>()
  const all = Promise.withResolvers<void>()
  const count = 300
  let failing = true
  const delivery = new Delivery({
    queue,
    functionArn: 'arn',
    policy: { ...defaultPolicy, backoffMs: 1, onFailure: 'f', onSuccess: 's' },
    invoke: async () => outcomes[randomInt(outcomes.length)] as Outcome,
    deliver: async (_, { requestContext: { requestId, condition } }) => {
      failing = !failing
      if (failing) throw new Error('away')
      if (ended.has(requestId)) t.fail('told twice')
      ended.set(requestId, condition)
      if (ended.size === count) all.resolve()
    },
    logger: silentLogger,
    now: monotonicNow,
    wallNow: Date.now,
    // Every wait for what is no fault of an event ends at once.
    random: () => 0,
  })
  delivery.start()
  const events = Array.from({ length: count }, () => newEvent())
  await Promise.all(events.map(event => delivery.put(event)))
  await all.promise
  await delivery.drain(5000)
  const { delivered, deadLettered, enqueued, dropped, expired } = delivery.counters
  t.equal(enqueued, count)
  t.equal(delivered + deadLettered, count)
  t.strictSame([dropped, expired, queue.depth.events], [0, 0, 0])
  t.strictSame(new Set(ended.keys()), new Set(events.map(({ id }) => id)))
})
