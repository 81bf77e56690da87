import { Cron } from 'croner'

const longestExpression = 256
const fieldsHint = 'write 5 fields (minute hour day month weekday), or 6 with seconds first'
/** Any will do: years don't matter to expressions of 6 fields. */
const someTime = new Date('2026-01-01T00:00:00Z')

/** What is wrong with an expression, in a sentence. Takes milliseconds at most, whatever the expression. */
export function cronProblem(expression: string, timeZone?: string): string | undefined {
  if (expression.length > longestExpression)
    return `the schedule has more than ${longestExpression} characters: write ranges instead of lists`
  // Croner takes dates and names such as @daily too, and those with a year.
  const fields = expression.trim().split(/\s+/)
  if (fields.length !== 5 && fields.length !== 6)
    return `the schedule ${JSON.stringify(expression)} can't be read: ${fieldsHint}`
  if (timeZone !== undefined && !isTimeZone(timeZone))
    return `there is no time zone ${JSON.stringify(timeZone)}: name one as Europe/Stockholm, or UTC`
  try {
    if (new CronSchedule(expression, timeZone).after(someTime.getTime()) !== undefined)
      return undefined
  } catch (error) {
    const reason = (error as Error).message.replace(/^Cron\w*: /, '')
    return `the schedule ${JSON.stringify(expression)} can't be read (${reason}): ${fieldsHint}`
  }
  return `the schedule ${JSON.stringify(expression)} is never due: no such date comes`
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).format()
    return true
  } catch {
    return false
  }
}

/** The instants of a cron expression, in ms since 1970. */
export class CronSchedule {
  readonly #cron: Cron

  /**
   * @param timeZone UTC by default, so that all hosts mean the same.
   * @throws for what `cronProblem` reports.
   */
  constructor(expression: string, timeZone = 'UTC') {
    this.#cron = new Cron(expression, {
      mode: '5-or-6-parts',
      timezone: timeZone,
      paused: true,
    })
  }

  /** The first instant after this one. */
  after(time: number): number | undefined {
    return this.#cron.nextRun(new Date(time))?.getTime()
  }

  /** The last instant up to this one. */
  upTo(time: number): number | undefined {
    return this.#cron.previousRuns(1, new Date(time + 1))[0]?.getTime()
  }
}
