import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, type ChildOptions, startChild } from './child.ts'
import { accepts, answersOk } from './probe.ts'
import { workPath } from './work-folder.ts'

const readyTimeoutMs = 20_000

/** Programs that live and end together. */
export class ChildGroup implements AsyncDisposable {
  readonly #children: Child[] = []

  async start(options: ChildOptions): Promise<Child> {
    const child = await startChild(options)
    this.#children.push(child)
    return child
  }

  /** Node as this process runs it, with compiled code kept between starts. */
  startNode(options: Pick<ChildOptions, 'name' | 'args' | 'quiet'>): Promise<Child> {
    const env = { NODE_COMPILE_CACHE: workPath('compile-cache') }
    return this.start({ ...options, command: process.execPath, env })
  }

  /** Until `url` answers 200 in full. */
  waitUntilReady(url: string): Promise<void> {
    return this.waitFor(`200 from ${url}`, () => answersOk(url))
  }

  /** Until somebody accepts connections on `port`. */
  waitUntilListening(port: number): Promise<void> {
    return this.waitFor(`listener on ${port}`, () => accepts(port))
  }

  /** Until `probe` says yes; `what` is named when it does not within 20 s. */
  async waitFor(what: string, probe: () => Promise<boolean>): Promise<void> {
    const patience = AbortSignal.timeout(readyTimeoutMs)
    while (!(await probe())) {
      const dead = this.#children.find(child => child.hasEnded())
      if (dead !== undefined) throw new Error(`${dead.name} ended, see ${dead.logFile}`)
      if (patience.aborted) {
        const logs = this.#children.map(child => child.logFile).join(', ')
        throw new Error(`no ${what} within ${readyTimeoutMs} ms, see ${logs}`)
      }
      await sleep(50)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.splice(0).map(child => child.stop()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
