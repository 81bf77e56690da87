import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import type { CircuitBreakerPolicy } from '../../src/model/cluster.ts'
import {
  CircuitBreaker,
  refused,
  type BreakerSetting,
  type CircuitState,
} from '../../src/resilience/circuit-breaker.ts'
import { mockTime } from '../support/mock-time.ts'

const policy: CircuitBreakerPolicy = {
  enabled: true,
  failureRatio: 0.4,
  minRequests: 4,
  windowMs: 1000,
  openMs: 300,
}
const bucketMs = 100

/** The breaker as its documentation has it: every outcome is kept with its time. */
class Model {
  state: CircuitState = 'closed'
  setting: BreakerSetting = 'auto'
  readonly #probesNeeded: number
  #probed = 0
  #now = 0
  #openedAt = 0
  #outcomes: { readonly failed: boolean; readonly bucket: number }[] = []
  /** Requests out that were admitted in this state. */
  current = new Set<number>()

  constructor(probesNeeded: number) {
    this.#probesNeeded = probesNeeded
  }

  mayGo(): boolean {
    if (this.state !== 'half-open') return this.state === 'closed'
    return this.current.size + this.#probed < this.#probesNeeded
  }

  settle(id: number, failed: boolean): void {
    if (!this.current.delete(id)) return
    if (this.state === 'half-open') {
      if (failed) return this.#enter('open')
      if (++this.#probed === this.#probesNeeded) this.#enter('closed')
      return
    }
    if (this.setting !== 'auto') return
    this.#outcomes.push({ failed, bucket: this.#bucket() })
    const window = this.#outcomes.filter(({ bucket }) => bucket > this.#bucket() - 10)
    const failures = window.filter(outcome => outcome.failed).length
    if (!failed || window.length < policy.minRequests) return
    if (failures / window.length >= policy.failureRatio) this.#enter('open')
  }

  advance(ms: number): void {
    this.#now += ms
    if (this.setting !== 'auto') return
    if (this.state === 'open' && this.#now - this.#openedAt >= policy.openMs)
      this.#enter('half-open')
  }

  set(setting: BreakerSetting): void {
    if (setting === this.setting) return
    this.setting = setting
    this.#enter(setting === 'open' ? 'open' : 'closed')
  }

  #enter(state: CircuitState): void {
    this.state = state
    this.current = new Set()
    this.#probed = 0
    if (state === 'open') this.#openedAt = this.#now
    if (state === 'closed') this.#outcomes = []
  }

  #bucket(): number {
    return Math.floor(this.#now / bucketMs)
  }
}

type Step =
  | { readonly kind: 'acquire' }
  | { readonly kind: 'set'; readonly setting: BreakerSetting }
  | { readonly kind: 'succeed' | 'fail' | 'ignore'; readonly which: number }
  | { readonly kind: 'advance'; readonly ms: number }

const which = fc.nat(20)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: fc.constant({ kind: 'acquire' as const }) },
  { weight: 15, arbitrary: fc.record({ kind: fc.constant('succeed' as const), which }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('fail' as const), which }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('ignore' as const), which }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.integer({ min: 1, max: 400 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      setting: fc.constantFrom<BreakerSetting>('open', 'closed', 'auto', 'auto'),
    }),
  },
)

/** A breaker and its model, given the same steps. */
class Run {
  readonly breaker: CircuitBreaker
  readonly model: Model
  readonly #out: { readonly id: number; readonly permit: number }[] = []
  #nextId = 0

  constructor(halfOpenRequests: number) {
    this.breaker = new CircuitBreaker('orders.default:80', { ...policy, halfOpenRequests })
    this.model = new Model(halfOpenRequests)
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'acquire':
        return this.#acquire()
      case 'set':
        this.model.set(step.setting)
        return this.breaker.set(step.setting)
      case 'advance':
        this.model.advance(step.ms)
        return mock.timers.tick(step.ms)
      case 'succeed':
      case 'fail':
      case 'ignore':
        return this.#settle(step.kind, step.which)
    }
  }

  #acquire(): void {
    const expected = this.model.mayGo()
    const permit = this.breaker.tryAcquire()
    if ((permit !== refused) !== expected)
      throw new Error(`${this.model.state}: admitted ${permit !== refused}, expected ${expected}`)
    if (permit === refused) return
    const id = this.#nextId++
    this.model.current.add(id)
    this.#out.push({ id, permit })
  }

  async #settle(kind: 'succeed' | 'fail' | 'ignore', which: number): Promise<void> {
    const [request] = this.#out.splice(which % Math.max(this.#out.length, 1), 1)
    if (request === undefined) return
    const { id, permit } = request
    if (kind === 'ignore') {
      this.model.current.delete(id)
      return this.breaker.onIgnored(permit)
    }
    this.model.settle(id, kind === 'fail')
    if (kind === 'fail') this.breaker.onFailure(permit)
    else this.breaker.onSuccess(permit)
    await turn()
  }
}

t.test('the breaker is in the state of its model after every step', async t => {
  mockTime(t, ['setTimeout', 'setInterval'])
  const reached = new Set<CircuitState>()
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { maxLength: 120, size: 'max' }),
      async (halfOpenRequests, steps) => {
        const run = new Run(halfOpenRequests)
        try {
          for (const [index, next] of steps.entries()) {
            await run.take(next)
            reached.add(run.model.state)
            if (run.breaker.state !== run.model.state)
              throw new Error(
                `step ${index} ${JSON.stringify(next)}: ${run.breaker.state}, expected ${run.model.state}`,
              )
          }
        } finally {
          run.breaker.shutdown()
        }
      },
    ),
    { numRuns: 500 },
  )
  t.strictSame([...reached].toSorted(), ['closed', 'half-open', 'open'])
})
