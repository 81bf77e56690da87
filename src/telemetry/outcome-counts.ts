import { errorTable, type ErrorCode } from '../base/errors.ts'

/** In the order of the table; the index of a code in `byReason`. */
export const errorCodes = Object.keys(errorTable) as ErrorCode[]

const codeIndex = Object.fromEntries(errorCodes.map((code, index) => [code, index])) as Readonly<
  Record<ErrorCode, number>
>

/** How requests, or tries of them, ended. */
export class OutcomeCounts {
  /** Of those that ended well for the mesh, by the hundreds digit of their status. */
  readonly byStatusClass = new Float64Array(6)
  /** Of those that failed in the mesh, by {@link errorCodes}; they are in no status class. */
  readonly byReason = new Float64Array(errorCodes.length)

  count(status: number, reason: ErrorCode | undefined): void {
    if (reason === undefined) increment(this.byStatusClass, statusClass(status))
    else increment(this.byReason, codeIndex[reason])
  }
}

/** 1–5, and 0 for what is no HTTP status. */
function statusClass(status: number): number {
  const hundreds = Math.floor(status / 100)
  return hundreds >= 1 && hundreds <= 5 ? hundreds : 0
}

function increment(counters: Float64Array, index: number): void {
  counters[index] = (counters[index] ?? 0) + 1
}
