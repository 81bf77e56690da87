import type { CronSchedule } from '../../base/cron.ts'

interface Span {
  readonly from: number
  through: number
}

/** A new one begins with each jump of the clock; the oldest are forgotten, and the queue knows their ids still. */
const maxSpans = 64

/** Which runs of a schedule were emitted, so that none is again after the clock was set back. */
export class FiredRuns {
  readonly #schedule: CronSchedule
  readonly #spans: Span[] = []

  constructor(schedule: CronSchedule) {
    this.#schedule = schedule
  }

  add(run: number): void {
    const span = this.#spans.at(-1)
    if (span !== undefined && this.#schedule.after(span.through) === run) {
      span.through = run
      return
    }
    this.#spans.push({ from: run, through: run })
    if (this.#spans.length > maxSpans) this.#spans.shift()
  }

  has(run: number): boolean {
    return this.#spanOf(run) !== undefined
  }

  /** The first run after `time` that was not emitted. */
  nextAfter(time: number): number | undefined {
    let run = this.#schedule.after(time)
    // Each span is left behind once, because it ends later than it was entered.
    while (run !== undefined) {
      const span = this.#spanOf(run)
      if (span === undefined) return run
      run = this.#schedule.after(span.through)
    }
    return undefined
  }

  #spanOf(run: number): Span | undefined {
    return this.#spans.find(({ from, through }) => from <= run && run <= through)
  }
}
