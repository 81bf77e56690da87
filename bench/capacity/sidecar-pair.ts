import type { Protocol } from '../bench-case.ts'
import { readProcessTree } from '../measure/process-stat.ts'
import type { Child } from '../setting/child.ts'
import { ChildGroup } from '../setting/child-group.ts'
import { weftPair } from '../subjects/weft.ts'
import { connectionsBetween } from './connections.ts'

/** A client's and an application's sidecar with mTLS between them. */
export class SidecarPair implements AsyncDisposable {
  /** Where the application's clients connect. */
  readonly port: number
  readonly #outbound: Child
  readonly #inbound: Child
  readonly #group: ChildGroup

  private constructor(group: ChildGroup, port: number, [outbound, inbound]: readonly Child[]) {
    if (outbound === undefined || inbound === undefined) throw new Error('a pair is two sidecars')
    this.port = port
    this.#group = group
    this.#outbound = outbound
    this.#inbound = inbound
  }

  /** @param answers whether a request gets its answer on a port; the pair is ready when one does. */
  static async start(
    application: { readonly port: number; readonly protocol: Protocol },
    answers: (port: number) => Promise<boolean>,
  ): Promise<SidecarPair> {
    const group = new ChildGroup()
    try {
      const { port, proxies } = await weftPair.start(group, application)
      await group.waitFor('answer through the pair', () => answers(port))
      const children = proxies.map(({ child }) => child)
      return new SidecarPair(group, port, children)
    } catch (error) {
      await group.stop()
      throw error
    }
  }

  /** Resident bytes of both. */
  async rss(): Promise<{ readonly outbound: number; readonly inbound: number }> {
    const [outbound, inbound] = await Promise.all([
      readProcessTree(this.#outbound.pid),
      readProcessTree(this.#inbound.pid),
    ])
    return { outbound: outbound.rssBytes, inbound: inbound.rssBytes }
  }

  /** Those between the two sidecars, each by the port that the outbound one has for it. */
  meshConnections(): Promise<ReadonlySet<number>> {
    return connectionsBetween(this.#outbound.pid, this.#inbound.pid)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#group.stop()
  }
}
