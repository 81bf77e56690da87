import type { Random } from '../../src/base/random.ts'
import { exponential, normal, seededRandom } from './seeded-random.ts'

export interface Call {
  /** Ms since the begin of the trace. */
  readonly at: number
  readonly durationMs: number
}

/** A function, and when it is called. */
export interface App {
  readonly kind: string
  readonly memoryMib: number
  /** Mean time that a start takes. */
  readonly coldMs: number
  readonly calls: readonly Call[]
  readonly spanMs: number
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const cronPeriods = [1, 5, 15, 30, 60, 240].map(minutes => minutes * minuteMs)
const mostPerSecond = 0.2
const callsPerSession = 10
const sessionGapMs = 20_000

/**
 * `count` functions over some days. Shares and distributions are those of Microsoft's Azure Functions in July 2019, as
 * "Serverless in the Wild" (Shahrad et al., ATC'20) has them: 45 % of the applications are called at most once an hour
 * and 81 % at most once a minute; 13 % by timers only; for 40 % the times between calls vary by more than their mean;
 * half of the load follows the day; mean durations are log-normal (-0.38, 2.36), memory is Burr (11.652, 0.221, 107.083).
 * Ours: nobody is called more often than once in five seconds, since those that are never start cold; nothing runs
 * for longer than a minute; starts take 100 ms in the median.
 */
export function wildTrace(seed: number, count: number, days: number): App[] {
  return Array.from({ length: count }, (_, index) => {
    const random = seededRandom(seed * 1_000_003 + index)
    const spanMs = days * dayMs
    // Spread evenly, so that a small sample has these shares too.
    const kind = kindAt(((index * 37) % 100) / 100)
    const perMs = ratePerMs((index + random()) / count)
    const times = { cron, steady, sessions }[kind](random, perMs, spanMs)
    return { kind, ...properties(random), calls: withDurations(random, times), spanMs }
  })
}

/** Functions with 300 calls at once out of nothing, in one moment or as a step of minutes, and some with a slow wave. */
export function burstTrace(seed: number, hours: number): App[] {
  const spanMs = hours * hourMs
  const shapes = [
    ['spike: 300 calls in 50 ms', spike, 100],
    ['step: 300 at once for 2 min', step, 100],
    ['wave: 0 to 60 at once and back', wave, 100],
    ['the same wave, a start takes 3 s', wave, 3000],
  ] as const
  return shapes.flatMap(([kind, shape, coldMs], row) =>
    [0, 1].map(index => {
      const random = seededRandom(seed * 1_000_003 + row * 10 + index)
      const calls = shape(random, spanMs).toSorted((a, b) => a.at - b.at)
      return { kind, memoryMib: 128, coldMs, calls, spanMs }
    }),
  )
}

function kindAt(share: number): 'cron' | 'steady' | 'sessions' {
  if (share < 0.13) return 'cron'
  return share < 0.53 ? 'sessions' : 'steady'
}

/** By rank: log-uniform between the rates that the paper names. */
function ratePerMs(rank: number): number {
  const between = (low: number, high: number, share: number): number => low * (high / low) ** share
  if (rank < 0.45) return between(1 / dayMs, 1 / hourMs, rank / 0.45)
  if (rank < 0.81) return between(1 / hourMs, 1 / minuteMs, (rank - 0.45) / 0.36)
  return between(1 / minuteMs, mostPerSecond / 1000, (rank - 0.81) / 0.19)
}

function properties(random: Random): { memoryMib: number; coldMs: number } {
  const burr = 107.083 * ((1 - random()) ** (-1 / 0.221) - 1) ** (1 / 11.652)
  return { memoryMib: Math.min(1024, burr), coldMs: 100 * Math.exp(0.5 * normal(random)) }
}

function withDurations(random: Random, times: readonly number[]): Call[] {
  const meanMs = Math.min(minuteMs, 1000 * Math.exp(-0.38 + 2.36 * normal(random)))
  return times.map(at => ({ at, durationMs: Math.max(1, meanMs * Math.exp(0.3 * normal(random))) }))
}

function cron(random: Random, perMs: number, spanMs: number): number[] {
  const distance = (periodMs: number): number => Math.abs(Math.log(periodMs * perMs))
  const periodMs = cronPeriods.reduce((a, b) => (distance(a) <= distance(b) ? a : b))
  const phaseMs = random() * periodMs
  const times: number[] = []
  for (let due = phaseMs; due < spanMs; due += periodMs) times.push(due + 1000 * random())
  return times
}

function steady(random: Random, perMs: number, spanMs: number): number[] {
  const times: number[] = []
  // Thinned: at its busiest hour a function has 4/3 of its mean, at its quietest half of that.
  for (let at = 0; (at += (exponential(random) / perMs) * 0.75) < spanMs;)
    if (random() < 0.75 - 0.25 * Math.cos((2 * Math.PI * at) / dayMs)) times.push(at)
  return times
}

/** Somebody comes, calls about ten times, and goes. */
function sessions(random: Random, perMs: number, spanMs: number): number[] {
  const begins = steady(random, perMs / callsPerSession, spanMs)
  const times = begins.flatMap(begin => {
    const session = [begin]
    while (random() > 1 / callsPerSession)
      session.push((session.at(-1) ?? begin) + sessionGapMs * exponential(random))
    return session
  })
  return times.filter(at => at < spanMs).toSorted((a, b) => a - b)
}

function spike(random: Random, spanMs: number): Call[] {
  return everyHalfHour(random, spanMs).flatMap(begin =>
    Array.from({ length: 300 }, () => call(random, begin + 50 * random(), 200)),
  )
}

function step(random: Random, spanMs: number): Call[] {
  return everyHalfHour(random, spanMs).flatMap(begin =>
    arrivals(random, begin, begin + 2 * minuteMs, () => 300 / 1000).map(at =>
      call(random, at, 1000),
    ),
  )
}

/** Between nothing and 60 at once, and back, in an hour. */
function wave(random: Random, spanMs: number): Call[] {
  const perMs = (at: number): number => (30 - 30 * Math.cos((2 * Math.PI * at) / hourMs)) / 500
  return arrivals(random, 0, spanMs, perMs, 60 / 500).map(at => call(random, at, 500))
}

function everyHalfHour(random: Random, spanMs: number): number[] {
  const begins: number[] = []
  for (let at = 0; (at += (20 + 20 * random()) * minuteMs) < spanMs - 5 * minuteMs;) begins.push(at)
  return begins
}

function arrivals(
  random: Random,
  from: number,
  until: number,
  perMs: (at: number) => number,
  mostPerMs = perMs(from),
): number[] {
  const times: number[] = []
  for (let at = from; (at += exponential(random) / mostPerMs) < until;)
    if (random() * mostPerMs < perMs(at)) times.push(at)
  return times
}

function call(random: Random, at: number, meanMs: number): Call {
  return { at, durationMs: meanMs * Math.exp(0.3 * normal(random) - 0.045) }
}
