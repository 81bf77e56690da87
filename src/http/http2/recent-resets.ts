/** Streams beyond are no longer known one by one, the oldest first. */
const maxRemembered = 4096

/** Streams that we reset: frames for them that crossed our RST_STREAM are innocent. */
export class RecentResets {
  readonly #streamIds = new Set<number>()
  /** Those up to it may have been among those no longer known. */
  #forgotten = 0

  add(streamId: number): void {
    this.#streamIds.add(streamId)
    if (this.#streamIds.size <= maxRemembered) return
    for (const oldest of this.#streamIds) {
      this.#streamIds.delete(oldest)
      this.#forgotten = Math.max(this.#forgotten, oldest)
      return
    }
  }

  /** False only for a stream that was not reset. */
  mayHave(streamId: number): boolean {
    return streamId <= this.#forgotten || this.#streamIds.has(streamId)
  }
}
