import { rmSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import type { LeaseHandle } from '../../../../../src/functions/queue/sqlite/protocol.ts'
import { StoreBench } from './store-bench.ts'

/** What must be true of each event that was acknowledged to whoever put it. */
interface Known {
  readonly order: number
  dueAt: number
  attempts: number
  leasedUntil: number
  handle: LeaseHandle | undefined
}

interface Model {
  readonly waiting: Map<string, Known>
  readonly done: Set<string>
  puts: number
}

type Step = fc.Command<Model, StoreBench>

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}

/** Those that must come out now, first to last. */
function dueNow({ waiting }: Model, at: number): string[] {
  return [...waiting]
    .filter(([, known]) => known.dueAt <= at && known.leasedUntil <= at)
    .toSorted(([, a], [, b]) => a.dueAt - b.dueAt || a.order - b.order)
    .map(([id]) => id)
}

const any = { check: () => true }

const put = (count: number): Step => ({
  ...any,
  run(model, bench) {
    for (let i = 0; i < count; i++) {
      const id = `e${model.puts++}`
      check(bench.put({ id }).kind === 'stored', 'refused')
      const known = { order: model.puts, dueAt: bench.wall, attempts: 0, leasedUntil: -Infinity }
      model.waiting.set(id, { ...known, handle: undefined })
    }
  },
  toString: () => `put ${count}`,
})

const take = (max: number, leaseMs: number): Step => ({
  ...any,
  run(model, bench) {
    const { events } = bench.take(max, leaseMs)
    const ids = events.map(({ event }) => event.id)
    for (const id of ids) check(!model.done.has(id), `${id} came after its acknowledgement`)
    const expected = dueNow(model, bench.wall).slice(0, max)
    check(ids.join() === expected.join(), `took ${ids.join()} instead of ${expected.join()}`)
    for (const { event, handle } of events) {
      const known = model.waiting.get(event.id)
      check(known?.attempts === event.attempts, `${event.id} forgot its attempts`)
      if (known !== undefined) Object.assign(known, { handle, leasedUntil: bench.wall + leaseMs })
    }
  },
  toString: () => `take ${max} for ${leaseMs}`,
})

/** One of those that are leased, if there is any. */
function pick({ waiting }: Model, index: number): [string, Known] | undefined {
  const leased = [...waiting].filter(([, { handle }]) => handle !== undefined)
  return leased[index % Math.max(1, leased.length)]
}

const acknowledge = (index: number): Step => ({
  ...any,
  run(model, bench) {
    const leased = pick(model, index)
    if (leased === undefined) return
    const [id, { handle }] = leased
    check(handle !== undefined && bench.acknowledge(handle), `the lease of ${id} was lost`)
    model.waiting.delete(id)
    model.done.add(id)
  },
  toString: () => `acknowledge ${index}`,
})

const giveBack = (index: number, delayMs: number): Step => ({
  ...any,
  run(model, bench) {
    const leased = pick(model, index)
    if (leased === undefined) return
    const [id, known] = leased
    const { handle } = known
    const attempts = known.attempts + 1
    const held = handle !== undefined && bench.giveBack(handle, { delayMs, attempts })
    check(held, `the lease of ${id} was lost`)
    const dueAt = bench.wall + delayMs
    Object.assign(known, { attempts, dueAt, leasedUntil: -Infinity, handle: undefined })
  },
  toString: () => `give back ${index} for ${delayMs}`,
})

const pass = (ms: number): Step => ({
  ...any,
  run: (_, bench) => bench.pass(ms),
  toString: () => `${ms} ms pass`,
})

const crash: Step = {
  ...any,
  run(model, bench) {
    bench.crash()
    for (const known of model.waiting.values())
      Object.assign(known, { leasedUntil: -Infinity, handle: undefined })
  },
  toString: () => 'crash and open again',
}

t.test('whatever happens, nothing is lost, nothing comes back, and the order is kept', async t => {
  let runs = 0
  const steps = [
    fc.integer({ min: 1, max: 5 }).map(put),
    fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(1, 20, 1000))
      .map(args => take(...args)),
    fc.nat(5).map(acknowledge),
    fc.tuple(fc.nat(5), fc.constantFrom(0, 1, 30, 500)).map(args => giveBack(...args)),
    fc.constantFrom(1, 10, 100, 2000).map(pass),
    fc.constant(crash),
  ]
  const directory = t.testdir()
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 60 }), commands => {
      const folder = `${directory}/${runs++}`
      const path = `${folder}/events.sqlite`
      const bench = new StoreBench(t, {}, path)
      bench.take()
      const model: Model = { waiting: new Map(), done: new Set(), puts: 0 }
      try {
        fc.modelRun(() => ({ model, real: bench }), commands)
        // In the end all that is left can still be had.
        bench.crash()
        bench.pass(10_000)
        const left = bench.take(1000).events.map(({ event }) => event.id)
        check(left.toSorted().join() === [...model.waiting.keys()].toSorted().join(), 'lost')
      } finally {
        bench.close()
        rmSync(folder, { recursive: true })
      }
    }),
    { numRuns: 40 },
  )
  t.pass()
})
