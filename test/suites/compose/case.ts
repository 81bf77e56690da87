import type { Report } from '../report.ts'
import type { Engine } from './engine/engine.ts'

export interface CaseContext {
  readonly engine: Engine
  readonly report: Report
  /** Of this case; gone after the run unless something failed. */
  readonly folder: string
}

/** One story, in an engine that others have used before it: what it makes it removes. */
export interface Case {
  readonly name: string
  /** What it throws is a failure of it. */
  run(context: CaseContext): Promise<void>
}
