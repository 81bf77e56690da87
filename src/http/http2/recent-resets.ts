/** Streams beyond are forgotten, the oldest first. */
const maxRemembered = 4096

/** Streams that we reset: frames for them that crossed our RST_STREAM are innocent. */
export class RecentResets {
  readonly #streamIds = new Set<number>()

  add(streamId: number): void {
    this.#streamIds.add(streamId)
    if (this.#streamIds.size <= maxRemembered) return
    for (const oldest of this.#streamIds) {
      this.#streamIds.delete(oldest)
      return
    }
  }

  has(streamId: number): boolean {
    return this.#streamIds.has(streamId)
  }
}
