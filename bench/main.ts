import { writeFileSync } from 'node:fs'
import { caseName, type BenchCase, smallest, type Topology } from './bench-case.ts'
import { measureRounds } from './measure/round.ts'
import type { Row } from './measure/row.ts'
import { type BenchOptions, parseOptions } from './options.ts'
import { writeResults } from './report/results-file.ts'
import { resultsTables } from './report/results-table.ts'
import { startBackend } from './setting/backend.ts'
import { issueCertificates } from './setting/certificates.ts'
import { versionOf } from './setting/installed.ts'
import { makeWorkFolder } from './setting/work-folder.ts'
import { subjects } from './subjects/catalog.ts'
import { type RunningSubject, runSubject, type Subject } from './subjects/subject.ts'

class Bench {
  readonly rows: Row[] = []
  /** Each subject that was asked for and has no figures, with the reason. */
  readonly notMeasured = new Set<string>()
  readonly #options: BenchOptions
  readonly #backendPort: number

  constructor(options: BenchOptions, backendPort: number) {
    this.#options = options
    this.#backendPort = backendPort
  }

  async run(): Promise<void> {
    for (const topology of this.#options.topologies) {
      const present = await this.#rehearse(topology)
      for (const payload of this.#options.payloads) {
        await this.#runCase({ topology, payload }, present)
      }
    }
  }

  /**
   * The subjects that are here and carry a request, each started once and stopped again: the compiled code that
   * Node keeps from a first start makes later ones smaller, so none is measured on its first.
   */
  async #rehearse(topology: Topology): Promise<Subject[]> {
    const { subjects: wanted } = this.#options
    const present: Subject[] = []
    for (const subject of subjects) {
      if (subject.topology !== topology || wanted?.includes(subject.name) === false) continue
      const missing = subject.missing()
      if (missing !== undefined) {
        this.#skip(`${topology} ${subject.name}: ${missing}`)
        continue
      }
      const running = await this.#start(subject, { topology, payload: smallest })
      await running?.stop()
      if (running !== undefined) present.push(subject)
    }
    return present
  }

  /** Every case has its subjects started anew: none is measured on what another case left in its memory. */
  async #runCase(benchCase: BenchCase, present: readonly Subject[]): Promise<void> {
    const running: RunningSubject[] = []
    try {
      for (const subject of present) {
        const started = await this.#start(subject, benchCase)
        if (started !== undefined) running.push(started)
      }
      await this.#measureCase(benchCase, running)
    } finally {
      await Promise.all(running.map(subject => subject.stop()))
    }
  }

  async #start(subject: Subject, benchCase: BenchCase): Promise<RunningSubject | undefined> {
    try {
      return await runSubject(subject, this.#backendPort, benchCase.payload)
    } catch (error) {
      return this.#skip(`${caseName(benchCase)} ${subject.name}: ${messageOf(error)}`)
    }
  }

  async #measureCase(benchCase: BenchCase, running: readonly RunningSubject[]): Promise<void> {
    const { connections, rounds, seconds } = this.#options
    for (const count of connections) {
      if (count > benchCase.payload.maxConnections) continue
      console.log(`\n${caseName(benchCase)}, ${count} connections`)
      const progress = (line: string) => console.log(`  ${line}`)
      const options = { rounds, seconds, progress }
      this.rows.push(...(await measureRounds(benchCase, count, running, options)))
    }
  }

  #skip(reason: string): undefined {
    this.notMeasured.add(reason)
    console.log(`skipped: ${reason}`)
  }
}

function checkTools(): void {
  for (const tool of ['wrk', 'nginx', 'openssl'] as const) {
    if (versionOf(tool) === undefined) {
      throw new Error(
        `${tool} is not installed, and nothing can be measured without: npm run bench:peers`,
      )
    }
  }
}

function checkSubjects(names: readonly string[] = []): void {
  const known = [...new Set(subjects.map(({ name }) => name))]
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined) {
    throw new Error(`--subjects ${unknown}: give one or more of ${known.join(', ')}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2))
  checkSubjects(options.subjects)
  checkTools()
  makeWorkFolder()
  issueCertificates()
  const backend = await startBackend()
  const bench = new Bench(options, backend.port)
  await bench.run()
  await backend.stop()
  const tables = resultsTables(bench.rows)
  console.log(`\n${tables}`)
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(bench.rows, undefined, 2)}\n`)
  }
  if (options.write) writeResults(tables, [...bench.notMeasured], options)
}

// Debian keeps nginx and haproxy in sbin, which is not in everybody's PATH.
process.env['PATH'] += ':/usr/sbin'

// An exit, not a throw: what was started is ended by the exit's own listener.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  await main()
} catch (error) {
  console.error(messageOf(error))
  process.exit(1)
}
