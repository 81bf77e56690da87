import type {
  ScaledFunction,
  WorkloadDriver,
} from '../../../../src/control/scaling/workload-driver.ts'

/** Does what it is told, and says when. */
export class FakeDriver implements WorkloadDriver {
  instancesPerHost: number
  running = 0
  readonly calls: number[] = []
  readonly met: string[] = []
  closed = false
  onLost: (name: string, why: string) => void = () => {}
  /** Of each call: what it waits for, or how it fails. */
  work: (hosts: number, signal: AbortSignal) => Promise<void> = async () => {}

  constructor(instancesPerHost = Number.POSITIVE_INFINITY) {
    this.instancesPerHost = instancesPerHost
  }

  async ensure(_fn: ScaledFunction, hosts: number, signal: AbortSignal): Promise<void> {
    this.calls.push(hosts)
    await this.work(hosts, signal)
    this.running = hosts
  }

  async hostReady(_fn: ScaledFunction, workload: string): Promise<void> {
    this.met.push(workload)
  }

  async current(): Promise<number> {
    return this.running
  }

  watch(onLost: (name: string, why: string) => void): void {
    this.onLost = onLost
  }

  async close(): Promise<void> {
    this.closed = true
  }
}
