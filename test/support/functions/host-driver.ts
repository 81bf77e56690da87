import type { Test } from 'tap'
import type { WorkloadDriver } from '../../../src/control/scaling/workload-driver.ts'
import { functionLabel } from '../../../src/model/function/function.ts'
import { startSidecar, type TestMesh, type TestProxy } from '../mesh.ts'

/** Hosts are sidecars in this process. */
export class HostDriver implements WorkloadDriver {
  readonly instancesPerHost = Number.POSITIVE_INFINITY
  /** What was asked for, in order. */
  readonly calls: number[] = []
  readonly hosts: TestProxy[] = []
  /** Thrown instead of starting anything. */
  failure: Error | undefined
  /** Asked to start, and waits for this. */
  gate: Promise<void> = Promise.resolve()
  onLost: (name: string, why: string) => void = () => {}
  readonly #t: Test
  #mesh: TestMesh | undefined

  constructor(t: Test) {
    this.#t = t
  }

  /** Where its hosts go; before any is wanted. */
  set mesh(mesh: TestMesh) {
    this.#mesh = mesh
  }

  async ensure({ name }: { readonly name: string }, count: number): Promise<void> {
    this.calls.push(count)
    if (count > 0) await this.gate
    if (this.failure !== undefined && count > 0) throw this.failure
    while (this.hosts.length > count) await this.hosts.pop()?.drain()
    while (this.hosts.length < count && this.#mesh !== undefined)
      this.hosts.push(
        await startSidecar(this.#t, this.#mesh, {
          name: `${name}-${this.hosts.length}`,
          labels: { [functionLabel]: name },
          overrides: { hostsFunction: true },
        }),
      )
  }

  async current(): Promise<number> {
    return this.hosts.length
  }

  watch(onLost: (name: string, why: string) => void): void {
    this.onLost = onLost
  }

  async close(): Promise<void> {}
}
