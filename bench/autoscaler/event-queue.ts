/** What happens next, by time; what was added first goes first at the same time. */
export class EventQueue<Event> {
  readonly #heap: { readonly at: number; readonly number: number; readonly event: Event }[] = []
  #numbers = 0

  /** Infinity when nothing happens any more. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  add(at: number, event: Event): void {
    const heap = this.#heap
    heap.push({ at, number: this.#numbers++, event })
    for (let child = heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1
      if (!this.#swapIfBefore(child, parent)) return
      child = parent
    }
  }

  take(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first?.event
    heap[0] = last
    for (let parent = 0; ;) {
      const left = 2 * parent + 1
      if (left >= heap.length) return first.event
      const child = left + 1 < heap.length && this.#isBefore(left + 1, left) ? left + 1 : left
      if (!this.#swapIfBefore(child, parent)) return first.event
      parent = child
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]]
    if (one === undefined || other === undefined) return false
    return one.at < other.at || (one.at === other.at && one.number < other.number)
  }

  #swapIfBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]]
    if (one === undefined || other === undefined || !this.#isBefore(a, b)) return false
    this.#heap[a] = other
    this.#heap[b] = one
    return true
  }
}
